"""Weights as bits: whole numbers at their width, dense or in a sparse format."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leanspike.errors import InputError

Bytes = NDArray[np.uint8]
FORMATS = ("dense", "UBM", "RLE", "CP", "UOP")


def pack(values: ArrayLike, bits: int, *, signed: bool = True) -> Bytes:
    """Pack whole numbers, first value in the lowest bits of the first byte.

    Parameters
    ----------
    values
        Any shape; in two's complement each from ``-2 ** (bits - 1)`` to ``2 ** (bits - 1) - 1``,
        unsigned from 0 to ``2 ** bits - 1``.
    bits
        1 to 32.
    signed
        Whether in two's complement; `unpack` needs the same.

    Returns
    -------
    Bytes
        uint8, the last byte filled with zeros.

    Raises
    ------
    InputError
        Bits out of range, or values that are not whole or do not fit.

    >>> pack([1, 0, -1, 1], 2).tolist()  # 01, 00, 11, 01, last value highest: 0b01110001
    [113]
    """
    _check_bits(bits)
    given = np.asarray(values).ravel()
    flat = given.astype(np.int64)
    if not np.array_equal(flat, given):
        raise InputError("values are not whole numbers")
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if len(flat) and not (low <= flat.min() and flat.max() <= high):
        raise InputError(
            f"values from {flat.min()} to {flat.max()} do not fit {bits} "
            f"{'signed' if signed else 'unsigned'} bits ({low} to {high})",
            remedy="Give more bits, or signed=False where no value is negative",
        )
    each = (flat[:, None] >> np.arange(bits)) & 1
    return np.packbits(each.astype(np.uint8).ravel(), bitorder="little")


def unpack(packed: Bytes, bits: int, count: int, *, signed: bool = True) -> NDArray[np.int64]:
    """Undo `pack`: the first `count` values, as int64.

    Raises
    ------
    InputError
        Bits out of range, or fewer bytes than so many values take.

    >>> unpack(pack([1, 0, -1, 1], 2), 2, 4).tolist()
    [1, 0, -1, 1]
    """
    _check_bits(bits)
    if 8 * len(packed) < count * bits:
        raise InputError(f"{len(packed)} bytes are fewer than {count} values of {bits} bits take")
    each = np.unpackbits(packed, count=count * bits, bitorder="little").reshape(count, bits)
    place = 1 << np.arange(bits, dtype=np.int64)
    if signed:
        place[-1] = -place[-1]
    values: NDArray[np.int64] = each.astype(np.int64) @ place
    return values


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= 32:
        raise InputError(f"{bits} is not from 1 to 32", where="bits")


@dataclass(frozen=True, eq=False, slots=True)
class Packed:
    """One layer's weights as bits.

    Rows are output channels; a row's columns run over ``C, R, S``. All metadata comes first for
    the whole layer, then the values.

    - ``dense``: no metadata, every value.
    - ``UBM``: one bit per weight, 1 where it is not zero; then the others' values.
    - ``RLE``: per stored value the number of zeros before it in `field_bits` bits; a longer run
      is broken by a stored zero; zeros at the end are not stored.
    - ``CP``: per non-zero its column in `field_bits` bits, after each row's count of them.
    - ``UOP``: the same with each row's end offset among all values in the place of its count.

    Attributes
    ----------
    format
        One of `FORMATS`.
    shape
        Of the weights.
    bits
        Of a value.
    metadata, values
        Packed bytes.
    metadata_bits
        Bits of metadata in use.
    stored
        Number of stored values.
    field_bits
        Width of a run or column; 0 without.
    signed
        Whether values are in two's complement; XNOR's two values are not, 0 standing for -1.
    checksum
        CRC-32 of all of the above, by which `unpack_weights` knows a damaged pack: 0 to
        ``2 ** 32 - 1``.
    """

    format: str
    shape: tuple[int, ...]
    bits: int
    metadata: Bytes
    values: Bytes
    metadata_bits: int
    stored: int
    field_bits: int
    signed: bool
    checksum: int

    @property
    def size_bits(self) -> int:
        """Bits of metadata and values."""
        return self.metadata_bits + self.stored * self.bits

    @classmethod
    def of(
        cls, format: str, shape: tuple[int, ...], bits: int, metadata: Bytes, values: Bytes,
        metadata_bits: int, stored: int, field_bits: int, signed: bool = True,
    ) -> Packed:  # fmt: skip
        """Make a pack with its checksum."""
        fields = (format, shape, bits, metadata, values, metadata_bits, stored, field_bits, signed)
        return cls(*fields, checksum=_checksum(*fields))

    def check(self) -> None:
        """Refuse a pack that is not as it was made.

        Raises
        ------
        InputError
            When its checksum is another.
        """
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "checksum"}
        try:
            found = _checksum(**fields)
        except (TypeError, ValueError, OverflowError):
            found = None
        if found is None or found != self.checksum or isinstance(self.checksum, bool):
            raise InputError(
                "its checksum is not that of its content",
                where="packed weights",
                remedy="They are damaged: pack them again",
            )


def _checksum(
    format: str, shape: tuple[int, ...], bits: int, metadata: Bytes, values: Bytes,
    metadata_bits: int, stored: int, field_bits: int, signed: bool,
) -> int:  # fmt: skip
    numbers = (*shape, bits, metadata_bits, stored, field_bits)
    if any(isinstance(number, bool) or int(number) != number for number in numbers):
        raise TypeError("not whole numbers")
    if not isinstance(format, str) or not isinstance(signed, bool | np.bool_):
        raise TypeError("no format")
    plain = tuple(int(number) for number in numbers)
    head = repr((format, len(shape), plain, bool(signed), len(metadata), len(values))).encode()
    parts = (np.ascontiguousarray(part, np.uint8).tobytes() for part in (metadata, values))
    return zlib.crc32(head + b"".join(parts))


def pack_weights(weights: NDArray[np.int64], bits: int, format: str = "dense") -> Packed:
    """Pack a layer's integer weights.

    Parameters
    ----------
    weights
        ``[M, ...]``. With one bit all are -1 or 1, and only ``"dense"`` makes sense.
    bits
        Width of a value.
    format
        One of `FORMATS`.

    Raises
    ------
    InputError
        An unknown format, or values that do not fit.
    """
    if format not in FORMATS:
        raise InputError(f"unknown format {format!r}; there are {', '.join(FORMATS)}")
    rows = weights.reshape(len(weights), -1)
    binary = bits == 1
    if binary and (format != "dense" or not np.isin(rows, (-1, 1)).all()):
        raise InputError(
            "binary weights have no zeros to leave out",
            where=f"format {format!r}",
            remedy="Take two bits for pruned binary weights, and 'dense' without pruning",
        )
    empty = np.zeros(0, np.uint8)
    if format == "dense":
        values = (rows > 0).astype(np.int64) if binary else rows
        return Packed.of(
            format, weights.shape, bits, empty, pack(values, bits, signed=not binary), 0,
            rows.size, 0, not binary,
        )  # fmt: skip
    if format == "UBM":
        mask = rows != 0
        stored = rows[mask]
        return Packed.of(
            format, weights.shape, bits, pack(mask, 1, signed=False), pack(stored, bits), rows.size,
            len(stored), 0,
        )  # fmt: skip
    if format == "RLE":
        return _run_lengths(weights, rows.ravel(), bits)
    row, column = np.nonzero(rows)
    field = max(1, (rows.shape[1] - 1).bit_length())
    per_row = np.bincount(row, minlength=len(rows))
    width = _row_field(format, rows.shape)
    heads = per_row if format == "CP" else np.cumsum(per_row)
    metadata = np.concatenate([_bits(heads, width), _bits(column, field)])
    return Packed.of(
        format, weights.shape, bits, np.packbits(metadata, bitorder="little"),
        pack(rows[row, column], bits), len(metadata), len(row), field,
    )  # fmt: skip


def unpack_weights(packed: Packed) -> NDArray[np.int64]:
    """Undo `pack_weights`.

    Raises
    ------
    InputError
        When the pack is damaged: its checksum is not that of its content.
    """
    packed.check()
    values = unpack(packed.values, packed.bits, packed.stored, signed=packed.signed)
    size = int(np.prod(packed.shape))
    if packed.format == "dense":
        return (values if packed.signed else values * 2 - 1).reshape(packed.shape)
    flat = np.zeros(size, np.int64)
    if packed.format == "UBM":
        flat[unpack(packed.metadata, 1, size, signed=False) == 1] = values
    elif packed.format == "RLE":
        runs = unpack(packed.metadata, packed.field_bits, packed.stored, signed=False)
        flat[np.cumsum(runs + 1) - 1] = values
    else:
        rows, columns = packed.shape[0], size // packed.shape[0]
        width = _row_field(packed.format, (rows, columns))
        each = np.unpackbits(packed.metadata, count=packed.metadata_bits, bitorder="little")
        heads = _whole(each[: rows * width], width)
        column = _whole(each[rows * width :], packed.field_bits)
        per_row = heads if packed.format == "CP" else np.diff(heads, prepend=0)
        flat[np.repeat(np.arange(rows), per_row) * columns + column] = values
    return flat.reshape(packed.shape)


def _run_lengths(weights: NDArray[np.int64], flat: NDArray[np.int64], bits: int) -> Packed:
    """Choose the run width with the fewest bits in all, and encode."""
    where = np.flatnonzero(flat)
    gaps = np.diff(where, prepend=-1) - 1
    sizes = {
        width: (len(gaps) + int((gaps // 2**width).sum())) * (width + bits)
        for width in range(1, 17)
    }
    width = min(sizes, key=lambda w: (sizes[w], w))
    longest = 2**width  # a run of 2 ** width - 1 zeros and a stored zero pass this many places
    extra = gaps // longest
    runs, values = [], []
    for gap, more, value in zip(gaps, extra, flat[where], strict=True):
        runs += [longest - 1] * more + [gap - more * longest]
        values += [0] * more + [value]
    return Packed.of(
        "RLE", weights.shape, bits, pack(runs, width, signed=False), pack(values, bits),
        len(runs) * width, len(runs), width,
    )  # fmt: skip


def _row_field(format: str, shape: tuple[int, ...]) -> int:
    """Bits of a row's count (up to a whole row) or of its end offset (up to all weights)."""
    most = shape[1] if format == "CP" else shape[0] * shape[1]
    return int(most).bit_length()


def _bits(values: NDArray[np.int64], width: int) -> Bytes:
    each = (np.asarray(values, np.int64)[:, None] >> np.arange(width)) & 1
    return each.astype(np.uint8).ravel()


def _whole(each: Bytes, width: int) -> NDArray[np.int64]:
    place = 1 << np.arange(width, dtype=np.int64)
    whole: NDArray[np.int64] = each.reshape(-1, width).astype(np.int64) @ place
    return whole
