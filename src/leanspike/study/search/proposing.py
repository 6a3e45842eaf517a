"""Asking optuna's samplers for allocations, from everything that is known of earlier ones.

Choosing the next candidates of a search: which to train, and which only to price.

Doing a search's proposals: from all that is measured by now to the next candidates.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState, create_trial

from leanspike.errors import InputError
from leanspike.study.file.study_file import Budget, Quantity, SearchSection, StudyFile
from leanspike.study.plan.options import Allocation, Choices, Option, OptionTable
from leanspike.study.plan.points import LayerChoice, Point
from leanspike.study.plan.tasks import Proposal, Task, chain, options_of
from leanspike.study.records import (
    ExploreResult,
    JsonObject,
    Lookup,
    MeasureResult,
    PriceResult,
    ProposeRecipe,
    Trial,
)
from leanspike.study.search.costs import option_table, predicted_front, spread

#: Validation accuracy and the objective's cost of a trained candidate.
Values = tuple[float, float]


class Asker:
    """A sampler of optuna's on a copy of the search in memory.

    The copy is made from what the study's own database holds, and the sampler's randomness from
    the search's seed and the turn: what is asked depends on nothing else, so that a proposal that
    was cut short proposes the same again.

    Parameters
    ----------
    values
        Per number of a candidate that is trained and priced, what was measured.
    population
        Size of a generation of NSGA-II; candidates TPE draws at random first.
    """

    def __init__(
        self,
        method: Literal["nsga2", "tpe"],
        table: OptionTable,
        trials: Sequence[Trial],
        values: Mapping[int, Values],
        *,
        population: int,
        seed: int,
    ) -> None:
        self._table = table
        self._space = space(table)
        sampler: optuna.samplers.BaseSampler
        if method == "nsga2":
            sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=seed)
        else:
            sampler = optuna.samplers.TPESampler(n_startup_trials=population, seed=seed)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
            self._study.add_trials(
                [frozen(table, trial, values.get(trial.number)) for trial in trials]
            )
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._asked: dict[int, optuna.Trial] = {}

    def ask(self, allocation: Allocation | None = None) -> tuple[int, Allocation]:
        """Return the next candidate's number and allocation: the sampler's, or the one given."""
        if allocation is not None:
            self._study.enqueue_trial(parameters(self._table, allocation))
        trial = self._study.ask(self._space)
        self._asked[trial.number] = trial
        return trial.number, _allocation(self._table, trial.params)

    def leave_out(self, number: int) -> None:
        """Say that a candidate is not going to be trained."""
        self._study.tell(self._asked[number], state=TrialState.PRUNED)

    def kept_with(self, number: int) -> JsonObject:
        """Return what the sampler keeps with a candidate, such as its generation."""
        sampler = self._study.sampler
        if isinstance(sampler, optuna.samplers.NSGAIISampler):
            # optuna numbers no generation while it knows no search space, so not the first; left
            # out of all generations, the first candidates would never become parents.
            sampler.get_trial_generation(self._study, self._study.trials[number])
        attributes = self._study.trials[number].system_attrs
        return {name: value for name, value in attributes.items() if name != "fixed_params"}


def space(choices: Choices) -> dict[str, BaseDistribution]:
    """Return the search space: two parameters per layer."""
    bits = sorted({option.bits for option in choices.options})
    sparsities = sorted({option.sparsity for option in choices.options})
    names: dict[str, BaseDistribution] = {}
    for layer in choices.layers:
        names[f"{layer} bits"] = CategoricalDistribution(bits)
        names[f"{layer} sparsity"] = CategoricalDistribution(sparsities)
    return names


def parameters(choices: Choices, allocation: Allocation) -> dict[str, int | float]:
    """Return an allocation as parameters of the search space."""
    named: dict[str, int | float] = {}
    for layer, option in choices.chosen(allocation):
        named[f"{layer} bits"] = option.bits
        named[f"{layer} sparsity"] = option.sparsity
    return named


def frozen(
    choices: Choices, trial: Trial, values: Values | None, *, about: Mapping[str, Any] | None = None
) -> optuna.trial.FrozenTrial:
    """Return a candidate as optuna keeps it: complete, pruned (not trained), or failed."""
    state = TrialState.COMPLETE if values is not None else TrialState.FAIL
    if trial.why_not is not None:
        state = TrialState.PRUNED
    attributes: dict[str, Any] = {
        **(about or {}),
        "predicted damage": trial.damage,
        "predicted cost": trial.cost,
        "number": trial.number,
    }
    if trial.why_not is not None:
        attributes["not trained"] = trial.why_not
    return create_trial(
        state=state,
        params=parameters(choices, trial.allocation),
        distributions=space(choices),
        values=list(values) if values is not None and state == TrialState.COMPLETE else None,
        user_attrs=attributes,
        system_attrs=dict(trial.sampler),
    )


def _allocation(choices: Choices, params: Mapping[str, Any]) -> Allocation:
    options = {option: number for number, option in enumerate(choices.options)}
    return tuple(
        options[Option(params[f"{layer} bits"], params[f"{layer} sparsity"])]
        for layer in choices.layers
    )


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

    Raises
    ------
    InputError
        When nothing fits the budgets; it names the nearest that can be had.
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
    if not trials and section.budgets and all(trial.why_not is not None for trial in fresh):
        raise impossible(table, section.budgets)
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


def impossible(table: OptionTable, budgets: Sequence[Budget]) -> InputError:
    """Return the error that no network fits the budgets, with the least that can be had of each."""
    least = []
    for budget in budgets:
        options = table.costs[budget.quantity].argmin(axis=1)
        lowest = table.cost_of(tuple(int(option) for option in options), budget.quantity)
        nearest = f"{budget.text}: the least that can be had is {budget.shown(lowest)}"
        if lowest > budget.most:
            choices = {table.options[option] for option in options}
            each = sorted(f"{one.bits} bits, {100 * one.sparsity:g} % pruned" for one in choices)
            least.append(f"{nearest} ({' or '.join(each)} in every layer)")
    together = ", ".join(budget.text for budget in budgets)
    return InputError(
        "; ".join(least) or f"no network fits {together} at once",
        where="search.budget",
        remedy="Allow more, or give search.bits and search.sparsity that cost less",
    )


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
