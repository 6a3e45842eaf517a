"""What a convolution stage keeps for the backward pass: as it is, as bits, or only its input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from leanspike.arrays import Bytes

Keep = Literal["tensors", "bits", "inputs"]


class Bits(NamedTuple):
    """A tensor of zeros and ones at one bit each."""

    bits: Bytes
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype


def run_stage(
    stage: Callable[[Tensor], Tensor], x: Tensor, *, keep: Keep, norm: nn.BatchNorm2d
) -> Tensor:
    """Call ``stage(x)``, keeping for the backward pass what ``keep`` says.

    Parameters
    ----------
    stage
        A convolution and what follows it.
    x
        The stage's input.
    keep
        ``"tensors"``: what torch keeps. ``"bits"``: the same, but spikes in ``x`` at one bit each
        (on the CPU). ``"inputs"``: nothing but ``x``; the stage runs again in the backward pass.
    norm
        The stage's batch norm, whose running statistics a second run must not move.
    """
    if keep == "tensors" or not torch.is_grad_enabled():
        return stage(x)
    if keep == "bits":
        with as_bits(x):
            return stage(x)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), unmoved(norm)

    result: Tensor = checkpoint(stage, x, use_reentrant=False, context_fn=contexts)
    return result


def as_bits(x: Tensor) -> AbstractContextManager[object]:
    """Keep ``x``, where operations inside save it for their backward pass, at one bit per value.

    Does nothing if ``x`` holds anything but zeros and ones, or is not on the CPU.
    """
    binary = x.device.type == "cpu" and bool(((x == 0) | (x == 1)).all())
    if not binary:
        return nullcontext()
    address, stride = x.data_ptr(), x.stride()

    def pack(saved: Tensor) -> Tensor | Bits:
        if saved.data_ptr() != address or saved.stride() != stride or saved.shape != x.shape:
            return saved
        return pack_bits(saved)

    def unpack(saved: Tensor | Bits) -> Tensor:
        return unpack_bits(saved) if isinstance(saved, Bits) else saved

    return torch.autograd.graph.saved_tensors_hooks(pack, unpack)


def pack_bits(x: Tensor) -> Bits:
    """Return the zeros and ones of ``x`` ``[...]`` packed, its memory layout remembered."""
    order = torch.tensor(x.stride()).argsort(descending=True, stable=True).tolist()
    flat = x.detach().permute(order).reshape(-1)
    return Bits(np.packbits((flat != 0).numpy()), x.shape, x.stride(), x.dtype)


def unpack_bits(packed: Bits) -> Tensor:
    """Return what was packed, in the same layout; values that shared memory no longer do."""
    order = torch.tensor(packed.stride).argsort(descending=True, stable=True).tolist()
    shape = [packed.shape[axis] for axis in order]
    flat = np.unpackbits(packed.bits, count=packed.shape.numel())
    x = torch.from_numpy(flat).to(packed.dtype).reshape(shape)
    return x.permute(torch.tensor(order).argsort().tolist())


@contextmanager
def unmoved(norm: nn.BatchNorm2d) -> Iterator[None]:
    """Let batch norm run in training without moving its running statistics."""
    momentum, count = norm.momentum, norm.num_batches_tracked
    before = None if count is None else count.clone()
    norm.momentum = 0.0
    try:
        yield
    finally:
        norm.momentum = momentum
        if count is not None and before is not None:
            count.copy_(before)
