"""The physical model against the walker: every count equal in expectation, case by case."""

from __future__ import annotations

import numpy as np
import pytest
from walker import KINDS, NAMES, OUTPUTS, Unfit, Walker

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import LayerCost
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

EVEN = Semantics().flipped("load_imbalance")


def divided(random: np.random.Generator, bound: int, slots: int) -> list[int]:
    """Split a bound over slots at random."""
    factors = [1] * slots
    for prime in (2, 3, 5, 7):
        while bound % prime == 0:
            factors[random.integers(slots)] *= prime
            bound //= prime
    return factors


def random_layer(random: np.random.Generator) -> Layer:
    def pick(*options):
        return options[random.integers(len(options))]

    convolution = random.random() < 0.7
    spatial = {}
    if convolution:
        p, r = pick(2, 3, 4), pick(1, 2, 3)
        stride, dilation = pick(1, 1, 2), pick(1, 1, 2)
        spatial = {"P": p, "R": r, "stride": (stride, 1), "dilation": (dilation, 1)}
        extent = (p - 1) * stride + (r - 1) * dilation + 1
        padding = pick(0, 0, 1)
        if padding and extent > 2:
            step = pick(1, 1, 2)
            size = pick(-(-(extent - 2) // step), max(1, (extent - 2) // step))
            spatial |= {"padding": (padding, 0), "input_size": (size, 1), "upsampling": (step, 1)}
        if random.random() < 0.25:
            spatial |= {"Q": 2, "S": 2}
            if "input_size" in spatial and random.random() < 0.5:
                spatial |= {"padding": (padding, 1), "input_size": (spatial["input_size"][0], 2)}
            elif "input_size" in spatial:
                spatial |= {"input_size": (spatial["input_size"][0], 3)}
    layer = Layer(
        name="layer", T=pick(1, 1, 2), C=pick(1, 2, 4), M=pick(1, 2, 4),
        neurons=bool(random.random() < 0.5), **spatial,
        bits={"weights": 4, "inputs": 4, "outputs": 4, "partial_sums": pick(4, 8), "state": 8},
    )  # fmt: skip
    real = int(layer.input_mask(0).sum() * layer.input_mask(1).sum()) * layer.T * layer.C
    weights = layer.volume("Weights")
    return layer.replace(
        density={
            "weights": pick(1, min(2, weights) / weights, min(1.5, weights) / weights),
            "inputs": pick(1, min(2, real) / real, min(1.5, real) / real),
        }
    )


def random_chip(random: np.random.Generator) -> Architecture:
    levels = []
    depth = int(random.integers(1, 5))
    for i in range(depth):
        kept = [n for n in NAMES if random.random() < 0.75 or (i == 0 and depth > 1)]
        kept = list(NAMES) if depth == 1 else kept
        level: dict = {"name": f"level{i}", "keeps": kept, "fanout": {"x": 9999, "y": 9999}}
        level["energy"] = {a: float(random.integers(1, 9)) for a in ("read", "write", "update")}
        level["energy"] |= {"gated_read": 0.25, "gated_update": 0.125, "metadata_read": 0.5}
        for key in ("skips", "gates"):
            if random.random() < 0.4:
                target, leader = random.permutation(3)[:2]
                if leader != OUTPUTS:
                    condition = {"target": NAMES[target], "when_empty": [NAMES[leader]]}
                    if target == OUTPUTS and random.random() < 0.4:
                        condition["when_empty"] = ["Weights", "Inputs"]
                    if any(NAMES[target] in lv["keeps"] for lv in [*levels, level]):
                        level[key] = [condition]
        wide = random.random()
        if wide < 0.35 and kept:
            level["width"] = int(random.choice([8, 16, 4]))
        elif wide < 0.65:
            formats = {n: "UBM" for n in kept if n != "Outputs" and random.random() < 0.6}
            level |= {"formats": formats, "metadata": {"width": 4}} if formats else {}
        if random.random() < 0.4:
            which = [k for k in ("read", "write", "shared") if random.random() < 0.5]
            level["bandwidth"] = {k: float(random.choice([0.05, 0.5])) for k in which}
            level["bandwidth"]["word_bits"] = int(random.choice([4, 8]))
        levels.append(level)
    compute = {
        "gates": bool(random.random() < 0.25), "skips": bool(random.random() < 0.4),
        "energy": {"compute": 1.0, "gated_compute": 0.25},
    }  # fmt: skip
    state = [lv["name"] for lv in levels if random.random() < 0.5]
    neuron = {"energy": 3.0, "state": state} if random.random() < 0.7 else None
    return Architecture(name="chip", levels=levels, compute=compute, neuron=neuron)


def random_case(seed: int) -> tuple[Layer, Architecture, Mapping]:
    random = np.random.default_rng(seed)
    layer, chip = random_layer(random), random_chip(random)
    dims = Case.of(layer, chip, EVEN).plan.problem.dims
    slots = 3 * len(chip.levels)
    chances = np.where(np.arange(slots) % 3 == 0, 2.0, 1.0)
    places = random.choice(slots, size=2 * slots, p=chances / chances.sum())
    factors = np.ones((slots, len(dims)), np.int64)
    bounds = layer.bounds
    for d, dim in enumerate(dims):
        split = divided(random, bounds[dim], len(places))
        for place, factor in zip(places, split, strict=True):
            factors[place, d] *= factor
    order = np.array([random.permutation(len(dims)) for _ in range(slots)])
    return layer, chip, Mapping(dims, factors, order)


def differences(walker: Walker, cost: LayerCost) -> list[str]:
    """What the model counts otherwise than the walker."""
    found = []
    row, instances = cost.evaluation.row, cost.evaluation.nest.instances

    def check(what: str, model: float, walked: float) -> None:
        if abs(model - walked) > 1e-9 * max(1.0, abs(walked)):
            found.append(f"{what}: {model:.6g}, walked {walked:.6g}")

    values, rows = walker.traffic
    for level in range(walker.levels):
        for x in range(3):
            if not walker.keep[level][x]:
                continue
            for k, kind in enumerate(("read", "fill", "update")):
                for outcome, name in enumerate(KINDS):
                    what = f"{name} {kind} of {NAMES[x]} at level {level}"
                    place = k + 3 * outcome
                    count = row.data[level, x, place] * instances[level]
                    check(what, count, values[level, x, kind, name])
                    count = row.accesses[level, x, place] * instances[level]
                    check(f"rows, {what}", count, rows[level, x, kind, name])
                    count = row.accesses[level, x, 9 + place] * instances[level]
                    if x != OUTPUTS:
                        walked = rows[level, x, f"metadata_{kind}", name]
                        check(f"rows of metadata, {what}", count, walked)
    for k, name in enumerate(KINDS):
        check(f"{name} computes", row.computes[k], walker.computes[name])
    cycles = (walker.computes["actual"] + walker.computes["gated"]) / instances[-1]
    check("compute cycles", cost.compute_cycles, cycles)
    slowest = cycles
    for level, lv in enumerate(walker.chip.levels):
        mine = max(cycles, walker.cycles(level, int(instances[level])))
        check(f"cycles of level {level}", cost.level_cycles[lv.name], mine)
        slowest = max(slowest, mine)
        for way, action in (("read", "read"), ("write", "update")):
            moved = sum(
                e.count for e in cost.energy
                if (e.component, e.tensor, e.action) == (lv.name, "State", action)
            )  # fmt: skip
            check(f"membranes, {way} at level {level}", moved, walker.state[level, way])
    check("cycles", cost.cycles, slowest)
    check("energy", cost.energy_pj, walker.energy)
    return found


def compared_in(seeds: range) -> int:
    """Compare some cases and return how many were."""
    results = {seed: compared(seed) for seed in seeds}
    wrong = {seed: found for seed, found in results.items() if found}
    assert not wrong
    return sum(found is not None for found in results.values())


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_everything_is_equal_in_expectation(first: int) -> None:
    assert compared_in(range(first, first + 100)) > 80


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 6000, 500))
def test_everything_is_equal_in_expectation_at_length(first: int) -> None:
    assert compared_in(range(first, first + 500)) > 400


def compared(seed: int) -> list[str] | None:
    """Differences of one random case; None where it is one the model approximates."""
    layer, chip, mapping = random_case(seed)
    walker = Walker(layer, chip, mapping)
    try:
        assert walker.traffic
    except Unfit:
        return None
    return differences(walker, Case.of(layer, chip, EVEN).cost(mapping))
