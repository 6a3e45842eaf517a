"""Asking optuna's samplers for allocations, from everything that is known of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState, create_trial

from leanspike.study.records import JsonObject, Trial
from leanspike.study.search.table import Allocation, Choices, Option, OptionTable

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
