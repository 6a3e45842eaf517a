import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.hardware.pareto import on_front
from leanspike.study.file.study_file import parse_budget
from leanspike.study.plan.options import Option, OptionTable
from leanspike.study.search.costs import predicted_front, spread

OPTIONS = tuple(Option(bits, part) for bits in (2, 8) for part in (0.0, 0.9))


def table_of(seed, layers=4):
    draw = np.random.default_rng(seed)
    shape = (layers, len(OPTIONS))
    costs = {name: draw.random(shape) + 0.1 for name in ("energy", "latency", "size")}
    names = tuple(f"layer{i}" for i in range(layers))
    return OptionTable(names, OPTIONS, (1,) * layers, draw.random(shape), costs)


def every(table):
    return list(itertools.product(range(len(OPTIONS)), repeat=len(table.layers)))


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_it_is_the_front_of_all_allocations(seed):
    table = table_of(seed)
    allocations = every(table)
    gains = [(-table.damage_of(a), -table.cost_of(a, "energy")) for a in allocations]
    brute = {a for a, best in zip(allocations, on_front(gains), strict=True) if best}
    found = predicted_front(table, "energy")
    cell = table.costs["energy"].max(axis=1).sum() / 4096
    # each of the true front has one found that is no worse by more than a cell per layer
    for wanted in brute:
        assert any(
            table.damage_of(a) <= table.damage_of(wanted) + 1e-12
            and table.cost_of(a, "energy") <= table.cost_of(wanted, "energy") + 5 * cell
            for a in found
        )


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_under_budgets_the_least_harmful_that_fits_is_found(seed):
    table = table_of(seed)
    sizes = sorted(table.cost_of(a, "size") for a in every(table))
    budget = parse_budget(f"size <= {sizes[len(sizes) // 3]} bit")
    found = predicted_front(table, "energy", [budget])
    assert found
    assert all(table.cost_of(a, "size") <= budget.most for a in found)
    best = min(table.damage_of(a) for a in every(table) if table.broken(a, [budget], {}) is None)
    least = min(table.damage_of(a) for a in found)
    cell = (table.damage.max() - table.damage.min()) * 0.15
    assert least <= best + cell


def test_nothing_fits_a_budget_below_everything():
    assert predicted_front(table_of(0), "energy", [parse_budget("size <= 0.1 bit")]) == []


def test_cheapest_first_and_ever_less_harmful():
    table = table_of(3, layers=6)
    front = predicted_front(table, "latency")
    cost = [table.cost_of(a, "latency") for a in front]
    damage = [table.damage_of(a) for a in front]
    assert cost == sorted(cost)
    assert damage == sorted(damage, reverse=True)


@pytest.mark.parametrize("count", [1, 2, 5, 1000])
def test_spread_takes_both_ends_and_no_more_than_asked(count):
    table = table_of(3, layers=6)
    front = predicted_front(table, "energy")
    chosen = spread(table, "energy", front, count)
    assert len(chosen) <= count
    assert len(set(chosen)) == len(chosen)
    if count > 1:
        assert {front[0], front[-1]} <= set(chosen)
