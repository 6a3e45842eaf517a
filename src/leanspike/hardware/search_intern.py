"""Numbering distinct rows of integers, compiled: equal rows get one number, exactly."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Interner:
    """Numbers rows of ``width`` integers from 0 on, in the order they are first seen.

    >>> interner = Interner(2)
    >>> interner.number(np.array([[1, 2], [3, 4], [1, 2]])).tolist()
    [0, 1, 0]
    >>> interner.rows.tolist()
    [[1, 2], [3, 4]]
    """

    def __init__(self, width: int) -> None:
        self._keys: Ints = np.zeros((64, width), np.int64)
        self._slots: Ints = np.full(256, -1, np.int64)
        self._count = 0

    @property
    def rows(self) -> Ints:
        """The distinct rows by number, int64 [numbers, width]."""
        return self._keys[: self._count]

    def number(self, rows: Ints) -> NDArray[np.int32]:
        """Return the number of each row, int32 [rows]."""
        numbers = np.empty(len(rows), np.int32)
        done = 0
        while True:
            done, self._count = _number(rows, numbers, done, self._keys, self._slots, self._count)
            if done == len(rows):
                return numbers
            self._grow()

    def _grow(self) -> None:
        keys = np.zeros((2 * len(self._keys), self._keys.shape[1]), np.int64)
        keys[: self._count] = self.rows
        self._keys = keys
        self._slots = np.full(4 * len(keys), -1, np.int64)
        _place(keys, self._slots, self._count)


def first_of_equal(rows: Ints) -> tuple[Ints, Ints]:
    """Return where each distinct row is first seen, and which of these every row equals.

    >>> first, which = first_of_equal(np.array([[5], [7], [5]]))
    >>> first.tolist(), which.tolist()
    ([0, 1], [0, 1, 0])
    """
    which = Interner(rows.shape[1]).number(rows).astype(np.int64)
    _, first = np.unique(which, return_index=True)
    return first, which


@njit(cache=True, inline="always")
def _hash(row: Ints) -> int:
    # FNV-1a over whole words, with a shift that spreads high bits down.
    value = np.uint64(1469598103934665603)
    for part in row:
        value = (value ^ np.uint64(part)) * np.uint64(1099511628211)
        value ^= value >> np.uint64(29)
    return int(value & np.uint64(0x7FFFFFFFFFFFFFFF))


@njit(cache=True, nogil=True)
def _number(
    rows: Ints, numbers: NDArray[np.int32], done: int, keys: Ints, slots: Ints, count: int
) -> tuple[int, int]:
    """Give rows from ``done`` on their numbers until the table is full; return how far it got."""
    mask = len(slots) - 1
    for i in range(done, len(rows)):
        slot = _hash(rows[i]) & mask
        while True:
            found = slots[slot]
            if found < 0:
                if count == len(keys):
                    return i, count
                keys[count] = rows[i]
                slots[slot] = count
                numbers[i] = count
                count += 1
                break
            if np.array_equal(keys[found], rows[i]):
                numbers[i] = found
                break
            slot = (slot + 1) & mask
    return len(rows), count


@njit(cache=True, nogil=True)
def _place(keys: Ints, slots: Ints, count: int) -> None:
    mask = len(slots) - 1
    for n in range(count):
        slot = _hash(keys[n]) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = n
