"""Reaching a budget: a recipe's targets one after another, until an inference is cheap enough.

Targets that begin alike share their trainings, so that each further one costs only what it adds.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from leanspike.compress import (
    Phase,
    Strategy,
    Target,
    dump_strategy,
    recipe_strategy,
    save_state,
    summary,
)
from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.hardware.price import price
from leanspike.spec import write_yaml
from leanspike.study.file.study_file import UNITS, Budget, Quantity, parse_budget
from leanspike.study.work.model_folder import DESCRIPTION, WEIGHTS, Model, Progress
from leanspike.study.work.networks import run_once, training_config
from leanspike.training import frozen_copy, run_phase

LADDER = tuple(
    Target(weight_bits=2, sparsity=sparsity) for sparsity in (0.0, 0.8, 0.9, 0.95, 0.975, 0.99)
)
"""What is tried, each cheaper than the one before and likely to lose more."""
FLOAT_BITS = 8
"""At how many bits weights that are not quantized are priced, as in a study."""
_LOSE = re.compile(r"lose at most (\d+(?:\.\d+)?) ?points?")


@dataclass(frozen=True)
class Goal:
    """What an inference may take, and what accuracy it may lose for that.

    Attributes
    ----------
    budgets
        At least one.
    lose
        Points of validation accuracy below the float network's.
    """

    budgets: tuple[Budget, ...]
    lose: float = float("inf")


def parse_goal(text: str) -> Goal:
    """Read a goal: budgets and ``lose at most N points``, by commas.

    Raises
    ------
    InputError
        A part is not understood, or there is no budget.

    >>> goal = parse_goal("energy <= 30 uJ, lose at most 1 point")
    >>> goal.budgets[0].most, goal.lose
    (30000000.0, 1.0)
    """
    budgets, lose = [], float("inf")
    for part in (part.strip() for part in text.split(",")):
        found = _LOSE.fullmatch(part)
        if found is not None:
            lose = float(found[1])
        else:
            budgets.append(parse_budget(part))
    if not budgets:
        raise InputError("it has no budget", where="goal", remedy="Such as: energy <= 30 uJ")
    return Goal(tuple(budgets), lose)


@dataclass(frozen=True)
class Rung:
    """A network on the way.

    Attributes
    ----------
    target
        None for the float network.
    accuracy
        On the validation split, 0 to 1.
    costs
        Energy in pJ and latency in s of one inference, size of the weights in bits, zeros too.
    """

    target: Target | None
    accuracy: float
    costs: dict[Quantity, float]

    def over(self, goal: Goal) -> Budget | None:
        """Give the first budget that it does not keep."""
        return next((b for b in goal.budgets if self.costs[b.quantity] > b.most), None)

    def __str__(self) -> str:
        """Say what it is, what it takes and how accurate it is."""
        energy, latency = self.costs["energy"] / 1e6, self.costs["latency"] * 1e3
        return (
            f"{self.target or 'float'}: {energy:.3g} uJ, {latency:.3g} ms, "
            f"{self.costs['size'] / 8000:.3g} kB, validation {100 * self.accuracy:.2f} %"
        )


@dataclass(frozen=True)
class Reached:
    """What came of a goal.

    Attributes
    ----------
    model
        The network that reaches it, or the nearest: the cheapest that loses no more than allowed.
    rungs
        All that were tried, the float network first.
    chosen
        The model's.
    why_not
        Why the goal was not reached; None where it was.
    """

    model: Model
    rungs: tuple[Rung, ...]
    chosen: Rung
    why_not: str | None


def reach(
    model: Model,
    goal: Goal,
    *,
    out: Path,
    recipe: str = "best",
    architecture: str = "eyeriss_snn",
    epochs: int | None = None,
    lr: float | None = None,
    on_rung: Callable[[Rung], None] = lambda _: None,
    progress: Progress | None = None,
) -> Reached:
    """Compress a trained network until its budgets are kept, or it would lose too much.

    Energy and latency are those on `architecture` under the physical model, with run-length
    encoded tensors and spikes as measured on the validation split.

    Parameters
    ----------
    model
        A float network; stays as it is.
    goal
        Budgets and the loss allowed.
    out
        Folder for the result; trainings are kept beside it in ``out/trainings``.
    recipe, epochs, lr
        As in `recipe_strategy`, for each target of `LADDER`.
    on_rung
        Called with every network that was tried, the float one first.
    progress
        Called after every epoch.

    Raises
    ------
    InputError
        The float network keeps the budgets already, or the architecture is unknown.
    """
    data = model.load_data()
    float_accuracy = model.file.validation_accuracy
    on = model.file.training.accelerator
    start = Rung(None, float_accuracy, _costs(model.net, data, architecture, FLOAT_BITS, on))
    on_rung(start)
    if start.over(goal) is None:
        raise InputError(f"the float network keeps it already ({start})", where="goal")
    rungs, best, why_not = [start], (start, model), None
    for target in LADDER:
        made = _compressed(model, data, target, out, recipe, epochs, lr, progress)
        costs = _costs(made.net, data, architecture, None, on)
        rung = Rung(target, made.file.validation_accuracy, costs)
        rungs.append(rung)
        on_rung(rung)
        lost = 100 * (float_accuracy - rung.accuracy)
        if lost > goal.lose + 1e-9:
            why_not = f"{target} loses {lost:.2f} points, and at most {goal.lose:g} are allowed"
            break
        best = (rung, made)
        if rung.over(goal) is None:
            break
    else:
        why_not = "no target of the recipe is cheaper"
    chosen, made = best
    if why_not is not None:
        broken = chosen.over(goal)
        assert broken is not None
        unit = next(u for u in UNITS[broken.quantity] if broken.text.endswith(u))
        found = chosen.costs[broken.quantity] / UNITS[broken.quantity][unit]
        why_not = f"{broken.text} is not reached, nearest is {found:.4g} {unit}: {why_not}"
    save_state(made.net, out / WEIGHTS, parents=True)
    write_yaml(made.file.model_dump(mode="json"), out / DESCRIPTION)
    return Reached(made, tuple(rungs), chosen, why_not)


def _compressed(
    model: Model,
    data: FrameData,
    target: Target,
    out: Path,
    recipe: str,
    epochs: int | None,
    lr: float | None,
    progress: Progress | None,
) -> Model:
    """Go through a target's phases, each in a folder named by all phases up to it."""
    net, origin = copy.deepcopy(model.net), frozen_copy(model.net)
    alone = model.file.training.model_copy(update={"devices": 1})
    done: tuple[Phase, ...] = ()
    accuracy = model.file.validation_accuracy
    for phase in recipe_strategy(recipe, target, epochs=epochs, lr=lr).phases:
        done = (*done, phase)
        key = hashlib.sha256(dump_strategy(Strategy("", done)).encode()).hexdigest()[:12]
        result = run_phase(
            net,
            data,
            phase,
            training=training_config(alone, phase),
            out=out / "trainings" / key,
            seed=model.file.seed,
            origin=origin,
            progress=progress,
        )
        accuracy = result.validation_accuracy
    update = {"phases": (*model.file.phases, *done), "validation_accuracy": accuracy}
    return Model(net, model.file.model_copy(update=update))


def _costs(
    net: nn.Module,
    data: FrameData,
    architecture: str,
    weight_bits: int | None,
    accelerator: str,
) -> dict[Quantity, float]:
    workload, _ = run_once(net, data.validation, accelerator=accelerator, name="network")
    cost = price(workload, architecture, formats="RLE", weight_bits=weight_bits)
    weights = summary(net)
    bits = weights.size_bits if weight_bits is None else weights.weights * weight_bits
    return {"energy": cost.energy_pj, "latency": cost.latency_s, "size": float(bits)}
