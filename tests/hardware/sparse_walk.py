"""The sparse referee: walks a loop nest over real sparse tensors and counts what is skipped.

Knows nothing of probabilities: a read is skipped when all the values of the other tensor that
it would meet while its values stay are zero in the tensor at hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from loop_walk import Tile, Walk

Nonzero = Callable[[Tile], bool]


def deliveries(walk: Walk, target: int, leader: int) -> list[tuple[int, Tile, int]]:
    """Every read of the outermost of two levels: values sent, what they meet, receivers.

    A read brings what a child's new tile does not share with the one before; children whose tiles
    are equal all along share it.
    """
    groups: dict[tuple[Tile, ...], list[np.ndarray]] = {}
    for place in walk.offsets(1, space=True):
        groups.setdefault(walk.trajectory(target, 1, place), []).append(place)
    found = []
    for tiles, members in groups.items():
        held: Tile = frozenset()
        met: set = set()
        new = 0
        for tile, time in zip(tiles, walk.offsets(1, space=False), strict=True):
            if tile != held and met:
                found.append((new, frozenset(met), len(members)))
                met, new = set(), 0
            new += len(tile - held)
            held = tile
            for place in members:
                met |= walk.touched(leader, 1, place + time)
        found.append((new, frozenset(met), len(members)))
    return found


def computes(walk: Walk) -> list[list[Tile]]:
    """The values every compute uses, by tensor: one index each."""
    last = walk.levels
    return [
        [walk.touched(x, last, place + time) for x in range(3)]
        for place in walk.offsets(last, space=True)
        for time in walk.offsets(last, space=False)
    ]


def nonzero_in(held: np.ndarray) -> Nonzero:
    """Whether a tensor has a non-zero among some indices; ranks it lacks are at 0."""

    def there(indices: Tile) -> bool:
        return any(held[index[: held.ndim]] for index in indices)

    return there
