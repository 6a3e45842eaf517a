"""Checks on what users feed to neurons and networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leanspike.errors import InputError


def check_sequence(x: Tensor, *, where: str) -> None:
    """Raise an ``InputError`` unless ``x`` is a sequence ``[T, N, ...]`` neurons can take."""
    if x.dim() < 2:
        raise InputError(
            f"input has shape {list(x.shape)}, expected [T, N, ...] with time first", where=where
        )
    if x.shape[0] == 0:
        raise InputError("the sequence has no time steps (T = 0)", where=where)
    if not x.is_floating_point():
        raise InputError(
            f"input is {x.dtype}, expected floating point",
            where=where,
            remedy="Call .float() on it",
        )
    if x.dtype == torch.float16 and x.device.type == "cpu":
        raise InputError(
            "float16 is not supported on the CPU", where=where, remedy="Use bfloat16 or float32"
        )


def check_same_device(x: Tensor, module: nn.Module, *, where: str) -> None:
    """Raise an ``InputError`` if the input is on another device than the module's parameters."""
    for parameter in module.parameters():
        if parameter.device != x.device:
            raise InputError(
                f"input is on {x.device}, the parameters are on {parameter.device}",
                where=where,
                remedy="Move one of them with .to(device)",
            )
        return
