"""Doing a search's tasks: explore the float network, propose candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from leanspike.study.file import StudyFile
from leanspike.study.plan import chain
from leanspike.study.point_result import LayerWeights
from leanspike.study.points import LayerChoice, Point
from leanspike.study.search.budget import Quantity
from leanspike.study.search.costs import option_table
from leanspike.study.search.plan import options_of
from leanspike.study.search.proposing import correction_of, propose
from leanspike.study.search.sampling import Values
from leanspike.study.search.section import SearchSection
from leanspike.study.search.table import Allocation, OptionTable
from leanspike.study.search.trial import Trial
from leanspike.study.task import Task

Lookup = Callable[[str], Mapping[str, Any]]


def do_propose(
    study: StudyFile, task: Task, *, fingerprint: str, result_of: Lookup
) -> dict[str, Any]:
    """Choose the next candidates from all that is measured by now.

    Parameters
    ----------
    study, fingerprint
        The study and the digest of its data.
    task
        The proposal.
    result_of
        Gives the result of a finished task by its key, nothing for others.

    Returns
    -------
    dict
        Plain data: the names of the ``layers``, all ``trials`` so far, and the tasks that were
        ``grown``.
    """
    assert task.needs is not None
    recipe = task.recipe
    section = SearchSection(**{**recipe["search"], "trainings": recipe["count"]})
    table = option_table(
        result_of(recipe["explore"]),
        options_of(section),
        study.hardware,
        membrane_bits=study.compression.membrane_bits,
    )
    before = [Trial.of(plain) for plain in result_of(task.needs).get("trials", ())]
    found = {
        trial.number: measured
        for trial in before
        if (measured := _measured(trial, result_of)) is not None
    }
    costs = {number: cost for number, (_, cost) in found.items()}
    done = [trial for trial in before if trial.number in costs]
    fresh = propose(
        section,
        table,
        before,
        {number: (accuracy, cost[section.objective]) for number, (accuracy, cost) in found.items()},
        turn=recipe["turn"],
        count=recipe["count"],
        correction=correction_of(
            [{q: table.cost_of(trial.allocation, q) for q in table.costs} for trial in done],
            [costs[trial.number] for trial in done],
        ),
    )
    trials, grown = list(before), []
    for trial in fresh:
        if trial.why_not is None:
            point = _point(table, trial.allocation, number=trial.number, seed=recipe["seed"])
            # The first is the float network's training, which is in the plan anyway.
            _, *tasks = chain(study, point, fingerprint=fingerprint)
            grown += [asdict(each) for each in tasks]
            trial = replace(trial, measure=tasks[-2].key, price=tasks[-1].key)
        trials.append(trial)
    return {
        "layers": list(table.layers),
        "trials": [trial.plain() for trial in trials],
        "grown": grown,
    }


def values_of(trial: Trial, objective: Quantity, result_of: Lookup) -> Values | None:
    """Return validation accuracy and cost of a candidate, None where it has none (yet)."""
    found = _measured(trial, result_of)
    return None if found is None else (found[0], found[1][objective])


def _measured(trial: Trial, result_of: Lookup) -> tuple[float, dict[Quantity, float]] | None:
    if trial.measure is None or trial.price is None:
        return None
    measured, priced = result_of(trial.measure), result_of(trial.price)
    if not measured or not priced:
        return None
    main = priced["costs"][0]
    size = sum(
        LayerWeights(each["name"], each["weights"], each["bits"], each["sparsity"]).stored_bits
        for each in measured["layers"]
    )
    cost: dict[Quantity, float] = {
        "energy": main["energy_pj"], "latency": main["latency_s"], "size": size,
    }  # fmt: skip
    return measured["validation_accuracy"], cost


def _point(table: OptionTable, allocation: Allocation, *, number: int, seed: int) -> Point:
    layers = tuple(
        LayerChoice(name, option.bits, option.sparsity) for name, option in table.chosen(allocation)
    )
    sizes = table.weights
    pruned = sum(n * layer.sparsity for n, layer in zip(sizes, layers, strict=True)) / sum(sizes)
    return Point("search", None, round(pruned, 4), seed, layers, number)
