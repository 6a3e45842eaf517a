"""Doing a search's proposals: from all that is measured by now to the next candidates."""

from __future__ import annotations

from dataclasses import replace

from leanspike.study.file import StudyFile
from leanspike.study.plan import chain
from leanspike.study.points import LayerChoice, Point
from leanspike.study.records import (
    ExploreResult,
    Lookup,
    MeasureResult,
    PriceResult,
    ProposeRecipe,
    Trial,
)
from leanspike.study.search.budget import Quantity
from leanspike.study.search.costs import option_table
from leanspike.study.search.plan import options_of
from leanspike.study.search.proposing import correction_of, propose
from leanspike.study.search.section import SearchSection
from leanspike.study.search.table import Allocation, OptionTable
from leanspike.study.task import Proposal, Task


def do_propose(
    study: StudyFile,
    recipe: ProposeRecipe,
    before: Proposal | None,
    *,
    fingerprint: str,
    result_of: Lookup,
) -> Proposal:
    """Choose the next candidates from all that is measured by now.

    Parameters
    ----------
    before
        The turn before, None for the first.
    """
    section = SearchSection(**{**recipe.search, "trainings": recipe.count})
    explored = result_of(recipe.explore, ExploreResult)
    assert explored is not None
    table = option_table(
        explored,
        options_of(section),
        study.hardware,
        membrane_bits=study.compression.membrane_bits,
    )
    trials = list(before.trials) if before is not None else []
    found = {
        trial.number: measured
        for trial in trials
        if (measured := _measured(trial, result_of)) is not None
    }
    costs = {number: cost for number, (_, cost) in found.items()}
    done = [trial for trial in trials if trial.number in costs]
    fresh = propose(
        section,
        table,
        trials,
        {number: (accuracy, cost[section.objective]) for number, (accuracy, cost) in found.items()},
        turn=recipe.turn,
        count=recipe.count,
        correction=correction_of(
            [{q: table.cost_of(trial.allocation, q) for q in table.costs} for trial in done],
            [costs[trial.number] for trial in done],
        ),
    )
    grown: list[Task] = []
    for trial in fresh:
        if trial.why_not is None:
            point = _point(table, trial.allocation, number=trial.number, seed=recipe.seed)
            # The first is the float network's training, which is in the plan anyway.
            _, *tasks = chain(study, point, fingerprint=fingerprint)
            grown += tasks
            trial = replace(trial, measure=tasks[-2].key, price=tasks[-1].key)
        trials.append(trial)
    return Proposal(table.layers, tuple(trials), tuple(grown))


def _measured(trial: Trial, result_of: Lookup) -> tuple[float, dict[Quantity, float]] | None:
    """Return validation accuracy and costs of a candidate, None where it has none (yet)."""
    if trial.measure is None or trial.price is None:
        return None
    measured = result_of(trial.measure, MeasureResult)
    priced = result_of(trial.price, PriceResult)
    if measured is None or priced is None:
        return None
    main = priced.costs[0]
    return measured.validation_accuracy, {
        "energy": main.energy_pj,
        "latency": main.latency_s,
        "size": sum(layer.stored_bits for layer in measured.layers),
    }


def _point(table: OptionTable, allocation: Allocation, *, number: int, seed: int) -> Point:
    layers = tuple(
        LayerChoice(name, option.bits, option.sparsity) for name, option in table.chosen(allocation)
    )
    sizes = table.weights
    pruned = sum(n * layer.sparsity for n, layer in zip(sizes, layers, strict=True)) / sum(sizes)
    return Point("search", None, round(pruned, 4), seed, layers, number)
