"""Recipes: say what to reach, and get the strategy that reaches it.

A recipe is data: the rungs it prunes by, the epochs at each, what is learned from the float
network. `docs/compress.md` has what each of them measures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from leanspike.compress.config import CompressionConfig, StateConfig
from leanspike.compress.strategy import Phase, Strategy, paper_strategy
from leanspike.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a compression is to reach.

    Attributes
    ----------
    weight_bits
        Bits per weight, 2 being ternary; None leaves the weights float.
    sparsity
        Fraction of the weights to prune, 0 to below 1.
    membrane_bits
        Bits of the potentials that neurons carry from step to step; None leaves them float.

    Raises
    ------
    InputError
        A value out of range, or nothing to reach.
    """

    weight_bits: int | None = None
    sparsity: float = 0.0
    membrane_bits: int | None = None

    def __post_init__(self) -> None:
        CompressionConfig(weight_bits=self.weight_bits, sparsity=self.sparsity)
        StateConfig(membrane_bits=self.membrane_bits)
        if self.weight_bits is None and not self.sparsity and self.membrane_bits is None:
            raise InputError("nothing to reach", where="target", remedy=_SUCH_AS)

    def __str__(self) -> str:
        """Write the target as `parse_target` reads it."""
        parts = []
        if self.weight_bits is not None:
            parts.append("ternary" if self.weight_bits == 2 else f"{self.weight_bits} bits")
        if self.sparsity:
            parts.append(f"{100 * self.sparsity:g} %")
        if self.membrane_bits is not None:
            parts.append(f"membrane {self.membrane_bits} bits")
        return ", ".join(parts)


_SUCH_AS = "Such as: ternary, 95 %, membrane 4 bits"
_PARTS = (
    ("weight_bits", re.compile(r"(ternary)|(\d+) ?bits?")),
    ("sparsity", re.compile(r"(\d+(?:\.\d+)?) ?%")),
    ("membrane_bits", re.compile(r"membranes? (?:of )?(\d+) ?bits?")),
)


def parse_target(text: str) -> Target:
    """Read a target: its parts by commas, in any order.

    Raises
    ------
    InputError
        A part is not understood or given twice, or a value is out of range.

    >>> parse_target("ternary, 95 %")
    Target(weight_bits=2, sparsity=0.95, membrane_bits=None)
    >>> str(parse_target("90%, 4 bits, membranes of 8 bits"))
    '4 bits, 90 %, membrane 8 bits'
    """
    values: dict[str, float] = {}
    for part in text.split(","):
        for name, form in _PARTS:
            found = form.fullmatch(part.strip().lower())
            if found is None:
                continue
            if name in values:
                raise InputError(f"{part.strip()!r} comes on top of another", where="target")
            number = next((g for g in found.groups() if g is not None), "")
            values[name] = 2 if number == "ternary" else float(number)
            break
        else:
            raise InputError(f"{part.strip()!r} is not understood", where="target", remedy=_SUCH_AS)
    bits = {name: int(value) for name, value in values.items() if name != "sparsity"}
    return Target(sparsity=values.get("sparsity", 0.0) / 100, **bits)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to reach any target, as data.

    Pruning climbs `rungs` up to the target's sparsity; weights are quantized, and membranes
    limited, in a phase of their own after that.

    Attributes
    ----------
    name
        Its name.
    rungs
        Up to which sparsity, and epochs of training there; ascending, the last up to 1. A target
        between two rungs trains as long as the upper. Targets that share their first rungs share
        these trainings.
    quantize_epochs
        From which sparsity, and epochs with quantized weights; ascending, the first from 0.
    lr
        Peak learning rate of every phase.
    distillation
        Weight of the float network's outputs in the loss.
    ramp
        Part of each phase over which its sparsity rises; 0 prunes at once.
    compression
        Scope, quantizer and where it begins; bits and sparsity are the target's.
    one_shot
        Whether all of it is put on at once by `compress_one_shot`, without training unless epochs
        are asked for.
    """

    name: str
    rungs: tuple[tuple[float, int], ...]
    quantize_epochs: tuple[tuple[float, int], ...]
    lr: float
    distillation: float
    ramp: float
    compression: CompressionConfig
    one_shot: bool = False

    def strategy(
        self, target: Target, *, epochs: int | None = None, lr: float | None = None
    ) -> Strategy:
        """Give the phases that reach a target from a trained float network.

        Parameters
        ----------
        target
            What to reach.
        epochs
            Epochs in all, shared out over the phases as the recipe's own are, at least one each;
            the recipe's own by default. With fewer epochs than phases the first rungs are left
            out.
        lr
            Peak learning rate; the recipe's by default.

        Raises
        ------
        InputError
            `epochs` is not at least 1.

        >>> best = RECIPES["best"].strategy(parse_target("ternary, 90 %"))
        >>> [(p.compression.sparsity, p.compression.weight_bits) for p in best.phases]
        [(0.8, None), (0.9, None), (0.9, 2)]
        """
        if self.one_shot:
            return self._at_once(target, 0 if epochs is None else epochs, lr)
        steps = self._steps(target)
        if epochs is not None:
            steps = _shared_out(steps, epochs)
        peak = self.lr if lr is None else lr
        return Strategy(
            f"{self.name}: {target}",
            tuple(
                Phase(
                    epochs=n,
                    lr=peak,
                    warmup_epochs=0,
                    compression=compression,
                    state=state,
                    distillation=self.distillation,
                    ramp=self.ramp if rises else 0.0,
                )
                for n, compression, state, rises in steps
            ),
        )

    def _at_once(self, target: Target, epochs: int, lr: float | None) -> Strategy:
        if target.weight_bits is None and not target.sparsity:
            raise InputError(
                "it compresses weights; membranes alone need training",
                where=f"recipe {self.name!r}",
            )
        phase = Phase(
            epochs=epochs,
            lr=self.lr if lr is None else lr,
            warmup_epochs=0,
            compression=replace(
                self.compression, weight_bits=target.weight_bits, sparsity=target.sparsity
            ),
            state=_state_of(target),
            distillation=self.distillation,
            one_shot=True,
        )
        return Strategy(f"{self.name}: {target}", (phase,))

    def _steps(self, target: Target) -> list[_Step]:
        base = replace(self.compression, weight_bits=None, sparsity=0.0)
        steps: list[_Step] = []
        if target.sparsity:
            below = [rung for rung in self.rungs if rung[0] < target.sparsity]
            (_, last) = self.rungs[len(below)]
            for sparsity, n in (*below, (target.sparsity, last)):
                steps.append((n, replace(base, sparsity=sparsity), None, True))
        if target.weight_bits is None and target.membrane_bits is None:
            return steps
        n = [n for least, n in self.quantize_epochs if least <= target.sparsity][-1]
        compression = None
        if target.weight_bits is not None:
            compression = replace(base, sparsity=target.sparsity, weight_bits=target.weight_bits)
        # Where too few epochs are left for it alone, the last step prunes too, and at once.
        return [*steps, (n, compression, _state_of(target), False)]


def _state_of(target: Target) -> StateConfig | None:
    bits = target.membrane_bits
    return None if bits is None else StateConfig(membrane_bits=bits)


_Step = tuple[int, CompressionConfig | None, StateConfig | None, bool]


def _shared_out(steps: list[_Step], epochs: int) -> list[_Step]:
    """Scale the steps' epochs to a total; where there are fewer, the last steps stay."""
    if epochs < 1:
        raise InputError(f"{epochs} is not at least 1", where="epochs")
    steps = steps[-epochs:]  # the last step has all that the target asks for
    whole = sum(step[0] for step in steps)
    counts = [max(1, int(step[0] * epochs / whole)) for step in steps]
    while sum(counts) > epochs:
        counts[counts.index(max(counts))] -= 1
    for i in range(epochs - sum(counts)):
        counts[-1 - i % len(counts)] += 1
    return [(n, *step[1:]) for n, step in zip(counts, steps, strict=True)]


