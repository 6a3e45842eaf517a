"""Write a real tile in a format and read it back: the truth the size formulas are held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError
from leanspike.hardware.sparsity.formats import SizedRank, bit_length, counts_entries, word_bits

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Stream:
    """What one rank writes: words of one width, and, where fibers are listed, their lengths."""

    width: int
    words: tuple[int, ...]
    length_width: int = 0
    lengths: tuple[int, ...] = ()

    @property
    def bits(self) -> int:
        """Size of the rank."""
        return self.width * len(self.words) + self.length_width * len(self.lengths)


@dataclass(frozen=True)
class EncodedTile:
    """A tile as stored: one stream per rank, outermost first, and the stored values."""

    ranks: tuple[SizedRank, ...]
    shape: tuple[int, ...]
    streams: tuple[Stream, ...]
    values: Array

    @property
    def metadata_bits(self) -> int:
        """Size of everything but the values."""
        return sum(stream.bits for stream in self.streams)


def ranks_of(formats: str | Sequence[str]) -> tuple[SizedRank, ...]:
    """Turn one format or several, outermost first, into ranks."""
    several = [formats] if isinstance(formats, str) else formats
    return tuple(SizedRank(format=name) for name in several)


def encode(tile: Array, ranks: Sequence[SizedRank]) -> EncodedTile:
    """Write a tile, one axis per rank.

    >>> tile = np.array([0, 0, 7, 0, 5, 0])
    >>> code = encode(tile, [SizedRank(format="CP")])
    >>> code.streams[0].words, code.values.tolist(), code.metadata_bits
    ((2, 4), [7, 5], 9)
    >>> decode(code).tolist()
    [0, 0, 7, 0, 5, 0]
    """
    if tile.ndim != len(ranks) or tile.size == 0:
        raise InputError(f"a tile of shape {tile.shape} in {len(ranks)} ranks")
    streams = []
    fibers = [tile]
    for place, rank in enumerate(ranks):
        words: list[int] = []
        stored: list[Array] = []
        lengths: list[int] = []
        inside = ranks[place + 1] if place + 1 < len(ranks) else None
        for fiber in fibers:
            chosen = _choose(rank, fiber)
            stored.extend(fiber[at] for at in chosen)
            lengths.append(len(chosen))
            words.extend(_describe(rank, fiber, chosen, inside, words[-1] if words else 0))
        listed = counts_entries(ranks, place)
        extents = [np.array([extent]) for extent in tile.shape]
        streams.append(
            Stream(
                width=int(word_bits(ranks, extents, place)[0]) if rank.format != "U" else 0,
                words=tuple(words),
                length_width=int(bit_length(tile.shape[place])) if listed else 0,
                lengths=tuple(lengths) if listed else (),
            )
        )
        if rank.format == "UOP":  # what an empty segment points to is not stored
            stored = [entry for entry in stored if np.any(entry)]
        fibers = stored
    values = np.array([entry[()] for entry in fibers], dtype=tile.dtype)
    return EncodedTile(tuple(ranks), tile.shape, tuple(streams), values)


def _choose(rank: SizedRank, fiber: Array) -> list[int]:
    """Coordinates of the fiber that are stored, overflow included."""
    if rank.format in ("U", "UOP"):
        return list(range(len(fiber)))
    occupied = [place for place in range(len(fiber)) if np.any(fiber[place])]
    if rank.format != "RLE":
        return occupied
    window = 1 << rank.run_bits
    chosen: list[int] = []
    last = -1
    for place in occupied:
        while place - last > window:
            last += window
            chosen.append(last)
        chosen.append(place)
        last = place
    return chosen


def _describe(
    rank: SizedRank, fiber: Array, chosen: list[int], inside: SizedRank | None, offset: int
) -> list[int]:
    """Metadata words of one fiber; its first offset, if it has any, is ``offset``."""
    if rank.format == "UBM":
        return [int(place in set(chosen)) for place in range(len(fiber))]
    if rank.format == "CP":
        return chosen
    if rank.format == "RLE":
        return [after - before - 1 for before, after in pairwise([-1, *chosen])]
    if rank.format == "UOP":
        offsets = [offset]
        for child in fiber:
            entries = (
                0 if not np.any(child) else 1 if inside is None else len(_choose(inside, child))
            )
            offsets.append(offsets[-1] + entries)
        return offsets
    return []


def decode(code: EncodedTile) -> Array:
    """Read a tile back from its words, lengths and values alone."""
    return _Reader(code).fiber(0, None)


class _Reader:
    """Reads fibers depth first; each rank's streams are read once, in order."""

    def __init__(self, code: EncodedTile) -> None:
        self.code = code
        self.words = [iter(stream.words) for stream in code.streams]
        self.lengths = [iter(stream.lengths) for stream in code.streams]
        self.values = iter(code.values)

    def fiber(self, place: int, entries: int | None) -> Array:
        """Read one fiber; ``entries`` is what an offset pair above says about its length."""
        shape = self.code.shape[place:]
        out: Array = np.zeros(shape, dtype=self.code.values.dtype)
        if place == len(self.code.ranks):
            out[()] = next(self.values)
            return out
        rank = self.code.ranks[place]
        words = self.words[place]
        if rank.format == "UOP":
            offsets = [next(words) for _ in range(shape[0] + 1)]
            for at, (start, stop) in enumerate(pairwise(offsets)):
                if stop > start:
                    out[at] = self.fiber(place + 1, stop - start)
            return out
        for at in self._stored(place, shape[0], entries):
            out[at] = self.fiber(place + 1, None)
        return out

    def _stored(self, place: int, extent: int, entries: int | None) -> list[int]:
        rank, words = self.code.ranks[place], self.words[place]
        if rank.format == "U":
            return list(range(extent))
        if rank.format == "UBM":
            return [at for at in range(extent) if next(words)]
        if entries is None:
            entries = next(self.lengths[place])
        if rank.format == "CP":
            return [next(words) for _ in range(entries)]
        stored, last = [], -1
        for _ in range(entries):
            last += next(words) + 1
            stored.append(last)
        return stored
