"""What to do to weights, masks and membranes: frozen, checked descriptions, without torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, get_args

from leanspike.errors import InputError

Scope = Literal["global", "layerwise", "erk", "lamp"]
RoundingName = Literal["ste", "ewgs", "psgd", "tanh"]
InitializerName = Literal["max", "three-sigma", "percentile", "mse"]
GrowBy = Literal["gradient", "random"]
Overflow = Literal["saturate", "wrap"]


@dataclass(frozen=True)
class QuantizerKind:
    """Widths that a kind of quantizer takes, and whether another initializer can be chosen."""

    fewest_bits: int = 2
    most_bits: int = 16
    takes_reach: bool = True


#: The kinds of quantizer that there are; `leanspike.compress.quantizers` has them.
KINDS = {
    "duq": QuantizerKind(),
    "lsq": QuantizerKind(),
    "lsq+": QuantizerKind(),
    "uniform": QuantizerKind(),
    "affine": QuantizerKind(fewest_bits=1, takes_reach=False),
    "power-of-two": QuantizerKind(most_bits=6),
    "twn": QuantizerKind(most_bits=2, takes_reach=False),
    "xnor": QuantizerKind(fewest_bits=1, most_bits=1, takes_reach=False),
}


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
        _check_name("quantizer", self.quantizer, KINDS)
        _check_name("rounding", self.rounding, get_args(RoundingName))
        _check_name("granularity", self.granularity, ("tensor", "channel"))
        _check_name("scope", self.scope, get_args(Scope))
        _check_name("score", self.score, ("magnitude", "random"))
        self._check_bits("weight_bits", self.weight_bits)
        for pattern, bits in dict(self.layer_bits).items():
            self._check_bits(f"layer_bits, {pattern!r}", bits)
        if self.initializer is not None:
            _check_name("initializer", self.initializer, get_args(InitializerName))
            if not KINDS[self.quantizer].takes_reach:
                raise InputError(f"{self.quantizer} sets its own range", where="initializer")
        if not 0 <= self.ewgs_delta < 1:
            raise InputError(f"{self.ewgs_delta} is not from 0 to below 1", where="ewgs_delta")
        self._check_pruning()

    def _check_bits(self, where: str, bits: int | None) -> None:
        if bits is None:
            return
        if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 16:
            raise InputError(f"{bits!r} is not a whole number from 1 to 16", where=where)
        kind = KINDS[self.quantizer]
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


def parse_structure(structure: str) -> tuple[int, int] | None:
    """Read an N:M structure.

    Returns
    -------
    (n, m) or None
        None for ``"element"`` and ``"channel"``.

    Raises
    ------
    InputError
        Anything else, or N not from 1 to below M.

    >>> parse_structure("2:4"), parse_structure("channel")
    ((2, 4), None)
    """
    if structure in ("element", "channel"):
        return None
    found = re.fullmatch(r"(\d+):(\d+)", structure)
    if not found or not 0 < int(found[1]) < int(found[2]):
        raise InputError(
            f"{structure!r} is neither 'element' nor 'channel' nor N:M with N from 1 to below M",
            where="structure",
        )
    return int(found[1]), int(found[2])


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
class StateConfig:
    """How wide the numbers are that a layer adds up and that its neurons remember.

    Attributes
    ----------
    membrane_bits
        Bits of the potential carried from step to step, 2 to 32, sign included; None leaves it
        float.
    membrane_step
        What its lowest bit is worth; by default the threshold over ``2 ** (bits - 1)``, so that
        the codes reach from minus the threshold to just below it. A number is shared by all
        layers.
    shared_scale
        Whether the membrane's lowest bit is worth what the weights before it are multiples of,
        instead of `membrane_step`, as in MINT (arXiv 2305.09850).
    accumulator_bits
        Bits of the sum of weights, 2 to 32, sign included, for layers with a quantizer; None
        leaves it float.
    overflow
        What happens beyond: ``"saturate"`` stays at the end of the range, ``"wrap"`` comes back
        from the other end, as adders do.

    Raises
    ------
    InputError
        A value out of range.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    membrane_bits: int | None = None
    membrane_step: float | None = None
    shared_scale: bool = False
    accumulator_bits: int | None = None
    overflow: Overflow = "saturate"

    def __post_init__(self) -> None:
        for name in ("membrane_bits", "accumulator_bits"):
            bits = getattr(self, name)
            if bits is not None and not (isinstance(bits, int) and 2 <= bits <= 32):
                raise InputError(f"{bits!r} is not a whole number from 2 to 32", where=name)
        if self.membrane_step is not None and not self.membrane_step > 0:
            raise InputError(f"{self.membrane_step} is not above 0", where="membrane_step")
        if self.shared_scale and (self.membrane_bits is None or self.membrane_step is not None):
            raise InputError(
                "it says what membrane_bits are worth, so give these and no membrane_step",
                where="shared_scale",
            )
        if self.overflow not in ("saturate", "wrap"):
            raise InputError(
                f"unknown {self.overflow!r}; there are saturate, wrap", where="overflow"
            )
