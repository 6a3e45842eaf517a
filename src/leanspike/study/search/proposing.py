"""Choosing the next candidates of a search: which to train, and which only to price."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from leanspike.study.records import JsonObject, Trial
from leanspike.study.search.budget import Quantity
from leanspike.study.search.front import predicted_front, spread
from leanspike.study.search.sampling import Asker, Values
from leanspike.study.search.section import SearchSection
from leanspike.study.search.table import Allocation, OptionTable

#: Candidates that are priced, at most, for each that is trained.
_TRIES = 25
#: A candidate is clearly dominated by a trained one of at most its predicted cost whose predicted
#: damage is at most this fraction of its own.
_CLEARLY = 0.8


def propose(
    section: SearchSection,
    table: OptionTable,
    trials: Sequence[Trial],
    values: Mapping[int, Values],
    *,
    turn: int,
    count: int,
    correction: Mapping[Quantity, float],
) -> list[Trial]:
    """Return the next candidates, those that are not going to be trained among them.

    The first turn trains allocations spread along the predicted front; later turns what the
    sampler asks for, as far as it fits the budgets, is not clearly dominated and is predicted to be
    better than a network that never fires. Where one of the
    two gives too little, the other fills up; where both do, fewer are trained.

    Parameters
    ----------
    values
        What was measured of those that are trained.
    turn
        Which turn this is, from 0.
    correction
        As in :meth:`OptionTable.broken`.
    """
    front = predicted_front(table, section.objective, section.budgets, correction)
    hopeful = [allocation for allocation in front if table.damage_of(allocation) < table.hopeless]
    front = hopeful or front
    if section.method == "sensitivity":
        chosen = spread(table, section.objective, front, count)
        return [_trial(section, table, i, allocation) for i, allocation in enumerate(chosen)]
    seed = (section.seed * 1_000_003 + turn) % 2**32
    asker = Asker(
        section.method, table, trials, values, population=section.generation, seed=seed
    )  # fmt: skip
    made: list[Trial] = []
    known = {trial.allocation for trial in trials if trial.why_not is None}
    trained = [trial for trial in trials if trial.why_not is None]
    wanted = count

    def take(allocation: Allocation | None) -> None:
        nonlocal wanted
        number, found = asker.ask(allocation)
        budget = table.broken(found, section.budgets, correction)
        better = _dominating(table, section.objective, found, trained)
        why = "tried before" if found in known else None
        if budget is not None:
            why = f"breaks the budget {budget.text}"
        elif hopeful and table.damage_of(found) >= table.hopeless:
            why = "predicted to be no better than a silent network"
        elif better is not None and why is None:
            why = f"clearly dominated by candidate {better.number}"
        trial = _trial(section, table, number, found, why, asker.kept_with(number))
        made.append(trial)
        if why is not None:
            asker.leave_out(number)
            return
        known.add(found)
        trained.append(trial)
        wanted -= 1

    def take_from_front() -> None:
        fresh = [allocation for allocation in front if allocation not in known]
        for allocation in spread(table, section.objective, fresh, wanted):
            take(allocation)

    if turn == 0:
        take_from_front()
    for _ in range(_TRIES * count if front else 0):
        if wanted:
            take(None)
    if wanted:
        take_from_front()
    return made


def correction_of(
    predicted: Sequence[Mapping[Quantity, float]], measured: Sequence[Mapping[Quantity, float]]
) -> dict[Quantity, float]:
    """Return by how much the predicted costs are too low: the median over trained candidates.

    Spikes change as weights are compressed, so costs measured after training differ from those
    predicted with the float network's spikes.

    >>> correction_of([{"energy": 2.0}, {"energy": 4.0}], [{"energy": 2.2}, {"energy": 4.8}])
    {'energy': 1.15}
    """
    if not predicted:
        return {}
    return {
        quantity: statistics.median(
            after[quantity] / before[quantity]
            for before, after in zip(predicted, measured, strict=True)
        )
        for quantity in predicted[0]
    }


def _dominating(
    table: OptionTable, objective: Quantity, found: Allocation, trained: Sequence[Trial]
) -> Trial | None:
    cost, damage = table.cost_of(found, objective), table.damage_of(found)
    for trial in trained:
        if trial.cost <= cost and trial.damage < _CLEARLY * damage:
            return trial
    return None


def _trial(
    section: SearchSection,
    table: OptionTable,
    number: int,
    allocation: Allocation,
    why_not: str | None = None,
    sampler: JsonObject | None = None,
) -> Trial:
    return Trial(
        number=number,
        allocation=allocation,
        why_not=why_not,
        damage=table.damage_of(allocation),
        cost=table.cost_of(allocation, section.objective),
        sampler=sampler or {},
    )
