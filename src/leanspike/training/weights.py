"""Weights in safetensors files."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from leanspike.errors import InputError


def save_weights(net: nn.Module, path: Path) -> None:
    """Write a network's state dict as safetensors; the file appears whole or not at all.

    Raises
    ------
    InputError
        When the folder cannot be written or the disk is full.
    """
    content = safetensors.torch.save(_state(net))
    write_whole(path, content)


def load_weights(net: nn.Module, path: Path) -> None:
    """Load a state dict written by `save_weights`.

    A file from before a compression loads into a prepared network: what the file lacks because
    compression added it (masks, quantizers) keeps its value; see `compress.prepare`.

    Raises
    ------
    InputError
        When the file is missing, damaged or of another network; names the first key that differs.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", where=str(path)) from error
    try:
        state = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"not a safetensors file ({error})", where=str(path)) from error
    try:
        net.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        first = lines[1] if len(lines) > 1 else lines[0]
        raise InputError(f"weights of another network: {first}", where=str(path)) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a full disk or an interrupt leaves the old one, or none."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(
            f"cannot write: {error.strerror or error}",
            where=str(path),
            remedy="Name another folder, or make room",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def weights_digest(net: nn.Module) -> str:
    """sha256 over names and values of a network's state dict."""
    digest = hashlib.sha256()
    for name, tensor in _state(net).items():
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _state(net: nn.Module) -> dict[str, Tensor]:
    # A copy each: safetensors refuses tensors that share memory or are not contiguous.
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in net.state_dict().items()
    }
