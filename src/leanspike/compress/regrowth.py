"""Masks that change while a network trains: they tighten along a ramp, and they regrow.

Both at once are neurogenesis dynamics (NDSNN, arXiv 2304.12214): fewer and fewer weights, some of
which move at every change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from leanspike.compress.config import CompressionConfig, RegrowthConfig
from leanspike.compress.layers import WeightLayer, latent_weight, weight_layers
from leanspike.compress.parametrization import CompressedWeight, compressed
from leanspike.compress.preparing import pruned_fraction, tighten
from leanspike.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """Pruning along a cubic while a phase trains, instead of at once as it begins.

    After the part f of the ramp the sparsity is ``s0 + (s1 - s0) * (1 - (1 - f) ** 3)`` (Zhu and
    Gupta, arXiv 1710.01878, equation 1), s0 being the model's as the phase begins and s1 the
    compression's. Each mask keeps all that the one before it pruned.

    Attributes
    ----------
    compression
        What the ramp ends at: sparsity, scope, score, structure.
    until
        Part of the phase's steps that the ramp takes.
    every
        Optimizer steps between two masks.
    """

    compression: CompressionConfig
    until: float
    every: int = 25

    def last(self, steps: int) -> int:
        """Give the step, counted from 1, that ends the ramp."""
        return max(1, round(self.until * steps))

    def sparsity_after(self, step: int, steps: int, *, begin: float) -> float | None:
        """Give the sparsity to draw after step `step`, counted from 1; None where none is drawn.

        >>> ramp = Ramp(compression=CompressionConfig(sparsity=0.9), until=0.5, every=10)
        >>> [ramp.sparsity_after(step, 80, begin=0.1) for step in (5, 20, 40, 50)]
        [None, 0.8, 0.9, None]
        """
        last = self.last(steps)
        if step > last or (step % self.every and step != last):
            return None
        end = self.compression.sparsity
        return end if step == last else begin + (end - begin) * (1 - (1 - step / last) ** 3)

    def tighten(self, model: nn.Module, sparsity: float) -> None:
        """Draw the model's masks at a sparsity."""
        tighten(model, replace(self.compression, sparsity=sparsity))

    def begin(self, model: nn.Module) -> float:
        """Give the sparsity from which the ramp rises."""
        return pruned_fraction(model, self.compression)


class Regrowth:
    """The exchange of masks during one training; call `before` and `after` around each step.

    Parameters
    ----------
    model
        Prepared, with masks of single weights.
    config
        How often and how much.
    steps
        Optimizer steps of the training.

    Raises
    ------
    InputError
        No mask to change, or one that is structured, which an exchange of single weights breaks.
    """

    def __init__(self, model: nn.Module, config: RegrowthConfig, steps: int) -> None:
        self.config, self.steps = config, steps
        self.layers: list[tuple[WeightLayer, CompressedWeight]] = []
        for name, layer in weight_layers(model):
            compression = compressed(layer)
            if compression is None or compression.mask is None:
                continue
            if compression.structure != "element":
                raise InputError(
                    f"its mask has the structure {compression.structure}, which regrowth of single "
                    "weights would break",
                    where=f"layer {name!r}",
                    remedy="Prune single elements, or train without regrowth",
                )
            self.layers.append((layer, compression))
        if not self.layers:
            raise InputError(
                "no layer has a mask that could change",
                where="regrowth",
                remedy="Give the phase, or one before it, a sparsity",
            )

    def before(self, step: int) -> None:
        """Prepare for the forward and backward pass of optimizer step `step`, counted from 1."""
        if self.config.by == "gradient" and self.config.fraction_at(step, self.steps):
            for layer, compression in self.layers:
                compression.gradient = torch.zeros_like(latent_weight(layer))

    def after(self, step: int) -> None:
        """Exchange once the optimizer has taken step `step`."""
        fraction = self.config.fraction_at(step, self.steps)
        if not fraction:
            return
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        for layer, compression in self.layers:
            assert compression.mask is not None
            weight = latent_weight(layer)
            if self.config.by == "random":
                worth = torch.rand(weight.shape, generator=generator).to(weight.device)
            else:
                assert compression.gradient is not None
                worth = compression.gradient.abs()
                compression.gradient = None
            exchange(weight, compression.mask, worth, fraction)


@torch.no_grad()
def exchange(weight: Tensor, mask: Tensor, worth: Tensor, fraction: float) -> int:
    """Drop a layer's smallest weights and grow as many elsewhere, at zero, in place.

    Parameters
    ----------
    weight
        Latent weights, any shape.
    mask
        Bool, True where a weight is there.
    worth
        Of growing each weight; only those that are not there before the exchange count.
    fraction
        To exchange, of the weights that are there, rounded down; fewer where fewer are free.

    Returns
    -------
    int
        How many were exchanged.

    >>> weight, mask = torch.tensor([3.0, 1.0, 5.0, 6.0]), torch.tensor([True, True, False, False])
    >>> exchange(weight, mask, torch.tensor([9.0, 9.0, 1.0, 2.0]), 0.5)
    1
    >>> weight.tolist(), mask.tolist()
    ([3.0, 0.0, 5.0, 0.0], [True, False, False, True])
    """
    there = int(mask.sum())
    count = min(int(fraction * there), mask.numel() - there)
    if not count:
        return 0
    flat, kept = weight.view(-1), mask.view(-1)
    smallest = flat.abs().masked_fill(~kept, torch.inf).argsort(stable=True)[:count]
    best = worth.reshape(-1).masked_fill(kept, -torch.inf).argsort(descending=True, stable=True)
    grown = best[:count]
    kept[smallest] = False
    kept[grown] = True
    flat[smallest] = 0.0
    flat[grown] = 0.0
    return count
