"""Kinds of loop orders: what they merge, and that nothing is lost."""

from __future__ import annotations

from itertools import permutations, product
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.hardware.mapping.map_space import LoopGroup, MapSpace
from leanspike.hardware.mapping.orders import Reuse, orders
from leanspike.hardware.mapping.walk import walk

CONVOLUTION = Reuse(
    {"Weights": "CMRS", "Inputs": "TNCPQRS", "Outputs": "TNMPQ"}, {"Inputs": "PQRS"}
)
MATMUL = Reuse({"A": "MK", "B": "KN", "Z": "MN"})


def tile_loads(order: tuple[tuple[str, int], ...], moving: str) -> int:
    """Loads of a one-value buffer while the loops run, by running them; outermost first."""
    loads, held = 0, None
    for index in product(*(range(size) for _, size in order)):
        at = tuple(i for i, (name, _) in zip(index, order, strict=True) if name in moving)
        loads += at != held
        held = at
    return loads


@given(st.permutations([("M", 2), ("K", 3), ("N", 2)]), st.permutations(["M", "K", "N"]))
def test_orders_of_one_kind_load_every_tensor_as_often(
    first: list[tuple[str, int]], names: list[str]
) -> None:
    sizes = dict(first)
    one, other = tuple(first), tuple((n, sizes[n]) for n in names)
    kinds = [MATMUL.kind(tuple(n for n, _ in reversed(o))) for o in (one, other)]
    if kinds[0] == kinds[1]:
        for moving in MATMUL.moves.values():
            assert tile_loads(one, str(moving)) == tile_loads(other, str(moving))


@pytest.mark.parametrize("reuse", [MATMUL, CONVOLUTION])
def test_every_order_is_stood_for_once(reuse: Reuse) -> None:
    loops = tuple("MKN") if reuse is MATMUL else tuple("CMPR")
    kept = orders(LoopGroup("a"), loops, reuse)
    assert sum(kept.values()) == factorial(len(loops))
    kinds = {reuse.kind(order) for order in permutations(loops)}
    assert {reuse.kind(order) for order in kept} == kinds
    assert len(kept) == len(kinds)


def test_a_sliding_window_keeps_orders_that_disjoint_tiles_would_merge() -> None:
    window = orders(LoopGroup("a"), tuple("CPR"), CONVOLUTION)
    disjoint = orders(LoopGroup("a"), tuple("CPR"), Reuse(CONVOLUTION.moves))
    assert len(window) > len(disjoint)


def test_the_walk_s_nests_stand_for_the_whole_space() -> None:
    space = MapSpace(
        {"M": 4, "K": 6, "N": 2}, (LoopGroup("a"), LoopGroup("b", inner=("K",)), LoopGroup("c"))
    )
    blocks = list(walk(space, reuse=MATMUL))
    assert sum(int(block.stands_for.sum()) for block in blocks) == space.total
    assert sum(len(block) for block in blocks) < space.total
