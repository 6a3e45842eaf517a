"""torch's checkpoints, read without running code and without taking damage for weights."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from leanspike.errors import InputError


def load_archive(path: Path) -> Any:
    """Read what `torch.save` wrote, onto the CPU.

    torch itself checks no checksum: a flipped bit would be another weight.

    Raises
    ------
    InputError
        When the file cannot be read, is damaged, unpacks to more than it holds, or has tensors
        that are larger than their data.
    """
    try:
        if zipfile.is_zipfile(path):  # else a file of before torch 1.6
            _check(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        _check_tensors(loaded)
    except Exception as error:
        # torch raises RuntimeError, UnpicklingError, KeyError and many others on damaged files.
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"not a readable checkpoint ({first:.200})", where=str(path)) from error
    return loaded


def _check(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{entry.filename!r} is compressed, which torch does not do")
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged!r} does not have its checksum")


def _check_tensors(loaded: Any) -> None:
    """Refuse tensors that repeat their data: a few bytes could stand for any size."""
    if isinstance(loaded, Tensor):
        held = loaded.untyped_storage().nbytes()
        if loaded.numel() * loaded.element_size() > held:
            raise ValueError(f"a tensor of shape {list(loaded.shape)} has {held} bytes of data")
    elif isinstance(loaded, dict):
        _check_tensors([*loaded.values()])
    elif isinstance(loaded, list | tuple):
        for each in loaded:
            _check_tensors(each)
