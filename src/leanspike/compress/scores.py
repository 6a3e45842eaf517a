"""What makes a weight worth keeping: magnitude, chance, activity, gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer, latent_weight, weight_layers
from leanspike.errors import InputError


def magnitude(weights: Mapping[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """Score weights by their magnitude.

    >>> magnitude({"a": torch.tensor([-2.0, 1.0])})
    {'a': tensor([2., 1.])}
    """
    return {name: weight.abs() for name, weight in weights.items()}


def chance(weights: Mapping[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """Score weights by a random number from 0 to 1: the baseline for every other score."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(weight.shape, generator=generator).to(weight.device)
        for name, weight in weights.items()
    }


SCORES: dict[str, Callable[..., dict[str, Tensor]]] = {"magnitude": magnitude, "random": chance}


@torch.no_grad()
def activity_scores(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    run: Callable[[nn.Module, Any], Any] | None = None,
) -> dict[str, Tensor]:
    """Score weights by magnitude times how much their input fires.

    ``|w| * sqrt(mean(x ** 2))`` over all samples, time steps and positions that the weight meets:
    for spikes the root of the input's firing rate, which makes the score the weight's share of
    its neuron's input (Wanda, arXiv 2306.11695, equation 1, there with the norm of activations).
    Weights that never see a spike go first.

    Parameters
    ----------
    model
        Run in evaluation mode; its mode is restored.
    batches
        What `run` takes.
    run
        How to call the model on a batch, ``model(batch)`` by default; reset neurons here where
        a framework needs it.

    Returns
    -------
    dict of tensors
        Per weight layer, of the weights' shape: pass it to `prepare` as `scores`.

    Raises
    ------
    InputError
        A layer that never ran.
    """
    energy: dict[str, Tensor] = {}
    count: dict[str, int] = {}

    def hook(name: str) -> Callable[..., None]:
        def watch(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            assert isinstance(module, WeightLayer)
            seen = _inputs_by_weight(module, args[0].detach().float().square())
            energy[name] = energy.get(name, torch.zeros(())) + seen[0]
            count[name] = count.get(name, 0) + seen[1]

        return watch

    layers = weight_layers(model)
    handles = [layer.register_forward_pre_hook(hook(name)) for name, layer in layers]
    was_training = model.training
    model.eval()
    try:
        for batch in batches:
            model(batch) if run is None else run(model, batch)
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    scores = {}
    for name, layer in layers:
        if name not in energy:
            raise InputError("it never ran", where=f"layer {name!r}")
        weight = latent_weight(layer)
        rate = (energy[name] / count[name]).sqrt()
        groups = getattr(layer, "groups", 1)
        # Per group of input channels, every output channel of the group meets the same input.
        per_output = rate.reshape(groups, 1, *weight.shape[1:]).expand(
            groups, weight.shape[0] // groups, *weight.shape[1:]
        )
        scores[name] = weight.detach().abs() * per_output.reshape(weight.shape)
    return scores


def _inputs_by_weight(layer: WeightLayer, squares: Tensor) -> tuple[Tensor, int]:
    """Sum squared inputs over all uses of each weight: ``[C, *kernel]``, and how many uses."""
    if isinstance(layer, nn.Linear):
        flat = squares.reshape(-1, squares.shape[-1])
        return flat.sum(0), flat.shape[0]
    spatial = layer.weight.dim() - 2
    samples = squares.reshape(-1, *squares.shape[-spatial - 1 :])
    squares = samples.sum(0, keepdim=True)
    # The gradient of a convolution with respect to its weights, for an output gradient of ones
    # and one output channel, is the sum of the inputs that each weight meets.
    with torch.enable_grad():
        one = torch.zeros(
            1, squares.shape[1], *layer.kernel_size, device=squares.device, requires_grad=True
        )
        convolve = (nn.functional.conv1d, nn.functional.conv2d, nn.functional.conv3d)[spatial - 1]
        padding: Any = layer.padding
        out = convolve(squares, one, None, layer.stride, padding, layer.dilation)
        (summed,) = torch.autograd.grad(out.sum(), one)
    return summed[0], out[0, 0].numel() * len(samples)


def gradient_scores(
    model: nn.Module,
    batches: Iterable[Any],
    loss: Callable[[nn.Module, Any], Tensor],
) -> dict[str, Tensor]:
    """Score weights by how much the loss would change without them, to first order.

    ``|w * dL/dw|``, the gradient summed over the batches (SNIP, arXiv 1810.02340, equation 5;
    Molchanov et al., arXiv 1906.10771). Through a spiking network the gradient is the surrogate.

    Parameters
    ----------
    model
        Left as it is, gradients included.
    batches
        What `loss` takes.
    loss
        A scalar from model and batch; resets neurons where a framework needs it.

    Returns
    -------
    dict of tensors
        Per weight layer, of the weights' shape: pass it to `prepare` as `scores`.
    """
    layers = weight_layers(model)
    weights = [latent_weight(layer) for _, layer in layers]
    total = [torch.zeros_like(weight) for weight in weights]
    for batch in batches:
        gradients = torch.autograd.grad(loss(model, batch), weights, allow_unused=True)
        for sum_, gradient in zip(total, gradients, strict=True):
            if gradient is not None:
                sum_ += gradient
    return {
        name: (weight.detach() * gradient).abs()
        for (name, _), weight, gradient in zip(layers, weights, total, strict=True)
    }
