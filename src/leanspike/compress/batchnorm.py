"""Batch normalisation around compression: folding it into weights, measuring it anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer, weight_layers
from leanspike.compress.parametrization import compressed
from leanspike.errors import InputError

_Norm = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def fold_batchnorm(
    model: nn.Module, example: Any, *, run: Callable[[nn.Module, Any], Any] | None = None
) -> list[tuple[str, str]]:
    """Fold every batch norm that directly follows a weight layer into that layer, in place.

    ``w' = w * gamma / sqrt(var + eps)``, ``b' = beta + (b - mean) * gamma / sqrt(var + eps)``
    (Jacob et al., arXiv 1712.05877, section 3.2). In evaluation mode the outputs stay the same up
    to rounding; the norm becomes an identity and the layer gets a bias. Fold before `prepare`,
    so that the quantizer sees the weights that hardware stores.

    Parameters
    ----------
    model
        Not yet prepared.
    example
        A batch, to see which norm gets which layer's output.
    run
        How to call the model on it; ``model(example)`` by default.

    Returns
    -------
    list of (layer, norm)
        The names of what was folded.

    Raises
    ------
    InputError
        A layer to fold into is prepared already.
    """
    produced: list[tuple[str, Tensor]] = []  # keeps outputs alive: no address is used twice
    pairs: dict[str, str] = {}
    names = {module: name for name, module in model.named_modules()}

    def made(layer: nn.Module, _: Any, output: Tensor) -> None:
        produced.append((names[layer], output))

    def taken(norm: nn.Module, args: tuple[Tensor, ...]) -> None:
        for name, output in reversed(produced):
            same = output.untyped_storage().data_ptr() == args[0].untyped_storage().data_ptr()
            if same and output.numel() == args[0].numel():
                pairs[name] = names[norm]
                return

    layers = dict(weight_layers(model))
    norms = [module for module in model.modules() if isinstance(module, _Norm)]
    handles = [layer.register_forward_hook(made) for layer in layers.values()]
    handles += [norm.register_forward_pre_hook(taken) for norm in norms]
    was_training = model.training
    model.eval()
    try:
        model(example) if run is None else run(model, example)
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    once = {layer: norm for layer, norm in pairs.items() if list(pairs.values()).count(norm) == 1}
    for layer_name, norm_name in once.items():
        layer, norm = layers[layer_name], model.get_submodule(norm_name)
        if compressed(layer) is not None:
            raise InputError(
                "it is prepared already", where=f"layer {layer_name!r}", remedy="Fold first"
            )
        assert isinstance(norm, _Norm)
        _fold(layer, norm)
        parent, _, child = norm_name.rpartition(".")
        setattr(model.get_submodule(parent), child, nn.Identity())
    return list(once.items())


def _fold(layer: WeightLayer, norm: _Norm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        gain = gain * norm.weight
    shift = -norm.running_mean if layer.bias is None else layer.bias - norm.running_mean
    bias = shift * gain + (norm.bias if norm.affine else 0.0)
    layer.weight.mul_(gain.reshape(-1, *[1] * (layer.weight.dim() - 1)))
    layer.bias = nn.Parameter(bias.to(layer.weight.dtype))


@torch.no_grad()
def reestimate_batchnorm(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    run: Callable[[nn.Module, Any], Any] | None = None,
) -> nn.Module:
    """Measure batch-norm statistics anew, for the weights as they are now, in place.

    Compression changes what a layer puts out, and statistics from before no longer fit. They
    become the plain average over the given batches; weights do not change.

    Parameters
    ----------
    model
        Any model; norms run in training mode, everything else in evaluation mode.
    batches
        What `run` takes; training data.
    run
        How to call the model on a batch, ``model(batch)`` by default; reset neurons here where
        a framework needs it.

    Returns
    -------
    nn.Module
        The same `model`. A norm that meets no data keeps its statistics, and an error (its own or
        one raised while a batch runs) leaves all of them as they were.

    Raises
    ------
    InputError
        No batch was given.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, _Norm) and module.track_running_stats
    ]
    before = [{name: value.clone() for name, value in norm.named_buffers()} for norm in norms]
    momenta = [norm.momentum for norm in norms]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    ran = 0
    try:
        for norm in norms:
            norm.train()
            norm.reset_running_stats()
            norm.momentum = None  # a cumulative average
        for batch in batches:
            model(batch) if run is None else run(model, batch)
            ran += 1
        if not ran:
            raise InputError("no batch was given", where="reestimate_batchnorm")
        met = [int(norm.num_batches_tracked or 0) > 0 for norm in norms]
    except BaseException:
        met = [False] * len(norms)
        raise
    finally:
        for module, mode in modes.items():
            module.training = mode
        for norm, momentum, values, was_met in zip(norms, momenta, before, met, strict=True):
            norm.momentum = momentum
            if not was_met:
                for name, value in values.items():
                    norm.get_buffer(name).copy_(value)
    return model