# Every weight is ranked by LAMP, ternary scales begin where the squared error of the weights that
# are left is least, and the float network teaches: benchmarks/results/frontier.json has what
# `best` reaches so.
_START = CompressionConfig(scope="lamp", initializer="mse")

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="best",
            rungs=((0.8, 3), (0.9, 3), (0.95, 4), (0.975, 6), (1.0, 8)),
            quantize_epochs=((0.0, 4), (0.9, 4), (0.95, 6), (0.975, 8)),
            lr=4e-3,
            distillation=0.5,
            ramp=0.5,
            compression=_START,
        ),
        Recipe(
            name="fast",
            rungs=((1.0, 2),),
            quantize_epochs=((0.0, 2),),
            lr=4e-3,
            distillation=0.5,
            ramp=0.5,
            compression=_START,
        ),
        Recipe(
            name="one-shot",
            rungs=(),
            quantize_epochs=(),
            lr=4e-3,
            distillation=0.5,
            ramp=0.0,
            compression=_START,
            one_shot=True,
        ),
    )
}
"""Recipes by name."""
RECIPE_NAMES = (*RECIPES, "published")


def recipe_strategy(
    name: str, target: Target, *, epochs: int | None = None, lr: float | None = None
) -> Strategy:
    """Give a recipe's strategy for a target.

    Parameters
    ----------
    name
        ``"best"``: what measured best. ``"fast"``: two epochs of each kind.
        ``"one-shot"``: no training. ``"published"``: the study's own (`paper_strategy`), at once,
        its masks drawn globally.
    target
        What to reach.
    epochs, lr
        As in `Recipe.strategy`; for ``"published"`` the study's 50 epochs and its rates.

    Raises
    ------
    InputError
        An unknown name, or too few epochs.

    >>> recipe_strategy("published", parse_target("ternary, 80 %")).name
    'joint'
    """
    if name in RECIPES:
        return RECIPES[name].strategy(target, epochs=epochs, lr=lr)
    if name != "published":
        raise InputError(f"unknown {name!r}; there are {', '.join(RECIPE_NAMES)}", where="recipe")
    if target.weight_bits is None and not target.sparsity:
        raise InputError("it has no way to limit membranes alone", where="recipe 'published'")
    bits, pruned = target.weight_bits, target.sparsity
    kind = "prune" if bits is None else "joint" if pruned else "quantize"
    strategy = paper_strategy(
        kind, weight_bits=bits, sparsity=pruned, epochs=50 if epochs is None else epochs, lr=lr
    )
    return replace(
        strategy, phases=tuple(replace(phase, state=_state_of(target)) for phase in strategy.phases)
    )
