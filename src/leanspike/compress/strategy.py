"""Strategies: in which order, for how long and how fast a network is compressed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from leanspike.compress.config import CompressionConfig
from leanspike.compress.state import StateConfig
from leanspike.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of training with one compression.

    Attributes
    ----------
    epochs
        Epochs of training.
    lr
        Peak learning rate, after the warm-up and before the cosine decay.
    warmup_epochs
        Epochs of linear warm-up, at most `epochs`.
    compression
        What is put on the network as the phase begins, on top of what is there; None adds
        nothing.
    state
        How wide membranes and accumulators are from here on (see `prepare_state`); None changes
        nothing.
    rewind
        Whether the weights go back to where the strategy began before the phase is trained;
        masks stay (see `rewind`).
    fold_batchnorm
        Whether batch norms are folded into the weights before these are compressed, as hardware
        stores them; of no use on weights that are compressed already.
    reestimate_batchnorm
        Whether batch-norm statistics are measured anew on training data once the phase has
        compressed the weights (see `reestimate_batchnorm`).
    distillation
        Weight, 0 to 1, of the outputs of the network that the strategy began with in the loss;
        the labels have the rest.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # unknown keys in files are errors

    epochs: int
    lr: float
    warmup_epochs: int = 2
    compression: CompressionConfig | None = None
    state: StateConfig | None = None
    rewind: bool = False
    fold_batchnorm: bool = False
    reestimate_batchnorm: bool = False
    distillation: float = 0.0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"{self.epochs} is not at least 1", where="epochs")
        if not 0 <= self.warmup_epochs <= self.epochs:
            raise InputError(
                f"{self.warmup_epochs} is not from 0 to the {self.epochs} epochs of the phase",
                where="warmup_epochs",
            )
        if not self.lr > 0:
            raise InputError(f"{self.lr} is not above 0", where="lr")
        if not 0 <= self.distillation <= 1:
            raise InputError(f"{self.distillation} is not from 0 to 1", where="distillation")


@dataclass(frozen=True)
class Strategy:
    """Phases in a row, each from where the one before ended.

    Attributes
    ----------
    name
        Its name, kept with results.
    phases
        At least one.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not self.phases:
            raise InputError("a strategy needs at least one phase", where=self.name)
        folded = compressed = False
        for phase in self.phases:
            if phase.fold_batchnorm and compressed:
                raise InputError(
                    "it folds batch norms after a phase that compressed the weights",
                    where=self.name,
                    remedy="Fold in the first phase that compresses",
                )
            folded |= phase.fold_batchnorm
            if folded and phase.rewind:
                raise InputError(
                    "it rewinds to weights from before batch norms were folded into them",
                    where=self.name,
                )
            compressed |= phase.compression is not None

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def weight_bits(self) -> int | None:
        """Bits per weight at the end, None for float."""
        return next((c.weight_bits for c in self._last_first() if c.weight_bits is not None), None)

    @property
    def sparsity(self) -> float:
        """Fraction pruned at the end."""
        return next((c.sparsity for c in self._last_first() if c.sparsity > 0), 0.0)

    def _last_first(self) -> list[CompressionConfig]:
        return [p.compression for p in reversed(self.phases) if p.compression is not None]


PAPER_STRATEGIES = ("quantize", "prune", "cumulative", "joint")


def paper_strategy(
    name: str,
    *,
    weight_bits: int | None = None,
    sparsity: float = 0.0,
    epochs: int = 50,
    lr: float | None = None,
    warmup_epochs: int = 2,
    compression: CompressionConfig | None = None,
) -> Strategy:
    """Give one of the study's four strategies (arXiv 2302.04174, section on training).

    Parameters
    ----------
    name
        ``"quantize"`` alone; ``"prune"`` alone; ``"cumulative"``: prune and train for half of the
        epochs, then quantize and train for the other half; ``"joint"``: both from the start.
    weight_bits
        Bits per weight; not for ``"prune"``.
    sparsity
        Fraction to prune; not for ``"quantize"``.
    epochs
        Epochs in all; the study's 50 by default (25 and 25 when cumulative).
    lr
        Peak learning rate; by default the study's 1e-4 alone, 1e-3 cumulative and joint.
    warmup_epochs
        Epochs of warm-up per phase, at most a third of the phase; the study's 2 by default.
    compression
        Quantizer, rounding, scope and layers, in whose stead the defaults stand; its own bits and
        sparsity are replaced.

    Raises
    ------
    InputError
        An unknown name, bits or sparsity missing where the strategy needs them, given where it
        has no use for them, or too few epochs.

    >>> [phase.epochs for phase in paper_strategy("cumulative", weight_bits=2, sparsity=0.8).phases]
    [25, 25]
    """
    if name not in PAPER_STRATEGIES:
        raise InputError(f"unknown strategy {name!r}; there are {', '.join(PAPER_STRATEGIES)}")
    if (weight_bits is None) != (name == "prune"):
        raise InputError(
            "has no use for bits" if name == "prune" else "needs bits", where=f"strategy {name!r}"
        )
    if (sparsity == 0) != (name == "quantize"):
        raise InputError(
            "has no use for a sparsity" if name == "quantize" else "needs a sparsity above 0",
            where=f"strategy {name!r}",
        )
    least = 2 if name == "cumulative" else 1
    if epochs < least:
        raise InputError(f"{epochs} epochs; {name} needs at least {least}", where="epochs")
    base = compression or CompressionConfig()
    both = replace(base, weight_bits=weight_bits, sparsity=sparsity)
    if name == "cumulative":
        steps = [(epochs // 2, replace(both, weight_bits=None)), (epochs - epochs // 2, both)]
    else:
        steps = [(epochs, both)]
    peak = lr if lr is not None else 1e-4 if name in ("quantize", "prune") else 1e-3
    return Strategy(
        name,
        tuple(
            Phase(epochs=n, lr=peak, warmup_epochs=min(warmup_epochs, n // 3), compression=what)
            for n, what in steps
        ),
    )
