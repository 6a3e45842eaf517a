"""Which modules of a network hold weights worth compressing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import nn

from leanspike.errors import InputError

WeightLayer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear
"""The layers with synaptic weights: convolutions and dense layers, subclasses included."""
_NAMED = (nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase, nn.Bilinear, nn.Embedding)


def weight_layers(
    model: nn.Module, *, only: Sequence[str] = ("*",)
) -> list[tuple[str, WeightLayer]]:
    """Name every weight layer of a model, in the order of its definition.

    Parameters
    ----------
    model
        Any torch module.
    only
        Shell-style patterns (``"conv*"``); a layer is taken when its name fits one of them.

    Returns
    -------
    list of (name, module)
        The Conv1d, Conv2d, Conv3d and Linear layers; one that has several names by its first, and
        none of a part that never runs (the analog copy in a sinabs network).

    Raises
    ------
    InputError
        No weight layer at all, a pattern that fits none, weights shared between two layers (one
        mask and one scale could not serve both), or a lazy layer not yet initialised.

    >>> [name for name, _ in weight_layers(nn.Sequential(nn.Conv2d(2, 4, 3), nn.Linear(4, 2)))]
    ['0', '1']
    """
    idle = _idle(model)
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, WeightLayer) and id(module) not in idle
    ]
    if not found:
        raise InputError(
            "no weight layer was found",
            where=type(model).__name__,
            remedy="A model needs at least one Conv1d, Conv2d, Conv3d or Linear layer",
        )
    owner: dict[int, str] = {}
    for name, module in found:
        weight = latent_weight(module)
        if isinstance(weight, nn.parameter.UninitializedParameter):
            raise InputError(
                "its weights have no shape yet",
                where=f"layer {name!r}",
                remedy="Run one batch through the model before preparing it",
            )
        first = owner.setdefault(id(weight), name)
        if first != name:
            raise InputError(
                f"it shares its weights with layer {first!r}",
                where=f"layer {name!r}",
                remedy="Give each its own weights, for example with copy.deepcopy",
            )
    chosen: set[str] = set()
    for pattern in only:
        fits = {name for name, _ in found if fnmatchcase(name, pattern)}
        if not fits:
            raise InputError(
                f"it fits no weight layer; there are {', '.join(name for name, _ in found)}",
                where=f"pattern {pattern!r}",
            )
        chosen |= fits
    return [(name, module) for name, module in found if name in chosen]


@dataclass(frozen=True)
class Uncompressed:
    """Weights that are no weight layer's."""

    name: str
    kind: str
    weights: int

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {self.weights:,} weights)"


def uncompressed(model: nn.Module) -> tuple[Uncompressed, ...]:
    """Name what has weights that compression does not know, in the order of its definition.

    Parameters of two axes or more count as weights: those of transposed convolutions, recurrent
    layers with gates, embeddings, and those that a network multiplies with itself.
    """
    idle = _idle(model)
    found: dict[str, Uncompressed] = {}
    for name, module in model.named_modules():
        if id(module) in idle or isinstance(module, WeightLayer):
            continue
        if "Norm" in type(module).__name__ or "parametrizations." in name:
            continue
        own = dict(module.named_parameters(recurse=False))
        for key, parameter in own.items():
            if parameter.dim() < 2:
                continue
            known = isinstance(module, _NAMED)
            where = (name or type(module).__name__) if known else f"{name}.{key}".strip(".")
            before = found[where].weights if where in found else 0
            kind = type(module).__name__ if known else "parameter"
            found[where] = Uncompressed(where, kind, before + parameter.numel())
    return tuple(found.values())


def _idle(model: nn.Module) -> set[int]:
    """Find the modules that are registered but that the model's own forward never runs.

    A sinabs network holds the analog network it was made from beside its spiking one.
    """
    idle: set[int] = set()
    # What adapts a network to how it is called here (leanspike.nn.ForeignNetwork) has its parts.
    root = model.__dict__.get("network")
    for module in (*model.modules(), *([root] if isinstance(root, nn.Module) else [])):
        kinds = {f"{c.__module__.partition('.')[0]}.{c.__name__}" for c in type(module).__mro__}
        analog = getattr(module, "analog_model", None)
        spiking = getattr(module, "spiking_model", None)
        if "sinabs.Network" not in kinds or not isinstance(analog, nn.Module):
            continue
        runs = set(map(id, spiking.modules())) if isinstance(spiking, nn.Module) else set()
        idle |= set(map(id, analog.modules())) - runs
    return idle


def latent_weight(layer: WeightLayer) -> nn.Parameter:
    """Give the float weights that an optimizer trains, prepared or not.

    Parameters
    ----------
    layer
        A weight layer.

    Returns
    -------
    nn.Parameter
        Its parameter before quantizing and masking.
    """
    parametrizations = getattr(layer, "parametrizations", None)
    if parametrizations is not None and "weight" in parametrizations:
        original = parametrizations.weight.original
    else:
        original = layer.weight
    assert isinstance(original, nn.Parameter)
    return original


def check_alive(name: str, weight: torch.Tensor) -> None:
    """Refuse weights that hold NaN or infinity, and weights that are all zero.

    Parameters
    ----------
    name
        The layer, for the message.
    weight
        Its weights, any shape.

    Raises
    ------
    InputError
        A value is not finite, or none is other than zero.
    """
    bad = int((~torch.isfinite(weight)).sum())
    if bad:
        raise InputError(
            f"{bad} of its {weight.numel()} weights are NaN or infinite",
            where=f"layer {name!r}",
            remedy="The training that made them diverged: start from an earlier checkpoint",
        )
    if not bool(weight.any()):
        raise InputError(
            "its weights are all zero",
            where=f"layer {name!r}",
            remedy="Leave the layer out of the compression, or train it first",
        )
