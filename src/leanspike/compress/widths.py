"""How many bits a layer's weights take: what its quantizer says, or what its values show."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leanspike.compress.parametrization import compressed

_MOST_BITS = 8  # of a grid that is found in the values alone
_EVIDENCE = 16  # values that must fall on a grid by more than its own scales can explain
_SAMPLE = 32  # rows, and values of each, that are tested before all are
_COARSEST = 0.05  # rounding of a level, in levels, beyond which a float type cannot tell them


def weight_bits(layer: nn.Module) -> int:
    """Return the bits of one weight of a layer.

    A prepared layer has its quantizer's. A converted one has those it was converted with, as long
    as its weights still lie on a grid of so many bits. For any other, the values decide: weights
    that are whole multiples of one scale (or powers of two times it), the same for the layer or
    one per output channel, take the bits of the largest multiple, sign included, up to 8. All
    others take the width of their float type.

    Parameters
    ----------
    layer
        A module with a ``weight`` ``[M, ...]``.

    >>> layer = nn.Linear(32, 4)
    >>> weight_bits(layer)
    32
    >>> layer.weight.data = layer.weight.data.sign() * 0.3
    >>> weight_bits(layer)
    2
    """
    compression = compressed(layer)
    if compression is not None and compression.quantizer is not None:
        return compression.quantizer.bits
    weight: Tensor = layer.weight.detach()  # type: ignore[operator]
    if isinstance(layer, nn.modules.conv._ConvNd) and layer.transposed:
        weight = weight.transpose(0, 1)
    declared = declared_bits(layer)
    if compression is not None and declared is not None and declared > _MOST_BITS:
        declared = None  # it may have been trained since, which its values would not show
    return bits_of_values(weight, declared=declared)


def declared_bits(layer: nn.Module) -> int | None:
    """Return the bits a layer was converted with, None where it was not."""
    return layer.__dict__.get("_weight_bits")


def declare_bits(layer: nn.Module, bits: int | None) -> None:
    """Note the bits of a layer's plain weights; None forgets them."""
    layer.__dict__.pop("_weight_bits", None)
    if bits is not None:
        layer.__dict__["_weight_bits"] = bits


def bits_of_values(weight: Tensor, *, declared: int | None = None) -> int:
    """Return the bits of one weight, by the values (see `weight_bits`).

    Parameters
    ----------
    weight
        ``[M, ...]``, float.
    declared
        Bits that something says they have; believed where a grid of so many bits fits, or where
        it is too fine to be distinguished from floats (above 8).
    """
    full = weight.element_size() * 8
    if declared is not None and (declared > _MOST_BITS or not weight.is_floating_point()):
        return declared
    if not weight.is_floating_point():
        return full
    rows = weight.reshape(weight.shape[0] if weight.dim() > 1 else 1, -1)
    grids = [_uniform, _powers] if declared is None else [_uniform, _powers, _offset]
    most = max(2, declared or _MOST_BITS)
    tolerance = 4 * torch.finfo(weight.dtype).eps
    if declared is not None and 2**most * tolerance > _COARSEST:
        return declared
    for row in rows[:_SAMPLE]:
        one = row[None, :_SAMPLE].double()
        if bool(one.any()) and all(grid(one, most, tolerance) is None for grid in grids):
            return full  # floats, as most layers are
    rows = rows.double()
    nonzero = int((rows != 0).sum())
    for scaled in (rows.reshape(1, -1), rows[rows.any(1)]):
        if declared is None and nonzero - len(scaled) < _EVIDENCE:
            continue
        found = [bits for grid in grids if (bits := grid(scaled, most, tolerance)) is not None]
        if nonzero and found:
            return min(found) if declared is None else declared
    return full


def _uniform(rows: Tensor, most: int, tolerance: float) -> int | None:
    """Return the bits of whole multiples of one scale per row; None beyond `most`."""
    top = rows.abs().amax(1, keepdim=True)
    levels = _levels(rows.abs() / top, 2 ** (most - 1), tolerance)
    if levels is None:
        return None
    # Two's complement has one more negative code.
    positive = rows.amax(1) >= top[:, 0] * (1 - tolerance)
    bits = 2
    for largest, above in zip(levels.tolist(), positive.tolist(), strict=True):
        bits = max(bits, (largest if above else largest - 1).bit_length() + 1)
    return bits if bits <= most else None


def _powers(rows: Tensor, most: int, tolerance: float) -> int | None:
    """Return the bits of powers of two below one scale per row, zero and sign included."""
    shares = rows.abs() / rows.abs().amax(1, keepdim=True)
    steps = torch.where(shares > 0, -shares.clamp(min=1e-300).log2(), 0.0)
    if not bool(_whole(steps, 2 * tolerance).all()):
        return None
    bits = (int(steps.max().round()) + 1).bit_length() + 1
    return bits if bits <= most else None


def _offset(rows: Tensor, most: int, tolerance: float) -> int | None:
    """Return the bits of multiples of one scale beyond an offset per row, pruned zeros aside."""
    below = torch.where(rows == 0, torch.inf, rows).amin(1, keepdim=True)
    shares = torch.where(rows == 0, 0.0, rows - below)
    shares = shares / shares.amax(1, keepdim=True).clamp(min=1e-300)
    # Taking the offset off leaves the rounding of values that may be larger than what is left.
    levels = _levels(shares, 2**most - 1, 4 * tolerance)
    return None if levels is None else int(levels.max()).bit_length()


def _levels(shares: Tensor, most: int, tolerance: float) -> Tensor | None:
    """Return the fewest levels of each row that hold its shares of 1; None beyond `most`."""
    found = torch.zeros(len(shares), dtype=torch.int64, device=shares.device)
    pending = torch.arange(len(shares), device=shares.device)
    for levels in range(1, most + 1):
        error = levels * tolerance
        if error > _COARSEST:
            break
        near = _whole(shares[pending, :_SAMPLE] * levels, error)
        fits = near.clone()
        fits[near] = _whole(shares[pending[near]] * levels, error)
        found[pending[fits]] = levels
        pending = pending[~fits]
        if not len(pending):
            return found
    return None


def _whole(values: Tensor, error: float) -> Tensor:
    """Return which rows hold whole numbers alone, up to an error."""
    return ((values - values.round()).abs() <= error).all(1)
