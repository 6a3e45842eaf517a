"""Files that are written whole, weights among them."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from leanspike.errors import InputError


def save_weights(net: nn.Module, path: Path) -> None:
    """Write a network's state dict as safetensors, to be read by `compress.load_state`.

    Raises
    ------
    InputError
        When the folder cannot be written or the disk is full; an older file is then kept.
    """
    write_whole(path, safetensors.torch.save(_state(net)))


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
