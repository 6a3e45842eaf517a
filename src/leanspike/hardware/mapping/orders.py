"""Loop orders: all that the constraints leave, or one of each kind that reuse can tell apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import permutations

from leanspike.hardware.mapping.map_space import LoopGroup


@dataclass(frozen=True)
class Reuse:
    """Which dimensions move which tensor: all that the order of temporal loops can matter by.

    A level refetches a tensor's tile whenever a loop that moves the tensor advances. Loops that do
    not move it are free only while they are inside the innermost loop that does, so for each
    tensor an order is known by the *set* of such loops. Where successive tiles overlap (a
    convolution's sliding window) it also matters how the loops follow each other from there to
    the first loop that leaves no overlap. Leader tiles of sparse optimizations grow by the same
    sets, and by the loop that ends them; where a target is read in rows of several values, by the
    order of all loops that move it, which is the order of values in rows. Orders that agree in
    these are equal in every count.

    Parameters
    ----------
    moves
        Dimensions that index each tensor.
    slides
        Of those, dimensions whose successive tiles may overlap.
    ends
        Tensors of which the loop that ends the set matters too.
    rows
        Tensors of which the order of all loops that move them matters.
    """

    moves: Mapping[str, Collection[str]]
    slides: Mapping[str, Collection[str]] = field(default_factory=dict)
    ends: Collection[str] = ()
    rows: Collection[str] = ()

    def kind(self, order: tuple[str, ...]) -> tuple[object, ...]:
        """Return what reuse can see of an order of loops, given innermost first.

        >>> reuse = Reuse({"A": "MK", "B": "KN", "Z": "MN"})
        >>> reuse.kind(("M", "N", "K")) == reuse.kind(("M", "K", "N"))
        True
        """
        seen: list[object] = []
        for tensor, moving in self.moves.items():
            sliding = self.slides.get(tensor, ())
            inner = next((i for i, d in enumerate(order) if d in moving), len(order))
            cut = next(
                (i for i in range(inner, len(order)) if order[i] in moving
                 and order[i] not in sliding),
                len(order),
            )  # fmt: skip
            last = cut + 1 if tensor in self.ends or cut > inner else cut
            walked = tuple(d for d in order if d in moving) if tensor in self.rows else ()
            seen.append((frozenset(order[:inner]), order[inner:last], walked))
        return tuple(seen)


def orders(
    group: LoopGroup, loops: tuple[str, ...], reuse: Reuse | None
) -> dict[tuple[str, ...], int]:
    """Orders of a group's loops, innermost first, and how many orders each stands for.

    Parameters
    ----------
    group
        The group; spatial loops have a single order.
    loops
        Its dimensions of more than one iteration.
    reuse
        When given, only the first order of each kind is kept (see :class:`Reuse`).

    >>> group = LoopGroup("DRAM", inner=("K",))
    >>> orders(group, ("K", "M", "N"), None)
    {('K', 'M', 'N'): 1, ('K', 'N', 'M'): 1}
    """
    inner = tuple(d for d in group.inner if d in loops)
    outer = tuple(d for d in group.outer if d in loops)
    free = tuple(d for d in loops if d not in inner + outer)
    if group.spatial:
        return {inner + free + outer: 1}
    kept: dict[object, tuple[str, ...]] = {}
    stands_for: Counter[tuple[str, ...]] = Counter()
    for middle in permutations(free):
        order = inner + middle + outer
        stands_for[kept.setdefault(order if reuse is None else reuse.kind(order), order)] += 1
    return dict(stands_for)
