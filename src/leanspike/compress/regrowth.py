"""Masks that change while a network trains: they tighten along a ramp, and they regrow.

Both at once are neurogenesis dynamics (NDSNN, arXiv 2304.12214): fewer and fewer weights, some of
which move at every change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from leanspike.compress.config import CompressionConfig
from leanspike.compress.layers import WeightLayer, latent_weight, weight_layers
from leanspike.compress.parametrization import CompressedWeight, compressed
from leanspike.compress.preparing import pruned_fraction, tighten
from leanspike.errors import InputError

GrowBy = Literal["gradient", "random"]


@dataclass(frozen=True, kw_only=True)
class RegrowthConfig:
    """How often, and how much of, a mask is exchanged.

    Every `every` steps each layer drops the fraction of its weights of least magnitude and grows
    as many elsewhere, at zero. The fraction falls by a cosine, to zero when `until` of the phase
    is done (RigL, Evci et al., arXiv 1911.11134, equation 1; its defaults).

    Attributes
    ----------
    by
        Where weights grow: ``"gradient"`` where the loss would fall fastest (RigL), ``"random"``
        anywhere (SET, arXiv 1707.04780).
    every
        Optimizer steps between two exchanges.
    fraction
        Exchanged at first, of a layer's weights that are there.
    until
        Part of the phase's steps after which the mask stays.
    seed
        For random growth.

    Raises
    ------
    InputError
        A value out of range or an unknown name.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    by: GrowBy = "gradient"
    every: int = 100
    fraction: float = 0.3
    until: float = 0.75
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in get_args(GrowBy):
            raise InputError(
                f"unknown {self.by!r}; there are {', '.join(get_args(GrowBy))}", where="by"
            )
        if self.every < 1:
            raise InputError(f"{self.every} is not at least 1", where="every")
        for name in ("fraction", "until"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise InputError(f"{value} is not above 0, up to 1", where=name)

    def fraction_at(self, step: int, steps: int) -> float:
        """Give what is exchanged after optimizer step `step`, counted from 1, of `steps`.

        >>> config = RegrowthConfig(every=10)
        >>> [round(config.fraction_at(step, 40), 3) for step in (5, 10, 20, 30, 40)]
        [0.0, 0.225, 0.075, 0.0, 0.0]
        """
        last = self.until * steps
        if step % self.every or step >= last:
            return 0.0
        return self.fraction / 2 * (1 + math.cos(math.pi * step / last))


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
