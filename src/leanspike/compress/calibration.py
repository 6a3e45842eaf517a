"""Post-training quantization: scales chosen on data, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.batchnorm import reestimate_batchnorm
from leanspike.compress.layers import latent_weight, weight_layers
from leanspike.compress.parametrization import compressed
from leanspike.compress.quantizers import Quantizer
from leanspike.compress.scores import activity_scores
from leanspike.errors import InputError


@torch.no_grad()
def calibrate(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    run: Callable[[nn.Module, Any], Any] | None = None,
    batchnorm: bool = True,
) -> dict[str, tuple[float, float]]:
    """Choose each layer's range so that its output, not its weights, changes least.

    For every quantized layer the range is scaled by 0.2 to 1.2 in 101 steps, and the factor with
    the least sum over weights of ``mean(x ** 2) * (q(w) - w) ** 2`` is kept: the output's mean
    squared error for inputs that are uncorrelated, x being what the weight meets on the given
    data. Masks are taken into account. Then batch-norm statistics are measured anew.

    Parameters
    ----------
    model
        Prepared with a quantizer that has a range: ``duq``, ``lsq``, ``lsq+`` or ``uniform``.
    batches
        A few batches of training data; gone through twice, so a list.
    run
        How to call the model on a batch, ``model(batch)`` by default.
    batchnorm
        Whether to measure batch-norm statistics anew.

    Returns
    -------
    dict of (before, after)
        Per layer the mean squared error of an output, by that estimate.

    Raises
    ------
    InputError
        No layer has a quantizer with a range.
    """
    batches = list(batches)
    quantized: list[tuple[str, Quantizer, Tensor, Tensor | None]] = []
    for name, layer in weight_layers(model):
        compression = compressed(layer)
        if (
            compression is not None
            and compression.quantizer is not None
            and _ranges(compression.quantizer)
        ):
            weight = latent_weight(layer).detach()
            quantized.append((name, compression.quantizer, weight, compression.mask))
    if not quantized:
        raise InputError(
            "no layer has a quantizer with a range to calibrate",
            where=type(model).__name__,
            remedy="Prepare it with duq, lsq, lsq+ or uniform",
        )
    met = activity_scores(model, batches, run=run)
    errors = {}
    for name, quantizer, weight, mask in quantized:
        # The score is |w| * rms(x); what remains without |w| is how much each weight matters.
        matters = (met[name] / weight.abs().clamp(min=torch.finfo(weight.dtype).tiny)).square()
        if mask is not None:
            matters = matters * mask
        errors[name] = _best_range(quantizer, weight, matters)
    if batchnorm and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
        reestimate_batchnorm(model, batches, run=run)
    return errors


def _ranges(quantizer: Quantizer) -> list[Tensor]:
    """Give the tensors that scale with a quantizer's range."""
    found = (getattr(quantizer, name, None) for name in ("a", "c", "step"))
    return [] if hasattr(quantizer, "zero") else [t for t in found if isinstance(t, Tensor)]


def _best_range(quantizer: Quantizer, weight: Tensor, matters: Tensor) -> tuple[float, float]:
    ranges = _ranges(quantizer)
    first = [tensor.detach().clone() for tensor in ranges]

    def error() -> Tensor:
        squares = matters * (quantizer(weight) - weight).square()
        return quantizer.grid.rows(squares).sum(1).reshape(quantizer.grid.shape)

    before = least = error()
    best = torch.ones_like(least)
    for i in range(101):
        factor = 0.2 + 0.01 * i
        for tensor, value in zip(ranges, first, strict=True):
            tensor.copy_(value * factor)
        now = error()
        best = torch.where(now < least, torch.full_like(best, factor), best)
        least = torch.minimum(least, now)
    for tensor, value in zip(ranges, first, strict=True):
        tensor.copy_(value * best)
    outputs = weight.shape[0]
    return float(before.sum()) / outputs, float(error().sum()) / outputs
