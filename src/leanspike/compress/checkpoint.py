"""Saving and loading weights with their compression, as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from leanspike.compress.widths import declare_bits, declared_bits
from leanspike.errors import InputError
from leanspike.files import write_whole

# torch's zip archives, and bare pickles of protocols 2 to 5. A safetensors file starts with the
# length of its header in 8 bytes, which may look like the latter, and then the header's brace.
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_WIDTHS = "leanspike.weight_bits"  # in the file's header, which other tools pass over
_ADDED = (".weight_mask", ".weight_quantizer.")


def save_state(model: nn.Module, path: str | Path, *, parents: bool = False) -> Path:
    """Write a model's state dict as safetensors, whole or not at all.

    The header says how many bits the weights of converted layers have.

    Parameters
    ----------
    model
        Any model, prepared or not.
    path
        File to write.
    parents
        Whether to make folders that are not there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    WriteError
        The file cannot be written; an older one is then kept.
    """
    path = Path(path)
    # A copy each: safetensors refuses tensors that share memory, as sinabs' thresholds do.
    state = {
        key: value.detach().clone(memory_format=torch.contiguous_format)
        for key, value in model.state_dict().items()
    }
    write_whole(path, save(state, metadata=_widths(model)), parents=parents)
    return path


def load_state(model: nn.Module, source: str | Path | Mapping[str, Tensor]) -> nn.Module:
    """Load weights into a model of the same architecture, prepared or not.

    A checkpoint from before a compression loads into a prepared model: scales start anew from
    the loaded weights, and masks stay as they were drawn. Nothing is loaded where anything does
    not fit.

    Parameters
    ----------
    model
        The model to fill, in place.
    source
        A safetensors file or a state dict.

    Returns
    -------
    nn.Module
        The same `model`.

    Raises
    ------
    InputError
        The file is missing, damaged or a pickle, its tensors are not this architecture's, or a
        value is not finite.
    """
    if isinstance(source, Mapping):
        state, where, widths = dict(source), "state dict", {}
    else:
        state, where = _read(Path(source)), str(source)
        widths = _read_widths(Path(source))
    expected = model.state_dict()
    for key, value in state.items():
        if key not in expected:
            raise InputError(
                f"it has {key!r}, which the model has not",
                where=where,
                remedy="Prepare the model as it was when the file was written"
                if any(part in key for part in _ADDED)
                else "It was written from another architecture",
            )
        if value.shape != expected[key].shape:
            raise InputError(
                f"{key!r} has shape {tuple(value.shape)}, the model's {tuple(expected[key].shape)}",
                where=where,
                remedy="It was written from another architecture",
            )
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            count = int((~torch.isfinite(value)).sum())
            raise InputError(
                f"{count} of {value.numel()} values of {key!r} are not finite",
                where=where,
                remedy="Its training diverged: train again with a lower learning rate",
            )
    missing = [k for k in expected if k not in state and not any(part in k for part in _ADDED)]
    if missing:
        raise InputError(
            f"{len(missing)} tensors are missing, {missing[0]!r} among them",
            where=where,
            remedy="It was written from another architecture",
        )
    model.load_state_dict(state, strict=True)
    for name, module in model.named_modules():
        if name in widths and f"{name}.weight".lstrip(".") in state:
            declare_bits(module, widths[name])
    return model


def _widths(model: nn.Module) -> dict[str, str] | None:
    """Give the header that says how many bits converted weights have; None without any."""
    widths = {
        name: bits for name, module in model.named_modules() if (bits := declared_bits(module))
    }
    return {_WIDTHS: json.dumps(widths)} if widths else None


def _read_widths(path: Path) -> dict[str, int]:
    with safe_open(path, "pt") as file:
        header = file.metadata() or {}
    try:
        widths = json.loads(header.get(_WIDTHS, "{}"))
    except json.JSONDecodeError:
        return {}  # another tool's
    if not isinstance(widths, dict):
        return {}
    return {k: bits for k, bits in widths.items() if isinstance(bits, int) and 1 <= bits <= 64}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file:
            start = file.read(9)
        if start.startswith(_PICKLE_STARTS) and start[8:] != b"{":
            raise InputError(
                "it is a pickle, which could run any code when read",
                where=str(path),
                remedy="Load it yourself with torch.load(..., weights_only=True) and pass the "
                "state dict, or save it with save_state",
            )
        state: dict[str, Tensor] = load_file(path)
        return state
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except SafetensorError as error:
        raise InputError(f"is no whole safetensors file ({error})", where=str(path)) from error
