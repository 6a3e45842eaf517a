"""What to do to the weights: a frozen, checked description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, get_args

from leanspike.compress.masks import parse_structure
from leanspike.compress.quantizers import QUANTIZERS, REACHES
from leanspike.compress.quantizers.rounding import ROUNDINGS
from leanspike.errors import InputError

Scope = Literal["global", "layerwise", "erk", "lamp"]


@dataclass(frozen=True, kw_only=True)
class CompressionConfig:
    """What to do to the weights of a network. The defaults change nothing.

    Attributes
    ----------
    weight_bits
        Bits per weight, 1 to 16; None leaves the weights as they are.
    quantizer
        ``"duq"``, ``"lsq"``, ``"lsq+"``, ``"uniform"``, ``"affine"``, ``"power-of-two"``,
        ``"twn"`` (2 bits) or ``"xnor"`` (1 bit).
    rounding
        Gradient through the rounding: ``"ewgs"``, ``"ste"``, ``"psgd"`` or ``"tanh"``.
    ewgs_delta
        Strength of EWGS and its relatives; the study's is 0.005.
    granularity
        One scale per ``"tensor"`` or per output ``"channel"``.
    initializer
        Where the largest code lies at first: ``"max"``, ``"three-sigma"``, ``"percentile"`` or
        ``"mse"`` (of the weights that are not pruned); None for the quantizer's own.
    power_of_two_scale
        Whether scales are powers of two.
    layer_bits
        Bits for layers by name pattern, the first that fits; None keeps a layer float. Layers
        that fit none get `weight_bits`. A mapping, kept as a tuple of pairs.
    sparsity
        Fraction of the weights to set to zero, 0 to below 1; follows from an N:M structure.
    layer_sparsity
        Fractions for layers by name pattern, the first that fits, each of that layer's own
        weights. Layers that fit none share `sparsity` by `scope`. A mapping, kept as a tuple of
        pairs.
    scope
        How the sparsity is spread: ``"global"`` ranks all layers' weights together,
        ``"layerwise"`` gives each layer the same sparsity, ``"erk"`` gives narrow layers less
        (Erdos-Renyi kernel), ``"lamp"`` ranks all weights together by their share of what their
        layer keeps, so that no layer is starved.
    score
        What makes a weight worth keeping: its ``"magnitude"``, or a ``"random"`` number as a
        baseline. Other scores are passed to `prepare`.
    structure
        What is pruned: single ``"element"``s, whole output ``"channel"``s, or all but N in every
        M neighbours, ``"2:4"``.
    seed
        For the random score.
    layers
        Patterns of layer names to compress (``("conv*",)``); all of them by default.

    Raises
    ------
    InputError
        A value out of range or an unknown name.

    >>> CompressionConfig(weight_bits=2, sparsity=0.8).weight_bits
    2
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # unknown keys in files are errors

    weight_bits: int | None = None
    quantizer: str = "duq"
    rounding: str = "ewgs"
    ewgs_delta: float = 0.005
    granularity: Literal["tensor", "channel"] = "tensor"
    initializer: str | None = None
    power_of_two_scale: bool = False
    layer_bits: Mapping[str, int | None] | tuple[tuple[str, int | None], ...] = ()
    sparsity: float = 0.0
    layer_sparsity: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    scope: Scope = "global"
    score: Literal["magnitude", "random"] = "magnitude"
    structure: str = "element"
    seed: int = 0
    layers: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        if isinstance(self.layer_bits, Mapping):
            object.__setattr__(self, "layer_bits", tuple(self.layer_bits.items()))
        if isinstance(self.layer_sparsity, Mapping):
            object.__setattr__(self, "layer_sparsity", tuple(self.layer_sparsity.items()))
        if isinstance(self.layers, str) or not self.layers:
            raise InputError("give a list of at least one pattern", where="layers")
        object.__setattr__(self, "layers", tuple(self.layers))
        _check_name("quantizer", self.quantizer, QUANTIZERS)
        _check_name("rounding", self.rounding, ROUNDINGS)
        _check_name("granularity", self.granularity, ("tensor", "channel"))
        _check_name("scope", self.scope, get_args(Scope))
        _check_name("score", self.score, ("magnitude", "random"))
        self._check_bits("weight_bits", self.weight_bits)
        for pattern, bits in dict(self.layer_bits).items():
            self._check_bits(f"layer_bits, {pattern!r}", bits)
        if self.initializer is not None:
            _check_name("initializer", self.initializer, REACHES)
            if not QUANTIZERS[self.quantizer].takes_reach:
                raise InputError(f"{self.quantizer} sets its own range", where="initializer")
        if not 0 <= self.ewgs_delta < 1:
            raise InputError(f"{self.ewgs_delta} is not from 0 to below 1", where="ewgs_delta")
        self._check_pruning()

    def _check_bits(self, where: str, bits: int | None) -> None:
        if bits is None:
            return
        if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 16:
            raise InputError(f"{bits!r} is not a whole number from 1 to 16", where=where)
        kind = QUANTIZERS[self.quantizer]
        if not kind.fewest_bits <= bits <= kind.most_bits:
            raise InputError(
                f"{bits} bits; {self.quantizer} takes {kind.fewest_bits} to {kind.most_bits}",
                where=where,
            )

    def _check_pruning(self) -> None:
        _check_sparsity("sparsity", self.sparsity)
        for name, sparsity in dict(self.layer_sparsity).items():
            _check_sparsity(f"layer_sparsity, {name!r}", sparsity)
        pattern = parse_structure(self.structure)
        if pattern is not None:
            if self.layer_sparsity:
                raise InputError(
                    f"{self.structure} says how much is pruned in every layer",
                    where="layer_sparsity",
                )
            implied = 1 - pattern[0] / pattern[1]
            if self.sparsity not in (0.0, implied):
                raise InputError(
                    f"{self.structure} means {implied:g}, not {self.sparsity}", where="sparsity"
                )
            object.__setattr__(self, "sparsity", implied)

    def bits_of(self, layer: str) -> int | None:
        """Give the bits for a layer's weights by its name.

        >>> config = CompressionConfig(weight_bits=2, layer_bits={"conv1": 8})
        >>> config.bits_of("conv1"), config.bits_of("conv2")
        (8, 2)
        """
        for pattern, bits in dict(self.layer_bits).items():
            if fnmatchcase(layer, pattern):
                return bits
        return self.weight_bits

    def sparsity_of(self, layer: str) -> float | None:
        """Give the fraction of a layer's own weights to prune; None where it shares `sparsity`.

        >>> config = CompressionConfig(sparsity=0.8, layer_sparsity={"conv1": 0.5})
        >>> config.sparsity_of("conv1"), config.sparsity_of("conv2")
        (0.5, None)
        """
        for pattern, sparsity in dict(self.layer_sparsity).items():
            if fnmatchcase(layer, pattern):
                return sparsity
        return None


def _check_sparsity(where: str, sparsity: float) -> None:
    if not 0 <= sparsity < 1:
        raise InputError(
            f"{sparsity} is not from 0 to below 1",
            where=where,
            remedy="At 1.0 no weight would be left",
        )


def _check_name(where: str, found: str, known: Iterable[str]) -> None:
    if found not in known:
        raise InputError(f"unknown {found!r}; there are {', '.join(sorted(known))}", where=where)
