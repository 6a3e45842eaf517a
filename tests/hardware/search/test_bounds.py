"""The search's bounds and exact figures against the model's own, mapping by mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from every_mapping import every_mapping
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_cases import cases

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.case import Case
from leanspike.hardware.search._bounds import BITS, Bounds, Lanes
from leanspike.hardware.search.groups import Batch, batches
from leanspike.hardware.search.tables import Tables
from leanspike.hardware.search.walks import Walk
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import FixedStructured, Uniform
from leanspike.hardware.workload.layer import Layer

# Sums of another order differ in the last digits.
FLOAT = 1e-12


def bounded(case: Case, *, limited: bool = True) -> list[tuple[Walk, Batch, Bounds]]:
    walk = Walk([case], limited=limited)
    found = [batch for batch in batches(case, walk) if batch.blocks]
    return [(walk, batch, Bounds([case], Tables(batch.numbers))) for batch in found]


def check(
    case: Case, *, at_most: int, spoil: Callable[[Lanes], Lanes] = lambda lanes: lanes
) -> int:
    """Compare bounds, exact figures and the model's for some mappings; return how many."""
    seen = 0
    whole = case.semantics.whole_accesses
    for walk, batch, pricer in bounded(case, limited=False):
        pricer.lanes = spoil(pricer.lanes)
        for counted in batch.blocks:
            least, _, legal, bounds = pricer.of(counted, "pareto")
            rows = np.linspace(0, len(counted) - 1, min(len(counted), at_most)).astype(np.int64)
            energy, cycles = pricer.exact(0, counted, rows)
            assert int(np.isfinite(least[0]).sum()) == legal[1, 0]
            for place, n in enumerate(rows):
                low_pj, high_pj, low_cycles, high_cycles = bounds[0, n]
                mapping = counted.mapping(walk.space, int(n))
                try:
                    cost = case.cost(mapping)
                except InputError:
                    assert np.isinf(low_pj)
                    continue
                seen += 1
                assert energy[place] == pytest.approx(cost.energy_pj, rel=FLOAT)
                assert cycles[place] == pytest.approx(cost.cycles, rel=FLOAT)
                assert low_pj <= cost.energy_pj <= high_pj
                assert low_cycles <= cost.cycles <= high_cycles
                if not whole:
                    # Nothing is rounded: the bounds are the figures.
                    assert (low_pj, high_pj) == pytest.approx((cost.energy_pj,) * 2, rel=1e-8)
                    assert (low_cycles, high_cycles) == pytest.approx((cost.cycles,) * 2, rel=1e-8)
    return seen


@settings(max_examples=12)
@given(cases())
def test_every_mapping_lies_within_its_bounds(case: Case) -> None:
    assume(sum(1 for _ in every_mapping(case)) <= 1000)
    check(case, at_most=1000)


@pytest.mark.parametrize("semantics", ["physical", "sparseloop"])
@pytest.mark.parametrize("preset", ["eyeriss_snn", "tick_batching", "event_driven"])
def test_mappings_of_a_preset_lie_within_their_bounds(preset: str, semantics: str) -> None:
    layer = Layer(
        name="conv", T=4, C=8, M=16, P=8, Q=8, R=3, S=3, density={"weights": 0.3, "inputs": 0.1}
    )
    case = Case.of(layer, Architecture.load(preset), Semantics.preset(semantics))
    if not bounded(case):
        pytest.skip("Sparseloop's rank rule leaves no mapping")
    assert check(case, at_most=60) > 0


def without(column: int) -> Callable[[Lanes], Lanes]:
    """Return what leaves out one column of the coefficients."""

    def spoil(lanes: Lanes) -> Lanes:
        coefficients = lanes.coefficients.copy()
        coefficients[:, column] = 0.0
        return lanes._replace(coefficients=coefficients)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lanes: lanes._replace(coefficients=lanes.coefficients * 1.001),
        lambda lanes: lanes._replace(needed=lanes.needed * 0.999),
        lambda lanes: lanes._replace(compute_pj=lanes.compute_pj * 1.001),
        lambda lanes: lanes._replace(room=lanes.room * 0.1),
        without(BITS),
    ],
    ids=["energy", "cycles", "computes", "room", "capacity"],
)
def test_a_wrong_bound_does_not_pass(spoil: Callable[[Lanes], Lanes]) -> None:
    layer = Layer(
        name="conv", T=4, C=8, M=16, P=8, Q=8, R=3, S=3, density={"weights": 0.3, "inputs": 0.1}
    )
    case = Case.of(layer, Architecture.load("eyeriss_snn"), Semantics())
    with pytest.raises(AssertionError):
        check(case, at_most=200, spoil=spoil)


def in_lane(case: Case, lane: int) -> Case:
    """Return a case of the same structure with densities and prices of its own."""
    models = []
    for x, model in enumerate(case.models):
        density = model.density * (1.0 - 0.09 * ((lane + x) % 8))
        if isinstance(model, Uniform):
            models.append(Uniform.from_density(density, model.size))
        else:
            models.append(FixedStructured(density))
    pricing = replace(
        case.pricing, storage=case.pricing.storage * (1.0 + lane),
        compute=case.pricing.compute * (2.0 + lane), state=case.pricing.state * (1.0 + lane),
    )  # fmt: skip
    return replace(case, models=tuple(models), pricing=pricing)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), st.integers(2, 8))
def test_lanes_do_not_mix(case: Case, count: int) -> None:
    """Different cases side by side see what each sees alone."""
    some = [in_lane(case, lane) for lane in range(count)]
    for _, batch, _ in bounded(case, limited=False):
        tables = Tables(batch.numbers)
        together, alone = Bounds(some, tables), [Bounds([one], tables) for one in some]
        for counted in batch.blocks:
            every, *_ = together.of(counted, "energy")
            assert len({row.tobytes() for row in every[:count]}) > 1 or np.isinf(every).all()
            rows = np.arange(min(len(counted), 20))
            for lane, one in enumerate(alone):
                assert (every[lane] == one.of(counted, "energy")[0][0]).all()
                for here, there in zip(
                    together.exact(lane, counted, rows), one.exact(0, counted, rows), strict=True
                ):
                    assert (here == there).all()


@settings(max_examples=10)
@given(cases())
def test_one_mapping_stands_for_all_of_equal_cost(case: Case) -> None:
    """The mappings kept stand for as many as there are, fan-outs and formats permitting."""
    assume(sum(1 for _ in every_mapping(case)) <= 1000)
    declared = 0
    for mapping in every_mapping(case):
        wide = [np.prod(mapping.factors[slot]) for slot in range(len(mapping.factors))]
        room = [1 if i % 3 == 0 else case.plan.mesh[i // 3, i % 3 - 1] for i in range(len(wide))]
        declared += all(w <= r for w, r, i in zip(wide, room, range(99), strict=False) if i % 3)
    kept = sum(
        int(counted.stands_for.sum())
        for _, batch, _ in bounded(case, limited=False)
        for counted in batch.blocks
    )
    if case.semantics.whole_accesses:
        assert kept <= declared  # Sparseloop's formats cannot divide every tile
    else:
        assert kept == declared
