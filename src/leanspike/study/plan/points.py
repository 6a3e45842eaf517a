"""The points of a study: every combination of strategy, bits, pruning and seed that means one."""

from __future__ import annotations

from dataclasses import dataclass

from leanspike.study.file.study_file import StudyFile


@dataclass(frozen=True)
class LayerChoice:
    """What is done to the weights of one layer: bits of each, and the fraction pruned."""

    name: str
    bits: int
    sparsity: float


@dataclass(frozen=True)
class Point:
    """One trained and compressed network of a study.

    Attributes
    ----------
    strategy
        ``"float"``, ``"control"`` (float, trained on for as long as the compressed networks), one
        of the four compression strategies, or ``"search"``.
    weight_bits
        Bits per weight; None where weights are not quantized, or each layer has its own.
    sparsity
        Fraction of the weights pruned.
    seed
        Seed of the network's first weights and of every shuffle.
    layers
        What is done to each layer, where a search chose it layer by layer.
    number
        Which of the search's candidates it is.
    """

    strategy: str
    weight_bits: int | None
    sparsity: float
    seed: int
    layers: tuple[LayerChoice, ...] = ()
    number: int | None = None

    @property
    def quantized(self) -> bool:
        """Whether weights are quantized."""
        return self.weight_bits is not None or bool(self.layers)

    @property
    def setting(self) -> str:
        """The point's name without its seed.

        >>> Point("joint", 2, 0.8, seed=0).setting
        'joint 2b 80%'
        >>> Point("search", None, 0.8, 0, (LayerChoice("conv1", 2, 0.8),), number=3).setting
        'search 3'
        """
        if self.layers:
            return f"{self.strategy} {self.number}"
        bits = [f"{self.weight_bits}b"] if self.weight_bits is not None else []
        pruned = [f"{100 * self.sparsity:g}%"] if self.sparsity else []
        return " ".join([self.strategy, *bits, *pruned])

    @property
    def name(self) -> str:
        """The point's name, unique in its study and fit for a file name.

        >>> Point("joint", 2, 0.8, seed=0).name
        'joint-2b-80-s0'
        """
        return f"{self.setting} s{self.seed}".replace("%", "").replace(" ", "-")


def grid(study: StudyFile) -> tuple[Point, ...]:
    """Return every point of a study, each seed's float network first.

    Pruning by zero is no pruning: such a cumulative or joint point would be the quantized one
    again, and such a pruned point the float one, so they are left out.

    >>> len(grid(StudyFile()))
    13
    """
    axes = study.compression
    fractions = [fraction for fraction in axes.pruning if fraction > 0]
    points = []
    for seed in study.seeds:
        points.append(Point("float", None, 0.0, seed))
        if axes.control and (axes.strategies or axes.own):
            points.append(Point("control", None, 0.0, seed))
        for strategy in axes.strategies:
            if strategy == "quantize":
                points += [Point(strategy, bits, 0.0, seed) for bits in axes.bits]
            elif strategy == "prune":
                points += [Point(strategy, None, fraction, seed) for fraction in fractions]
            else:
                points += [
                    Point(strategy, bits, fraction, seed)
                    for fraction in fractions
                    for bits in axes.bits
                ]
        for own in axes.own:
            points.append(Point(own.name, own.most_bits, own.sparsity, seed))
    return tuple(points)
