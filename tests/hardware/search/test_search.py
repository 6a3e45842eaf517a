"""The search against plain enumeration of small map spaces, and against random mappings."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from every_mapping import best_of, choices, every_mapping, legal_costs
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_cases import cases

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import SLOTS, Loop, Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import LayerCost
from leanspike.hardware.search.best import Objective
from leanspike.hardware.search.exhaustive import search, search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer


@settings(max_examples=15)
@given(cases(), st.sampled_from(["edp", "energy", "latency"]))
def test_nothing_in_the_map_space_beats_what_is_found(case: Case, objective: Objective) -> None:
    assume(sum(1 for _ in every_mapping(case)) <= 1000)
    costs = legal_costs(case)
    if not costs:
        with pytest.raises(InputError, match="layer, map space: no mapping is left by"):
            search_cases([case], objective)
        return
    found = search_cases([case], objective)[0]
    assert best_of([found.cost], objective) == pytest.approx(best_of(costs, objective), rel=1e-12)
    assert (found.energy_pj, found.cycles) == pytest.approx(
        (found.cost.energy_pj, found.cost.cycles), rel=1e-12
    )
    assert found.mappings_legal == len(costs)
    assert found.mappings_total >= found.mappings_legal


@settings(max_examples=15)
@given(cases(), st.sampled_from(["edp", "energy", "latency"]))
def test_ties_are_decided_by_energy_and_then_cycles(case: Case, objective: Objective) -> None:
    assume(sum(1 for _ in every_mapping(case)) <= 1000)
    costs = legal_costs(case)
    assume(costs)

    def ranks(cost: LayerCost) -> tuple[float, ...]:
        scores = (best_of([cost], objective), cost.energy_pj, cost.cycles)
        return tuple(float(f"{score:.9e}") for score in scores)

    found = search_cases([case], objective)[0]
    assert ranks(found.cost) == min(ranks(cost) for cost in costs)


@pytest.mark.parametrize("energy", [{"read": 9.0}, {"read": 1.0, "skipped_read": 9.0}])
def test_the_order_of_values_in_rows_is_searched(energy: dict[str, float]) -> None:
    """A row of inputs is needed when any of its weights is: along Q there is only one."""
    chip = Architecture(name="chip", levels=[
        {"name": "memory", "keeps": ["Weights", "Inputs", "Outputs"], "width": 32,
         "energy": energy, "skips": [{"target": "Inputs", "when_empty": ["Weights"]}],
         "time": {"inner": ["P", "M"]}},
    ])  # fmt: skip
    layer = Layer(
        name="conv", C=2, M=2, P=2, Q=2, neurons=False, density={"weights": 0.5},
        bits={"inputs": 8},
    )  # fmt: skip
    case = Case.of(layer, chip, Semantics())
    costs = [cost.energy_pj for cost in legal_costs(case)]
    assert max(costs) > 1.1 * min(costs)
    assert search_cases([case], "energy")[0].energy_pj == pytest.approx(min(costs), rel=1e-12)


@settings(max_examples=8)
@given(cases())
def test_the_front_is_that_of_all_mappings(case: Case) -> None:
    assume(sum(1 for _ in every_mapping(case)) <= 800)
    costs = legal_costs(case)
    assume(costs)
    found = search_cases([case], "pareto")[0]
    front = [
        (a.energy_pj, a.cycles)
        for a in costs
        if not any(
            (b.energy_pj < a.energy_pj * (1 - 1e-12) and b.cycles <= a.cycles * (1 + 1e-12))
            or (b.energy_pj <= a.energy_pj * (1 + 1e-12) and b.cycles < a.cycles * (1 - 1e-12))
            for b in costs
        )
    ]  # fmt: skip
    assert {(float(f"{e:.9e}"), float(f"{c:.9e}")) for e, c, _ in found.front} == {
        (float(f"{e:.9e}"), float(f"{c:.9e}")) for e, c in front
    }
    for energy, cycles, mapping in found.front:
        cost = case.cost(mapping)
        assert (cost.energy_pj, cost.cycles) == pytest.approx((energy, cycles), rel=1e-12)


@pytest.mark.parametrize("semantics", ["physical", "sparseloop"])
@pytest.mark.parametrize("preset", ["eyeriss_snn", "output_stationary", "temporal_parallel"])
def test_a_random_search_never_beats_it(preset: str, semantics: str) -> None:
    layer = Layer(
        name="conv", T=4, C=8, M=16, P=8, Q=8, R=3, S=3, density={"weights": 0.3, "inputs": 0.1}
    )
    chip = Architecture.load(preset)
    case = Case.of(layer, chip, Semantics.preset(semantics))
    try:
        found = search_cases([case])[0]
    except InputError as error:
        pytest.skip(f"Sparseloop's rank rule leaves no mapping: {error}")
    generator = np.random.default_rng(0)
    places = [(i, slot) for i in range(len(chip.levels)) for slot in SLOTS]
    bounds = dict(zip(case.plan.problem.dims, case.plan.problem.bounds.tolist(), strict=True))
    options = {
        dim: [
            row
            for row in product(*[choices(chip, i, slot, dim, n) for i, slot in places])
            if prod(row) == n
        ]
        for dim, n in bounds.items()
    }
    tried = 0
    for _ in range(200):
        rows = {dim: some[generator.integers(len(some))] for dim, some in options.items()}
        loops = []
        for place, (i, slot) in enumerate(places):
            rule = getattr(chip.levels[i], slot)
            inner = [d for d in generator.permutation(list(bounds)) if d not in rule.outer]
            ordered = [*rule.outer, *[d for d in inner if d not in rule.inner], *rule.inner]
            ordered = [dim for dim in ordered if dim in bounds]
            loops += [
                Loop(i, slot, dim, rows[dim][place]) for dim in ordered if rows[dim][place] > 1
            ]
        try:
            cost = case.cost(Mapping.from_loops(tuple(bounds), len(chip.levels), loops))
        except InputError:
            continue
        tried += 1
        assert cost.energy_pj * cost.cycles >= found.energy_pj * found.cycles * (1 - 1e-12)
    assert tried > 0


@settings(max_examples=8)
@given(st.lists(cases(), min_size=2, max_size=4))
def test_cases_searched_together_find_what_each_finds_alone(some: list[Case]) -> None:
    together, alone = [], []
    for case in some:
        try:
            alone.append(search_cases([case])[0])
            together.append(case)
        except InputError:
            continue
    for one, other in zip(search_cases(together), alone, strict=True):
        assert one.mapping.to_text() == other.mapping.to_text()
        assert (one.energy_pj, one.cycles) == (other.energy_pj, other.cycles)
        assert one.mappings_legal == other.mappings_legal


def test_a_capacity_that_fits_nothing_is_named() -> None:
    levels = [
        {"name": "memory", "keeps": ["Weights", "Inputs", "Outputs"]},
        {"name": "tiny", "keeps": ["Weights", "Inputs"], "depth": 1, "width": 8},
    ]
    layer = Layer(name="dense", C=4, M=2, bits={"inputs": 8})
    with pytest.raises(InputError, match=r"dense, map space: no mapping .* capacity of tiny"):
        search(layer, Architecture(name="chip", levels=levels))


def test_a_fan_out_that_fits_nothing_is_named() -> None:
    levels = [
        {
            "name": "memory", "keeps": ["Weights", "Inputs", "Outputs"], "fanout": {"x": 2},
            "time": {"dims": ["M"]}, "x": {"factors": {"C": 0}},
        }
    ]  # fmt: skip
    with pytest.raises(InputError, match="memory x with 2 instances"):
        search(Layer(name="dense", C=4, M=2), Architecture(name="chip", levels=levels))


def test_factors_that_contradict_the_layer_are_named() -> None:
    levels = [
        {
            "name": "memory", "keeps": ["Weights", "Inputs", "Outputs"],
            "time": {"factors": {"C": 3}},
        }
    ]  # fmt: skip
    with pytest.raises(InputError, match="no split of C = 4 satisfies memory time C=3"):
        search(Layer(name="dense", C=4, M=2), Architecture(name="chip", levels=levels))


def test_an_unknown_objective_is_refused() -> None:
    chip = Architecture(
        name="chip", levels=[{"name": "memory", "keeps": ["Weights", "Inputs", "Outputs"]}]
    )
    with pytest.raises(InputError, match="found 'speed', expected one of edp, energy"):
        search(Layer(name="dense", C=4, M=2), chip, objective="speed")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["RLE", "UBM", "CP", "UOP"])
def test_padded_tiles_fit_where_their_fullest_does(form: str) -> None:
    """Padding has no non-zeros: a tile that meets it can still hold all that there are."""
    formats = {"Inputs": [form], "Weights": [form]}
    tensors = ["Weights", "Inputs", "Outputs"]
    chip = Architecture(name="chip", levels=[
        {"name": "memory", "keeps": tensors, "width": 32, "formats": formats,
         "energy": {"read": 60.0, "update": 90.0}, "time": {"dims": ["T", "C", "M", "P"]}},
        {"name": "buffer", "keeps": tensors, "width": 16, "depth": 3, "word_bits": 7,
         "metadata": "free", "formats": formats, "energy": {"read": 1.5, "update": 2.0},
         "fanout": {"y": 2, "x": 1}, "y": {"dims": ["M", "C"]}, "x": {"dims": ["C"]}},
        {"name": "scratch", "keeps": ["Outputs"], "width": 16, "depth": 6,
         "time": {"dims": ["R", "P", "M"], "factors": {"R": 0}}},
    ])  # fmt: skip
    layer = Layer(
        name="conv", C=2, M=2, P=4, R=3, padding=(1, 0), neurons=False,
        density={"weights": 0.0, "inputs": 0.3},
    )  # fmt: skip
    case = Case.of(layer, chip, Semantics())
    assert search_cases([case], "edp")[0].mappings_legal == len(legal_costs(case))
