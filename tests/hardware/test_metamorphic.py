"""What must stay, grow or shrink when a case is changed in one thing: no formula is repeated.

Everything is under ``physical``: Sparseloop rounds, and takes numbers for evenly spread.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from every_mapping import random_mappings
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import LayerCost
from leanspike.hardware.search.best import Objective
from leanspike.hardware.search.exhaustive import SearchResult, search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

ALL = ["Weights", "Inputs", "Outputs"]
ENERGY = {"read": 1.5, "write": 2.0, "update": 2.5, "metadata_read": 0.3, "metadata_write": 0.4}
OBJECTIVES = st.sampled_from(["edp", "energy", "latency"])
SLACK = 1 + 1e-9

Facts = tuple[dict[str, Any], dict[str, Any]]
metamorphic = settings(
    max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """A layer and a chip of three levels as plain data."""
    convolution = draw(st.booleans())
    layer = {
        "name": "layer",
        "T": draw(st.sampled_from([1, 2])),
        "C": draw(st.sampled_from([2, 4])),
        "M": draw(st.sampled_from([2, 4])),
        "P": 4 if convolution else 1,
        "R": 3 if convolution else 1,
        "neuron_size": draw(st.sampled_from([None, (2, 1)])) if convolution else None,
        "bits": {
            "weights": draw(st.sampled_from([2, 4, 8])),
            "inputs": draw(st.sampled_from([1, 8])),
        },
        "density": {
            "weights": draw(st.sampled_from([0.0, 0.1, 0.4, 1.0])),
            "inputs": draw(st.sampled_from([0.05, 0.3, 1.0])),
        },
        "neurons": draw(st.booleans()),
    }  # fmt: skip
    form = draw(st.sampled_from([None, "RLE", "UBM", "CP", "UOP"]))
    formats = {} if form is None else {"Inputs": [form], "Weights": [form]}
    conditions = st.sampled_from([
        [],
        [{"target": "Inputs", "when_empty": ["Weights"]}],
        [{"target": "Weights", "when_empty": ["Inputs"]}],
        [{"target": "Outputs", "when_empty": ["Inputs"]}],
    ])  # fmt: skip
    act = draw(st.sampled_from(["skips", "gates"]))
    chip = {
        "name": "chip",
        "levels": [
            {
                "name": "memory", "keeps": ALL, "width": 32, "formats": formats,
                "energy": {key: 40 * value for key, value in ENERGY.items()},
                "bandwidth": {"read": draw(st.sampled_from([None, 0.5]))},
            },
            {
                "name": "buffer", "keeps": ALL, "width": 16,
                "depth": draw(st.sampled_from([12, 40])),
                "metadata": {"width": 8, "depth": draw(st.sampled_from([16, 64]))},
                "formats": formats, "energy": ENERGY,
                "fanout": {"y": 2, "x": draw(st.sampled_from([1, 2]))},
                "bandwidth": draw(st.sampled_from([{}, {"write": 0.3}, {"shared": 1.0}])),
                "y": {"dims": ["M", "C"]}, "x": {"dims": ["C"]},
                act: draw(conditions),
            },
            {
                "name": "pad", "keeps": draw(st.sampled_from([ALL, ["Outputs"]])), "width": 16,
                "depth": draw(st.sampled_from([6, 24])), "energy": ENERGY,
                "time": {"dims": ["R", "P", "M"]},
                "bandwidth": {"read": draw(st.sampled_from([None, 1.0]))},
            },
        ],
        "compute": {"energy": {"compute": 0.7}, "skips": draw(st.booleans())},
        "neuron": {
            "state": draw(st.sampled_from([["buffer"], ["memory", "buffer"], ["pad"]])),
            "energy": 0.5,
        },
    }  # fmt: skip
    return layer, chip


def case_of(layer: dict[str, Any], chip: dict[str, Any]) -> Case:
    return Case.of(Layer(**layer), Architecture(**chip), Semantics())


def best(layer: dict[str, Any], chip: dict[str, Any], objective: Objective) -> SearchResult:
    try:
        return search_cases([case_of(layer, chip)], objective)[0]
    except InputError:
        assume(False)
        raise


def score(found: SearchResult, objective: Objective) -> float:
    if objective == "energy":
        return found.energy_pj
    return found.cycles if objective == "latency" else found.energy_pj * found.cycles


def legal(case: Case, count: int = 40) -> list[tuple[Mapping, LayerCost]]:
    """Mappings drawn at random that are legal, with their costs."""
    costs = []
    for mapping in random_mappings(case, count, seed=0):
        try:
            costs.append((mapping, case.cost(mapping)))
        except InputError:
            continue
    return costs


def changed(chip: dict[str, Any], level: int, **keys: Any) -> dict[str, Any]:
    found = copy.deepcopy(chip)
    found["levels"][level].update(keys)
    return found


def plain(chip: dict[str, Any]) -> dict[str, Any]:
    """The chip without formats: compressed tiles fill whole rows, and larger ones waste less."""
    found = copy.deepcopy(chip)
    for level in found["levels"]:
        level["formats"] = {}
    return found


@metamorphic
@given(facts(), OBJECTIVES, st.sampled_from([1, 2]), st.sampled_from([1, 8, 1000]))
def test_more_room_never_raises_the_optimum(
    case: Facts, objective: Objective, level: int, more: int
) -> None:
    layer, chip = case
    larger = changed(chip, level, depth=chip["levels"][level]["depth"] + more)
    tight = score(best(layer, chip, objective), objective)
    assert score(best(layer, larger, objective), objective) <= tight * SLACK


@metamorphic
@given(facts(), OBJECTIVES)
def test_a_larger_array_never_raises_the_optimum(case: Facts, objective: Objective) -> None:
    layer, chip = case
    larger = changed(chip, 1, fanout={"y": 4, "x": 4})
    small = score(best(layer, chip, objective), objective)
    assert score(best(layer, larger, objective), objective) <= small * SLACK


@metamorphic
@given(facts(), st.sampled_from(["weights", "inputs"]), st.floats(0, 1), st.floats(0, 1))
def test_more_non_zeros_never_cost_less(
    case: Facts, tensor: str, first: float, second: float
) -> None:
    """Of every mapping: what is skipped, compressed, awaited or gated only falls."""
    layer, chip = case
    few, many = sorted((first, second))
    sparse, dense = copy.deepcopy(layer), copy.deepcopy(layer)
    sparse["density"][tensor], dense["density"][tensor] = few, many
    gated = any(level.get("gates") for level in chip["levels"])
    fuller = case_of(dense, chip)
    sparser = case_of(sparse, chip)
    for mapping, cost in legal(fuller):
        less = sparser.cost(mapping)
        assert less.energy_pj <= cost.energy_pj * SLACK
        # Pairs of zeros that a level gates take their cycle, those that never arrive do not.
        if not gated:
            assert less.cycles <= cost.cycles * SLACK


@metamorphic
@given(facts(), OBJECTIVES, st.sampled_from(["weights", "inputs"]), st.floats(0, 1))
def test_more_non_zeros_never_lower_the_optimum(
    case: Facts, objective: Objective, tensor: str, density: float
) -> None:
    layer, chip = case
    dense = copy.deepcopy(layer)
    dense["density"][tensor] = max(density, layer["density"][tensor])
    full = score(best(dense, chip, objective), objective)
    assert score(best(layer, chip, objective), objective) <= full * SLACK


@metamorphic
@given(facts(), OBJECTIVES)
def test_rows_and_columns_are_alike(case: Facts, objective: Objective) -> None:
    layer, chip = case
    turned = {**layer, "Q": layer["P"], "P": 1, "S": layer["R"], "R": 1}
    if layer["neuron_size"]:
        turned["neuron_size"] = layer["neuron_size"][::-1]
    sideways = changed(chip, 2, time={"dims": ["S", "Q", "M"]})
    one, other = best(layer, chip, objective), best(turned, sideways, objective)
    assert score(one, objective) == pytest.approx(score(other, objective), rel=1e-9)
    assert one.mappings_legal == other.mappings_legal


@metamorphic
@given(facts(), OBJECTIVES)
def test_steps_are_samples_where_nothing_is_kept_between_them(
    case: Facts, objective: Objective
) -> None:
    layer, chip = case
    layer = {**layer, "neurons": False}
    samples = {**layer, "N": layer["T"], "T": 1}
    one, other = best(layer, chip, objective), best(samples, chip, objective)
    assert score(one, objective) == pytest.approx(score(other, objective), rel=1e-9)


@metamorphic
@given(facts())
def test_a_condition_that_never_holds_is_none(case: Facts) -> None:
    layer, chip = case
    conditions = [*chip["levels"][1].get("skips", []), *chip["levels"][1].get("gates", [])]
    assume(conditions)
    (leader,) = conditions[0]["when_empty"]
    full = copy.deepcopy(layer)
    full["density"][leader.lower()] = 1.0
    free = changed(chip, 1, skips=[], gates=[])
    without = case_of(full, free)
    for mapping, cost in legal(case_of(full, chip)):
        other = without.cost(mapping)
        assert (cost.energy_pj, cost.cycles) == pytest.approx((other.energy_pj, other.cycles))


@metamorphic
@given(facts(), st.integers(2, 5))
def test_what_steps_outermost_repeat(case: Facts, steps: int) -> None:
    """Every step moves as many inputs and outputs as the first one, and computes as much."""
    layer, chip = case
    chip, layer = plain(chip), {**layer, "T": 1}
    # Where non-zeros may lie depends on the size of the tensor, unless they are everywhere.
    layer["density"] = {**layer["density"], "inputs": 1.0}
    once, often = case_of(layer, chip), case_of({**layer, "T": steps}, chip)
    place = once.plan.problem.dims.index("T")
    for mapping, cost in legal(once):
        factors, order = mapping.factors.copy(), mapping.order.copy()
        factors[0, place] = steps
        first = order[0].tolist()
        first.remove(place)
        order[0] = [place, *first]
        repeated = often.cost(Mapping(mapping.dims, factors, order))
        for tensor in ("Inputs", "Outputs"):
            assert repeated.energy_by("tensor")[tensor] == pytest.approx(
                steps * cost.energy_by("tensor")[tensor]
            )
        assert repeated.neuron_updates == steps * cost.neuron_updates
        for what, count in cost.computes.items():
            assert repeated.computes[what] == pytest.approx(steps * count)
        assert repeated.compute_cycles == pytest.approx(steps * cost.compute_cycles)
        weights = cost.energy_by("tensor")["Weights"]
        assert weights / SLACK <= repeated.energy_by("tensor")["Weights"] <= steps * weights * SLACK


@metamorphic
@given(facts(), st.integers(2, 4))
def test_groups_outermost_are_layers_one_after_the_other(case: Facts, groups: int) -> None:
    layer, chip = case
    chip = plain(chip)
    grouped = {**layer, "C": layer["C"] * groups, "M": layer["M"] * groups, "groups": groups}
    for one in (layer, grouped):
        one["density"] = {"weights": 1.0, "inputs": 1.0}
    alone, together = case_of(layer, chip), case_of(grouped, chip)
    dims = together.plan.problem.dims
    for mapping, cost in legal(alone):
        lines = [f"G={groups} {line}".strip() if i == 0 else line
                 for i, line in enumerate(mapping.to_text())]  # fmt: skip
        whole = together.cost(Mapping.from_text(dims, lines))
        assert whole.energy_pj == pytest.approx(groups * cost.energy_pj)
        assert whole.cycles == pytest.approx(groups * cost.cycles)


@metamorphic
@given(facts(), st.sampled_from([2, 4]))
def test_bits_scale_what_they_fill(case: Facts, factor: int) -> None:
    """Rows of the tensor and of membranes grow with their bits; nothing else moves more often."""
    layer, chip = case
    chip = plain(chip)
    for level in chip["levels"]:
        # A row is read when any of its values is needed: conditions save wide values more often.
        level |= {"depth": None, "metadata": None, "bandwidth": {}, "skips": [], "gates": []}
    bits = {"weights": 4, "inputs": 1, "state": 4}
    wide = {**layer, "bits": {**bits, "weights": 4 * factor, "state": 4 * factor}}
    wider = case_of(wide, chip)
    for mapping, cost in legal(case_of({**layer, "bits": bits}, chip)):
        more = wider.cost(mapping)
        for tensor, energy in cost.energy_by("tensor").items():
            updating = sum(i.pj for i in cost.energy if i.action == "neuron_update")
            fixed = updating if tensor == "State" else 0.0
            scale = factor if tensor in ("Weights", "State") else 1
            assert more.energy_by("tensor")[tensor] == pytest.approx(
                fixed + scale * (energy - fixed)
            )
        assert more.cycles == pytest.approx(cost.cycles)


@metamorphic
@given(facts(), st.integers(0, 2), st.floats(0.05, 20), st.floats(0.05, 20))
def test_more_bandwidth_never_raises_cycles(
    case: Facts, level: int, first: float, second: float
) -> None:
    layer, chip = case
    slow, fast = sorted((first, second))
    for way in ("read", "write", "shared"):
        narrow = case_of(layer, changed(chip, level, bandwidth={way: slow}))
        wide = case_of(layer, changed(chip, level, bandwidth={way: fast}))
        for mapping, cost in legal(narrow, 10):
            sooner = wide.cost(mapping)
            assert sooner.cycles <= cost.cycles * SLACK
            name = chip["levels"][level]["name"]
            bound = max(cost.compute_cycles, cost.level_cycles[name] * slow / fast)
            assert sooner.level_cycles[name] == pytest.approx(bound)


@metamorphic
@given(facts(), OBJECTIVES, st.integers(0, 3))
def test_a_level_that_keeps_nothing_is_not_there(
    case: Facts, objective: Objective, place: int
) -> None:
    layer, chip = case
    bypassed = copy.deepcopy(chip)
    bypassed["levels"].insert(
        place, {"name": "wires", "time": {"dims": []}, "bandwidth": {"shared": 1e-3}}
    )
    one, other = best(layer, chip, objective), best(layer, bypassed, objective)
    assert score(one, objective) == pytest.approx(score(other, objective), rel=1e-9)
    assert one.mappings_legal == other.mappings_legal


@metamorphic
@given(facts(), st.floats(0.1, 10))
def test_energy_is_linear_in_its_prices(case: Facts, factor: float) -> None:
    layer, chip = case
    dear = copy.deepcopy(chip)
    for part in (*dear["levels"], dear["compute"]):
        part["energy"] = {action: factor * pj for action, pj in part["energy"].items()}
    dear["neuron"]["energy"] *= factor
    for objective in ("edp", "energy"):
        one, other = best(layer, chip, objective), best(layer, dear, objective)
        assert score(other, objective) == pytest.approx(factor * score(one, objective), rel=1e-9)


@metamorphic
@given(facts())
def test_free_neurons_without_a_state_are_none(case: Facts) -> None:
    layer, chip = case
    layer = {**layer, "neuron_size": None}
    free = {**chip, "neuron": {"energy": 0.0}}
    silent = case_of({**layer, "neurons": False}, free)
    for mapping, cost in legal(case_of({**layer, "neurons": True}, free)):
        other = silent.cost(mapping)
        assert (cost.energy_pj, cost.cycles) == (other.energy_pj, other.cycles)
