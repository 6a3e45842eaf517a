"""The search against plain enumeration of small map spaces, and against random mappings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import Case
from leanspike.hardware.cost import LayerCost
from leanspike.hardware.layer import Layer
from leanspike.hardware.mapping import SLOTS, Loop, Mapping
from leanspike.hardware.search import search, search_cases
from leanspike.hardware.search_best import Objective
from leanspike.hardware.semantics import Semantics

ENERGY = {"read": 1.5, "write": 2.0, "update": 2.5, "metadata_read": 0.3, "metadata_write": 0.4}


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def every_mapping(case: Case) -> Iterator[Mapping]:
    """Every mapping the loop rules allow, by trying everything, in every order of its loops."""
    chip, problem = case.plan.architecture, case.plan.problem
    places = [(i, slot) for i in range(len(chip.levels)) for slot in SLOTS]
    splits = []
    for dim, bound in zip(problem.dims, problem.bounds.tolist(), strict=True):
        splits.append([
            row
            for row in product(*[choices(chip, i, slot, dim, bound) for i, slot in places])
            if prod(row) == bound
        ])  # fmt: skip
    for rows in product(*splits):
        groups = []
        for place, (i, slot) in enumerate(places):
            loops = [
                Loop(i, slot, dim, row[place])
                for dim, row in zip(problem.dims, rows, strict=True)
                if row[place] > 1
            ]
            rule = getattr(chip.levels[i], slot)
            orders = [list(o) for o in permutations(loops) if keeps_order(rule.outer, o)]
            groups.append(orders if slot == "time" else orders[:1])
        for chosen in product(*groups):
            loops = [loop for group in chosen for loop in group]
            yield Mapping.from_loops(problem.dims, len(chip.levels), loops)


def choices(chip: Architecture, level: int, slot: str, dim: str, bound: int) -> list[int]:
    rule = getattr(chip.levels[level], slot)
    if slot != "time" and getattr(chip.levels[level].fanout, slot) == 1:
        return [1]
    if rule.dims is not None and dim not in rule.dims:
        return [1]
    if dim in rule.factors:
        return [rule.factors[dim] or bound]
    return [d for d in divisors(bound) if d <= rule.most.get(dim, bound)]


def keeps_order(outer: tuple[str, ...], loops: tuple[Loop, ...]) -> bool:
    names = [loop.dim for loop in loops]
    given_order = [dim for dim in outer if dim in names]
    return names[: len(given_order)] == given_order


def legal_costs(case: Case) -> list[LayerCost]:
    costs = []
    for mapping in every_mapping(case):
        try:
            costs.append(case.cost(mapping))
        except InputError:
            continue
    return costs


def best_of(costs: list[LayerCost], objective: Objective) -> float:
    return min(
        cost.energy_pj
        if objective == "energy"
        else cost.cycles
        if objective == "latency"
        else cost.energy_pj * cost.cycles
        for cost in costs
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    convolution = draw(st.booleans())
    layer = Layer(
        name="layer",
        T=draw(st.sampled_from([1, 2])),
        C=draw(st.sampled_from([2, 4])),
        M=draw(st.sampled_from([2, 3])),
        P=4 if convolution else 1,
        R=3 if convolution else 1,
        density={
            "weights": draw(st.sampled_from([0.1, 0.4, 1.0])),
            "inputs": draw(st.sampled_from([0.05, 0.3, 1.0])),
        },
        neurons=draw(st.booleans()),
    )
    form = draw(st.sampled_from([None, "RLE", "UBM", "CP", "UOP"]))
    formats = {} if form is None else {"Inputs": [form], "Weights": [form]}
    act = draw(st.sampled_from(["skips", "gates"]))
    follow = {
        act: draw(
            st.sampled_from([
                [],
                [{"target": "Inputs", "when_empty": ["Weights"]}],
                [{"target": "Weights", "when_empty": ["Inputs"]}],
            ])
        )
    }  # fmt: skip
    everything = ["Weights", "Inputs", "Outputs"]
    kept = draw(st.sampled_from([everything, ["Inputs", "Outputs"], ["Weights", "Outputs"]]))
    chip = Architecture(
        name="chip",
        levels=[
            {
                "name": "memory", "keeps": everything, "width": 32, "formats": formats,
                "energy": {key: 40 * value for key, value in ENERGY.items()},
                "time": {"dims": ["T", "C", "M", "P"]},
                "bandwidth": {"read": draw(st.sampled_from([None, 0.5]))},
            },
            {
                "name": "buffer", "keeps": kept, "width": 16,
                "depth": draw(st.sampled_from([4, 12, 40])),
                "metadata": {"width": 8, "depth": draw(st.sampled_from([16, 64]))},
                "formats": {name: form for name, form in formats.items() if name in kept},
                "energy": ENERGY, "fanout": {"y": 2, "x": draw(st.sampled_from([1, 2]))},
                "time": {"outer": draw(st.sampled_from([[], ["T"], ["M", "C"]]))},
                "y": {"dims": ["M", "C"]}, "x": {"dims": ["C"]},
                **(follow if all(c["target"] in kept for c in follow[act]) else {}),
            },
            {
                "name": "cell", "keeps": draw(st.sampled_from([everything, ["Outputs"]])),
                "width": 16, "depth": draw(st.sampled_from([6, 24])), "energy": ENERGY,
                "time": {"dims": ["R", "P", "M"], "factors": {"R": 0}},
                "bandwidth": {"read": draw(st.sampled_from([None, 1.0]))},
            },
        ],
        compute={"energy": {"compute": 0.7}, "skips": draw(st.booleans()), "gates": False},
        neuron={"state": draw(st.sampled_from([["buffer"], ["memory", "buffer"]])), "energy": 0.5},
    )  # fmt: skip
    semantics = Semantics.preset(draw(st.sampled_from(["physical", "sparseloop"])))
    return Case.of(layer, chip, semantics)


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
