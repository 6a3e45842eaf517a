"""Checkpoints of the TCJA-SNN in the original repository's naming.

The repository (Zhu et al., arXiv 2206.10177; ``src/dvs128.py``) keeps its layers in two
sequences: convolutions with their batch norms at ``conv.0``, ``3``, ``6``, ``9`` and ``13``,
attention at ``conv.11`` and ``15``, dense layers at ``fc.2`` and ``5``. What stands between those
numbers and the weights depends on the version of SpikingJelly that wrote the file: ``conv.0.0``,
or ``conv.0.module.0``; ``fc.2.0``, or ``fc.2.module``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from leanspike.errors import InputError
from leanspike.nn.archive import load_archive
from leanspike.nn.network import VOTERS, NetworkConfig, SpikingNetwork, build_network

BLOCKS = {0: 1, 3: 2, 6: 3, 9: 4, 13: 5}
"""Place in the sequence ``conv`` of each convolution, counted from one."""
ATTENTIONS = {11: 1, 15: 2}
DENSE = {2: 1, 5: 2}

KEYS = {
    **{f"conv.{place}.0": f"conv{k}" for place, k in BLOCKS.items()},
    **{f"conv.{place}.1": f"norm{k}" for place, k in BLOCKS.items()},
    **{f"conv.{place}.conv": f"tcja{k}_t" for place, k in ATTENTIONS.items()},
    **{f"conv.{place}.conv_c": f"tcja{k}_c" for place, k in ATTENTIONS.items()},
    **{f"fc.{place}": f"dense{k}" for place, k in DENSE.items()},
}
"""The original name of each layer, without what SpikingJelly puts between, and ours."""


def rename_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a state dict of the original repository our names.

    Raises
    ------
    InputError
        If a key belongs to no layer of the TCJA-SNN.

    >>> list(rename_published({"conv.3.module.0.weight": torch.zeros(1)}))
    ['conv2.weight']
    """
    renamed = {}
    for key, value in state.items():
        layer, _, name = key.removeprefix("module.").rpartition(".")
        layer = layer.replace(".module", "")
        layer = re.sub(r"^(fc\.\d+)\.0$", r"\1", layer)
        if layer not in KEYS:
            raise InputError(
                f"key {key!r} is of no layer of the TCJA-SNN",
                where="state dict",
                remedy="Expected the original repository's names, such as conv.0.0.weight",
            )
        renamed[f"{KEYS[layer]}.{name}"] = value
    return renamed


def load_published(path: Path) -> SpikingNetwork:
    """Load a checkpoint of the original repository as our network, every weight accounted for.

    Channels, T, classes and the (square) resolution are read off the weights' shapes. The file is
    loaded with ``weights_only``: nothing in it is executed.

    Parameters
    ----------
    path
        A state dict, or a dictionary with one under ``"net"``, as the repository saves.

    Raises
    ------
    InputError
        If the file cannot be read, or its weights are not those of a TCJA-SNN.
    """
    state = rename_published(_read(path))
    net = build_network(_config(state, path), seed=0)
    # Files of before batch norm counted its batches lack that count; it changes nothing here.
    for name, value in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, value)
    try:
        net.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise InputError("; ".join(lines), where=str(path)) from error
    return net


def _read(path: Path) -> dict[str, Tensor]:
    loaded = load_archive(path)
    state = loaded.get("net", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise InputError("no state dict, neither bare nor under 'net'", where=str(path))
    for key, value in state.items():
        if value.is_complex() or not bool(torch.isfinite(value.float()).all()):
            raise InputError(f"{key!r} holds values that are not finite numbers", where=str(path))
    return state


def _config(state: Mapping[str, Tensor], path: Path) -> NetworkConfig:
    """Read the network's sizes off the shapes of its weights."""
    needed = [f"conv{k}.weight" for k in BLOCKS.values()]
    needed += ["tcja1_t.weight", "dense1.weight", "dense2.weight"]
    missing = [name for name in needed if name not in state]
    if missing:
        raise InputError(f"no weights for {', '.join(missing)}", where=str(path))
    for name in needed:
        wanted = 4 if name.startswith("conv") else 3 if name.startswith("tcja") else 2
        if state[name].dim() != wanted or not state[name].numel():
            raise InputError(
                f"{name!r} has shape {list(state[name].shape)}, no layer's", where=str(path)
            )
    channels = tuple(state[f"conv{k}.weight"].shape[0] for k in BLOCKS.values())
    hidden, inputs = state["dense1.weight"].shape
    side = round((inputs / channels[-1]) ** 0.5) * 2 ** len(channels)
    return NetworkConfig(
        "tcja",
        (state["conv1.weight"].shape[1], side, side),
        classes=state["dense2.weight"].shape[0] // VOTERS,
        T=state["tcja1_t.weight"].shape[0],
        channels=channels,
        hidden=hidden,
    )
