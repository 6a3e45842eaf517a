"""How a tile's non-zeros are written down: one format per rank, outermost first.

Run-length overflow: entries that store no non-zero because a run did not fit its word.

A run word of b bits counts 0 to 2^b - 1 empty coordinates. A longer run is broken by entries
that store one more, empty, coordinate (a zero value), as Eyeriss (ISSCC 2016) and EIE (ISCA 2016)
do: each covers W = 2^b empty coordinates, so a run of L before a stored coordinate costs
``floor(L / W)`` of them. Empty coordinates at a fiber's end cost nothing: its length is known.


Sizes of compressed tiles in bits: what hardware would have to store to read them back.

Every number here is the length of what a writer of real tiles would write (the tests have one): its
mean over a density model, and a bound that no tile exceeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from leanspike.errors import InputError
from leanspike.hardware.sparsity.density import DensityModel, Reals, Sizes
from leanspike.spec import Spec

FormatName = Literal["U", "UOP", "UBM", "CP", "RLE"]
FORMAT_NAMES: tuple[FormatName, ...] = ("U", "UOP", "UBM", "CP", "RLE")
#: Width of a run length when none is given: what the published study's files use.
RUN_BITS = 4


class SizedRank(Spec):
    """The format of one rank of a tile, seen as fibers of a number of coordinates each.

    ======  ==========================  =====================================================
    name    stored coordinates          metadata
    ======  ==========================  =====================================================
    U       all                         none
    UOP     those with non-zeros        an offset per coordinate and one more (as CSR's rows)
    UBM     those with non-zeros        one bit per coordinate
    CP      those with non-zeros        each one's coordinate
    RLE     those with non-zeros        the run of empty coordinates before each
    ======  ==========================  =====================================================

    ``word_bits`` is the width of an offset, a coordinate or a run; without it, or where it is too
    narrow for their range, offsets and coordinates are as narrow as the range allows, and runs have
    4 bits. A plain name stands for a rank of that format.

    >>> SizedRank.model_validate("RLE").run_bits
    4
    """

    format: FormatName
    word_bits: Annotated[int, Field(ge=1, le=64)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, data: Any) -> Any:
        return {"format": data} if isinstance(data, str) else data

    @property
    def run_bits(self) -> int:
        """Width of a run length."""
        return self.word_bits or RUN_BITS


def expected_overflow(shape: Sizes, below: Sizes, run_bits: int, model: DensityModel) -> Reals:
    """Mean overflow entries of one fiber.

    The k-th entry before a non-empty coordinate exists when the kW coordinates before it are all
    empty, so the mean is the sum over k of ``(shape - kW) (P(kW empty) - P(kW + 1 empty))``:
    exact when any arrangement of a tile's non-zeros is as likely as any other.

    Parameters
    ----------
    shape, below
        Coordinates per fiber and values under one coordinate, both of shape [K].
    run_bits
        Width b of a run word.
    model
        Where the non-zeros lie.
    """
    window = 1 << run_bits
    overflow = np.zeros(len(shape))
    for size in np.unique(below):
        here = below == size
        longest = (shape[here] - 1) // window
        k = np.arange(1, int(longest.max()) + 1)
        gone = model.p_empty(k * window * size) - model.p_empty((k * window + 1) * size)
        total = np.concatenate([[0.0], np.cumsum(gone)])
        weighted = np.concatenate([[0.0], np.cumsum(k * gone)])
        overflow[here] = shape[here] * total[longest] - window * weighted[longest]
    return np.maximum(overflow, 0.0)


def most_entries(
    fibers: npt.NDArray[np.int64], shape: Sizes, stored: Sizes, run_bits: int
) -> Sizes:
    """Largest number of entries, overflow included, that ``stored`` coordinates can take.

    Over all ways of spreading them on ``fibers`` fibers of ``shape`` coordinates (arrays [K]).
    One in each fiber, at its end, overflows most; further ones are free of cost to the overflow
    as long as they fit beside whole windows, and then each window's first one takes an entry away.
    """
    window = 1 << run_bits
    windows = np.maximum(shape - 1, 0) // window
    beside = np.maximum(shape - 1 - windows * window, 0)
    used = np.minimum(fibers, stored)
    extra = stored - used
    free = np.minimum(extra, fibers * beside)
    rest = extra - free
    return used * (1 + windows) + free + rest - -(-rest // window)


@dataclass(frozen=True)
class TileSizes:
    """Stored values and metadata bits of K tiles; every array has shape [K].

    ``values`` are data words (RLE's overflow stores zeros as such), ``metadata_bits`` the rest.
    The expected ones are means, the largest ones bounds.
    """

    values: Reals
    metadata_bits: Reals
    most_values: Sizes
    most_metadata_bits: Sizes

    def bits(self, value_bits: int) -> Reals:
        """Mean total size, shape [K]."""
        return self.values * value_bits + self.metadata_bits

    def most_bits(self, value_bits: int) -> Sizes:
        """Bound of the total size, shape [K]."""
        return self.most_values * value_bits + self.most_metadata_bits


def tile_sizes(
    ranks: Sequence[SizedRank], shapes: Sequence[npt.ArrayLike], model: DensityModel
) -> TileSizes:
    """Size tiles stored in the given ranks.

    Parameters
    ----------
    ranks
        Formats, outermost first.
    shapes
        Coordinates per fiber of each rank: one array [K] (or one number) per rank. With one rank
        this is the tile size.
    model
        Where the non-zeros lie.

    Examples
    --------
    >>> from leanspike.hardware.sparsity.density import Uniform
    >>> sizes = tile_sizes([SizedRank(format="UBM")], [[8, 64]], Uniform(64, 16))
    >>> sizes.values.round(9).tolist(), sizes.metadata_bits.tolist(), sizes.most_values.tolist()
    ([2.0, 16.0], [8.0, 64.0], [8, 16])
    """
    if not ranks or len(ranks) != len(shapes):
        raise InputError(f"{len(ranks)} ranks for shapes of {len(shapes)}")
    extents = np.atleast_1d(*np.broadcast_arrays(*[np.asarray(s, np.int64) for s in shapes]))
    extents = [extents] if isinstance(extents, np.ndarray) else list(extents)
    return TileSizes(*_expected(ranks, extents, model), *_largest(ranks, extents, model))


def _products(extents: list[Sizes]) -> tuple[list[Sizes], list[Sizes]]:
    """Coordinates of each rank in the whole tile, and values under one of them."""
    through = [np.prod(extents[: i + 1], axis=0) for i in range(len(extents))]
    return through, [through[-1] // np.maximum(count, 1) for count in through]


def word_bits(ranks: Sequence[SizedRank], extents: Sequence[Sizes], place: int) -> Sizes:
    """Width of one metadata word of a rank, shape [K].

    Offsets and coordinates are as wide as given, or wider where their range needs it.
    """
    rank = ranks[place]
    if rank.format == "RLE":
        return np.full_like(extents[place], rank.run_bits)
    if rank.format == "UBM":
        return np.ones_like(extents[place])
    if rank.format == "UOP":  # offsets into the next rank's entries, or into the values
        needed = bit_length(np.prod(extents[: place + 2], axis=0))
    else:
        needed = bit_length(np.maximum(extents[place] - 1, 0))
    return np.maximum(needed, rank.word_bits or 0)


def bit_length(largest: npt.ArrayLike) -> Sizes:
    """Bits that hold 0 to ``largest``; at least 1."""
    # frexp's exponent is the bit length, exactly, below 2^53.
    return np.maximum(np.frexp(np.asarray(largest, np.float64))[1], 1).astype(np.int64)


def counts_entries(ranks: Sequence[SizedRank], place: int) -> bool:
    """Whether fibers of a rank begin with their number of entries: UOP above would give it."""
    listed = ranks[place].format in ("CP", "RLE")
    return listed and (place == 0 or ranks[place - 1].format != "UOP")


def _expected(
    ranks: Sequence[SizedRank], extents: list[Sizes], model: DensityModel
) -> tuple[Reals, Reals]:
    through, below = _products(extents)

    def entries(place: int) -> Reals:
        kept = through[place] * (1.0 - model.p_empty(below[place]))
        if ranks[place].format == "RLE":
            shape = extents[place]
            fibers = through[place] // np.maximum(shape, 1)
            runs = ranks[place].run_bits
            kept = kept + fibers * expected_overflow(shape, below[place], runs, model)
        return np.asarray(kept)

    return _stored(ranks, extents, entries, np.ones(len(extents[0])))


def _largest(
    ranks: Sequence[SizedRank], extents: list[Sizes], model: DensityModel
) -> tuple[Sizes, Sizes]:
    through, _ = _products(extents)
    most = model.maximum(through[-1])

    def entries(place: int) -> Sizes:
        kept = np.minimum(through[place], most)
        if ranks[place].format == "RLE":
            shape = extents[place]
            fibers = through[place] // np.maximum(shape, 1)
            kept = most_entries(fibers, shape, kept, ranks[place].run_bits)
        return kept

    return _stored(ranks, extents, entries, np.ones(len(extents[0]), np.int64))


N = TypeVar("N", np.float64, np.int64)


def _stored(
    ranks: Sequence[SizedRank],
    extents: list[Sizes],
    entries_of: Callable[[int], npt.NDArray[N]],
    fibers: npt.NDArray[N],
) -> tuple[npt.NDArray[N], npt.NDArray[N]]:
    """Return values and metadata bits from the entries of every compressed rank.

    ``fibers`` are those of the outermost rank: one.
    """
    bits = np.zeros_like(fibers)
    for place, (rank, shape) in enumerate(zip(ranks, extents, strict=True)):
        width = word_bits(ranks, extents, place)
        entries = fibers * shape if rank.format == "U" else entries_of(place)
        if rank.format == "UOP":
            bits += fibers * (shape + 1) * width
        elif rank.format == "UBM":
            bits += fibers * shape
        elif rank.format != "U":
            bits += entries * width
            if counts_entries(ranks, place):
                bits += fibers * bit_length(shape)
        fibers = entries
    return fibers, bits
