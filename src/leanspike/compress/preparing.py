"""prepare, convert: a network made ready to train compressed, and the result baked in."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from leanspike.compress.config import CompressionConfig
from leanspike.compress.layers import (
    WeightLayer,
    check_alive,
    latent_weight,
    uncompressed,
    weight_layers,
)
from leanspike.compress.masks import draw_masks
from leanspike.compress.parametrization import attach, bake, compressed
from leanspike.compress.quantizers import QUANTIZERS, Grid, Quantizer
from leanspike.compress.quantizers.rounding import rounding
from leanspike.compress.scores import SCORES
from leanspike.compress.state import SharedScale
from leanspike.compress.widths import declare_bits, weight_bits
from leanspike.errors import InputError


def prepare(
    model: nn.Module,
    config: CompressionConfig,
    *,
    scores: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """Quantize and prune the weights of a model in place, ready for training.

    On a model prepared before it adds: a mask keeps what it pruned and is drawn tighter only
    where `config.sparsity` asks for more; a quantizer goes on, or gives way to one of another
    kind or width. Either every layer is changed or, on an error, none.

    Parameters
    ----------
    model
        Any torch model made of Conv1d, Conv2d, Conv3d and Linear layers. The weights stay the
        same parameters, so an optimizer over them stays valid; a quantizer adds its own
        parameters, which an optimizer made before does not know.
    config
        What to do.
    scores
        Per layer name, the worth of each weight for pruning, of the weights' shape; the
        magnitude of the latent weights by default.

    Returns
    -------
    nn.Module
        The same `model`.

    Warns
    -----
    UserWarning
        Naming what has weights and is not compressed: transposed convolutions, recurrent layers
        with gates, embeddings, weights that a network multiplies with itself.

    Raises
    ------
    InputError
        No weight layer, a pattern that fits none, shared weights, weights that are NaN or all
        zero, or a mask already tighter than asked for.

    >>> model = prepare(nn.Linear(8, 4), CompressionConfig(weight_bits=2, sparsity=0.5))
    >>> int((model.weight == 0).sum()) >= 16, len(model.weight.unique()) <= 3
    (True, True)
    """
    layers = weight_layers(model, only=config.layers)
    for name, layer in layers:
        check_alive(name, latent_weight(layer))
    masks = _masks(layers, config, scores)
    quantizers = make_quantizers(layers, config, masks)
    for name, layer in layers:
        compression = attach(layer)
        if name in quantizers:
            compression.quantizer = quantizers[name]
        if name in masks:
            compression.mask = masks[name]
            compression.structure = config.structure
    _OncePerForward.put_on(model)
    left = uncompressed(model)
    if left:
        warnings.warn(
            f"{type(model).__name__}: not compressed, {', '.join(map(str, left))}", stacklevel=2
        )
    return model


def tighten(model: nn.Module, config: CompressionConfig) -> None:
    """Draw the masks of a prepared model anew and tighter, from its latent weights as they are.

    Quantizers stay. Parameters and errors are those of :func:`prepare`.
    """
    layers = weight_layers(model, only=config.layers)
    for name, mask in _masks(layers, config, None).items():
        compression = compressed(dict(layers)[name])
        assert compression is not None
        compression.mask = mask


def pruned_fraction(model: nn.Module, config: CompressionConfig) -> float:
    """Give the fraction that masks prune of the layers that `config` chooses."""
    pruned = weights = 0
    for _, layer in weight_layers(model, only=config.layers):
        compression = compressed(layer)
        weights += latent_weight(layer).numel()
        if compression is not None and compression.mask is not None:
            pruned += int((~compression.mask).sum())
    return pruned / weights


def _masks(
    layers: list[tuple[str, WeightLayer]],
    config: CompressionConfig,
    scores: Mapping[str, Tensor] | None,
) -> dict[str, Tensor]:
    _check_patterns("layer_sparsity", dict(config.layer_sparsity), layers)
    if config.sparsity == 0 and not config.layer_sparsity:
        return {}
    before = {
        name: compression.mask
        for name, layer in layers
        if (compression := compressed(layer)) is not None and compression.mask is not None
    }
    if scores is None:
        weights = {name: latent_weight(layer).detach() for name, layer in layers}
        scores = SCORES[config.score](weights, seed=config.seed)
    for name, layer in layers:
        score, shape = scores.get(name), latent_weight(layer).shape
        if score is None or score.shape != shape or not bool(torch.isfinite(score).all()):
            raise InputError(
                f"its score must be finite, of the weights' shape {tuple(shape)}",
                where=f"layer {name!r}",
            )
    # Layers with a fraction of their own are drawn each by itself, the others together.
    own = {name: config.sparsity_of(name) for name, _ in layers}
    together = [name for name, sparsity in own.items() if sparsity is None]
    groups = [(together, config.sparsity), *(([n], s) for n, s in own.items() if s is not None)]
    masks: dict[str, Tensor] = {}
    for names, sparsity in groups:
        if names and sparsity:
            masks |= draw_masks(
                {name: scores[name] for name in names},
                sparsity,
                scope=config.scope,
                structure=config.structure,
                before=before,
            )
    return masks


def _check_patterns(
    where: str, patterns: Iterable[str], layers: list[tuple[str, WeightLayer]]
) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name, _ in layers):
            raise InputError(
                f"it fits no layer; there are {', '.join(name for name, _ in layers)}",
                where=f"{where}, pattern {pattern!r}",
            )


def make_quantizers(
    layers: list[tuple[str, WeightLayer]], config: CompressionConfig, masks: Mapping[str, Tensor]
) -> dict[str, Quantizer]:
    """Make the quantizers that a configuration asks for, started from the weights.

    A layer that has the same kind on the same grid already keeps its own and is left out.
    """
    kind = QUANTIZERS[config.quantizer]
    _check_patterns("layer_bits", dict(config.layer_bits), layers)
    made: dict[str, Quantizer] = {}
    for name, layer in layers:
        bits = config.bits_of(name)
        if bits is None:
            continue
        weight = latent_weight(layer)
        channel = config.granularity == "channel"
        quantizer = kind(
            Grid(
                bits=bits,
                rounding=rounding(config.rounding, delta=config.ewgs_delta),
                shape=(weight.shape[0], *[1] * (weight.dim() - 1)) if channel else (),
                power_of_two=config.power_of_two_scale,
                reach=config.initializer,
            )
        )
        compression = compressed(layer)
        present = compression.quantizer if compression is not None else None
        mask = masks.get(name, compression.mask if compression is not None else None)
        begin = weight.detach()
        if mask is not None and config.initializer == "mse":
            begin = _survivors(begin, mask, channel=channel)
        if present is not None and type(present) is kind and _same_grid(present, quantizer):
            continue
        try:
            quantizer.to(weight).start(begin)
        except InputError as error:
            raise InputError(error.what, where=f"layer {name!r}", remedy=error.remedy) from error
        made[name] = quantizer
    return made


def _survivors(weight: Tensor, mask: Tensor, *, channel: bool) -> Tensor:
    """Set pruned weights to zero, so that a least squared error counts only those that are left.

    Where a scale has no weight left its weights stay, for a scale needs some.
    """
    kept = weight * mask
    rows = kept.reshape(weight.shape[0] if channel else 1, -1)
    alive = rows.abs().amax(1) > 0
    return torch.where(alive.reshape(-1, *[1] * (weight.dim() - 1)), kept, weight)


def _same_grid(one: Quantizer, two: Quantizer) -> bool:
    """Tell whether two quantizers put weights on the same kind of grid."""
    return (one.bits, one.grid.shape, one.grid.power_of_two) == (
        two.bits,
        two.grid.shape,
        two.grid.power_of_two,
    )


class _OncePerForward:
    """Compute each compressed weight once per call of a model, however many steps it runs.

    torch computes a parametrized weight anew at every access; its cache, switched on for the
    length of one forward, makes that once.
    """

    def __init__(self, model: nn.Module) -> None:
        self.open: list[AbstractContextManager[None]] = []
        self.handles = (
            model.register_forward_pre_hook(self.enter),
            model.register_forward_hook(self.leave, always_call=True),
        )

    def enter(self, *_: Any) -> None:
        cache = parametrize.cached()
        cache.__enter__()
        self.open.append(cache)

    def leave(self, *_: Any) -> None:
        if self.open:
            self.open.pop().__exit__(None, None, None)

    @classmethod
    def put_on(cls, model: nn.Module) -> None:
        if "_once_per_forward" not in model.__dict__:
            model.__dict__["_once_per_forward"] = cls(model)

    @staticmethod
    def take_off(model: nn.Module) -> None:
        found = model.__dict__.pop("_once_per_forward", None)
        if found is not None:
            for handle in found.handles:
                handle.remove()


def convert(model: nn.Module) -> nn.Module:
    """Bake quantized and masked values into plain weights, in place.

    Parameters
    ----------
    model
        A prepared model.

    Returns
    -------
    nn.Module
        The same `model` with unchanged outputs: its layers are plain ones again, with nothing
        left of the preparation but their bits (`weight_bits`). Membranes and accumulators of few
        bits (`prepare_state`) stay.

    Raises
    ------
    InputError
        No layer of the model was prepared.
    """
    prepared = [layer for _, layer in weight_layers(model) if compressed(layer) is not None]
    if not prepared:
        raise InputError(
            "no layer is prepared",
            where=type(model).__name__,
            remedy="Call prepare(model, config) first",
        )
    for module in model.modules():
        if isinstance(module, SharedScale):
            module.freeze()
    for layer in prepared:
        bits = weight_bits(layer)
        bake(layer)
        declare_bits(layer, bits)
    for module in model.modules():
        _OncePerForward.take_off(module)
    return model
