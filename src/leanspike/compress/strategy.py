"""Strategies: in which order, for how long and how fast a network is compressed.

Strategies beyond the study's four: both cumulative orders, gradual and iterative pruning.

Strategies as data: read from YAML and written to it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from leanspike.compress.config import CompressionConfig, RegrowthConfig, StateConfig
from leanspike.errors import InputError
from leanspike.spec import load_yaml


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of training with one compression.

    Attributes
    ----------
    epochs
        Epochs of training; 0 where `one_shot` does it all.
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
    regrowth
        How masks of single weights change while the phase trains; None keeps them.
    ramp
        Part of the phase, 0 to below 1, over which sparsity rises to the compression's (see
        `Ramp`); at 0 weights are pruned at once as it begins. Weights are kept from the epochs
        after the ramp.
    synops
        Weight in the loss of the network's synaptic operations, as a fraction of those of the
        network that the strategy began with; 0 counts none. Counting takes time.
    one_shot
        Whether `compress_one_shot` puts on the compression, from a few hundred training
        recordings, instead of magnitudes.
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
    regrowth: RegrowthConfig | None = None
    ramp: float = 0.0
    synops: float = 0.0
    one_shot: bool = False

    def __post_init__(self) -> None:
        if self.epochs < (0 if self.one_shot else 1):
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
        if self.one_shot and (self.compression is None or self.ramp):
            raise InputError("needs a compression, and no ramp", where="one_shot")
        if not 0 <= self.synops < float("inf"):
            raise InputError(f"{self.synops} is not from 0 on", where="synops")
        if not 0 <= self.ramp < 1:
            raise InputError(f"{self.ramp} is not from 0 to below 1", where="ramp")
        if self.ramp:
            _need(self.compression or CompressionConfig())
            assert self.compression is not None
            if self.compression.layer_sparsity or ":" in self.compression.structure:
                raise InputError(
                    "sparsity rises for all layers together, and not under an N:M structure",
                    where="ramp",
                )


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
    def most_bits(self) -> int | None:
        """Bits per weight at the end, of the layers that have most; None for float."""
        given = [
            bits
            for each in self._last_first()
            for bits in (each.weight_bits, *dict(each.layer_bits).values())
            if bits is not None
        ]
        return self.weight_bits or max(given, default=None)

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


def cumulative_strategy(
    compression: CompressionConfig,
    *,
    first: Literal["prune", "quantize"] = "prune",
    epochs: int = 50,
    lr: float = 1e-3,
    warmup_epochs: int = 2,
) -> Strategy:
    """Do one, train, then do the other and train again.

    Parameters
    ----------
    compression
        Bits and sparsity at the end.
    first
        What comes first. Quantizing first draws the mask from the float weights behind the
        quantizer.
    epochs
        Of both phases together.
    lr, warmup_epochs
        Of each phase.

    >>> both = CompressionConfig(weight_bits=2, sparsity=0.8)
    >>> [p.compression.sparsity for p in cumulative_strategy(both, first="quantize").phases]
    [0.0, 0.8]
    """
    _need(compression, bits=True)
    alone = (
        replace(compression, weight_bits=None, layer_bits=())
        if first == "prune"
        else replace(compression, sparsity=0.0, layer_sparsity=(), structure="element")
    )
    half = epochs // 2
    return Strategy(
        f"cumulative, {first} first",
        tuple(
            Phase(epochs=n, lr=lr, warmup_epochs=min(warmup_epochs, n // 3), compression=what)
            for n, what in ((half, alone), (epochs - half, compression))
        ),
    )


def gradual_strategy(
    compression: CompressionConfig,
    *,
    steps: int = 8,
    epochs_per_step: int = 1,
    epochs: int = 20,
    lr: float = 1e-3,
    warmup_epochs: int = 2,
) -> Strategy:
    """Prune little by little while training, then train on.

    Step k of n prunes to ``s * (1 - (1 - k / n) ** 3)`` (Zhu and Gupta, arXiv 1710.01878,
    equation 1, from no sparsity): much at first, when much is redundant, little at the end. Each
    step keeps what the steps before pruned. Bits, if any, are on from the first step.

    Parameters
    ----------
    compression
        Bits and sparsity at the end.
    steps
        How many times to prune.
    epochs_per_step
        Epochs after each but the last.
    epochs
        Epochs after the last.
    lr, warmup_epochs
        Of each phase; short phases have no warm-up.

    >>> phases = gradual_strategy(CompressionConfig(sparsity=0.8), steps=4).phases
    >>> [round(p.compression.sparsity, 4) for p in phases]
    [0.4625, 0.7, 0.7875, 0.8]
    """
    _need(compression)
    if steps < 2:
        raise InputError(f"{steps} is not at least 2", where="steps")
    phases = []
    for k in range(1, steps + 1):
        last = k == steps
        fraction = 1.0 if last else 1 - (1 - k / steps) ** 3
        n = epochs if last else epochs_per_step
        phases.append(
            Phase(
                epochs=n,
                lr=lr,
                warmup_epochs=min(warmup_epochs, n // 3),
                compression=replace(compression, sparsity=compression.sparsity * fraction),
            )
        )
    return Strategy("gradual", tuple(phases))


def iterative_strategy(
    compression: CompressionConfig,
    *,
    rounds: int = 5,
    epochs_per_round: int = 10,
    lr: float = 1e-3,
    warmup_epochs: int = 2,
    rewind: bool = True,
) -> Strategy:
    """Prune the same fraction of what is left in every round, train, rewind and go on.

    After round k of n the density is ``d ** (k / n)``, d the density at the end. From the second
    round on the weights are rewound to where the strategy began (Frankle and Carbin, arXiv
    1803.03635; rewinding to trained weights: arXiv 1903.01611).

    Parameters
    ----------
    compression
        Bits and sparsity at the end.
    rounds
        How many times to prune.
    epochs_per_round
        Epochs after each.
    lr, warmup_epochs
        Of each round.
    rewind
        Whether to rewind; without it each round goes on from the last.

    >>> phases = iterative_strategy(CompressionConfig(sparsity=0.75), rounds=2).phases
    >>> [p.compression.sparsity for p in phases], [p.rewind for p in phases]
    ([0.5, 0.75], [False, True])
    """
    _need(compression)
    if rounds < 1:
        raise InputError(f"{rounds} is not at least 1", where="rounds")
    density = 1 - compression.sparsity
    return Strategy(
        "iterative",
        tuple(
            Phase(
                epochs=epochs_per_round,
                lr=lr,
                warmup_epochs=min(warmup_epochs, epochs_per_round // 3),
                compression=replace(
                    compression,
                    sparsity=compression.sparsity if k == rounds else 1 - density ** (k / rounds),
                ),
                rewind=rewind and k > 1,
            )
            for k in range(1, rounds + 1)
        ),
    )


def _need(compression: CompressionConfig, *, bits: bool = False) -> None:
    if compression.sparsity == 0:
        raise InputError("needs a sparsity above 0", where="compression")
    if ":" in compression.structure and not bits:
        raise InputError("an N:M structure is pruned at once, not in steps", where="structure")
    if bits and compression.weight_bits is None and not compression.layer_bits:
        raise InputError("needs bits", where="compression")


def load_strategy(path: str | Path) -> Strategy:
    """Read a strategy from a YAML file.

    Parameters
    ----------
    path
        A file with ``name`` and ``phases``, each with the fields of `Phase`; ``compression`` has
        the fields of `CompressionConfig`, ``state`` those of `StateConfig`.

    Raises
    ------
    InputError
        The file cannot be read, is no YAML, is larger than descriptions are
        (`leanspike.spec.load_yaml`), or a key is unknown, missing or has a bad value; it
        names file and key.
    """
    data = load_yaml(Path(path))
    return parse_strategy(data, where=str(path))


def parse_strategy(data: Any, *, where: str = "strategy") -> Strategy:
    """Make a strategy from plain data, checked.

    Parameters
    ----------
    data
        Mappings, lists, strings and numbers as YAML gives them.
    where
        Named in errors.

    Raises
    ------
    InputError
        A key is unknown, missing or has a bad value.

    >>> parse_strategy({"name": "short", "phases": [{"epochs": 3, "lr": 0.001}]}).epochs
    3
    """
    try:
        return TypeAdapter(Strategy).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        found = "" if first["type"] == "missing" else f", found {first['input']!r}"
        raise InputError(
            f"{first['msg'].removeprefix('Value error, ')}{found}",
            where=f"{where}, {key}" if key else where,
        ) from error


def dump_strategy(strategy: Strategy) -> str:
    """Write a strategy as YAML; `load_strategy` reads it back equal.

    Fields at their defaults are left out.
    """
    return str(yaml.safe_dump(_plain(strategy), sort_keys=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(found)
            for field in dataclasses.fields(value)
            if (found := getattr(value, field.name)) != field.default
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
