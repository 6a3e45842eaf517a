"""Which implementation runs a neuron layer: plain torch, numba on the CPU, Triton on the GPU."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import torch

from leanspike.errors import InputError

Backend = Literal["auto", "torch", "numba", "triton"]
BACKENDS: tuple[str, ...] = get_args(Backend)


@cache
def _installed(package: str) -> bool:
    return find_spec(package) is not None


def check_backend(name: str) -> None:
    """Raise an ``InputError`` unless ``name`` is a backend's name."""
    if name not in BACKENDS:
        raise InputError(f"backend is {name!r}, expected one of {', '.join(BACKENDS)}")


def choose_backend(wanted: str, device: torch.device) -> str:
    """Return the backend to use for tensors on ``device``.

    ``"auto"`` takes numba on the CPU, Triton on CUDA, and plain torch where that is missing or
    on other devices. With ``TRITON_INTERPRET=1`` Triton's kernels also run, slowly, on the CPU.

    Raises
    ------
    InputError
        If the backend asked for by name cannot run there.

    >>> choose_backend("torch", torch.device("cpu"))
    'torch'
    """
    check_backend(wanted)
    native = {"cpu": "numba", "cuda": "triton"}.get(device.type)
    if wanted == "auto":
        return native if native is not None and _installed(native) else "torch"
    if wanted == "torch":
        return wanted
    if not _installed(wanted):
        raise InputError(
            f"backend {wanted} is not installed",
            remedy=f"Run: pip install {wanted}, or use backend auto",
        )
    interpreted = wanted == "triton" and os.environ.get("TRITON_INTERPRET") == "1"
    if wanted != native and not interpreted:
        raise InputError(
            f"backend {wanted} cannot run on {device.type} tensors", remedy="Use backend auto"
        )
    return wanted
