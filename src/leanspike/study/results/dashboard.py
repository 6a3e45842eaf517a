"""A study's points as optuna trials in the same database, for optuna-dashboard and its samplers."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import optuna
import sqlalchemy as sa
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, create_trial

from leanspike.study.results.point_result import PointResult
from leanspike.study.results.results import Results, SearchRecord
from leanspike.study.results.tables import MainReading
from leanspike.study.search.proposing import frozen

_KEY = "leanspike point"
#: How often a running study is shown, at most.
SHOW_SECONDS = 20.0
#: The same for every study, since optuna refuses a parameter whose choices change.
_STRATEGIES = CategoricalDistribution(["float", "quantize", "prune", "cumulative", "joint"])
_SPACE: dict[str, BaseDistribution] = {
    "strategy": _STRATEGIES,
    "bits": IntDistribution(1, 16),
    "pruning": FloatDistribution(0.0, 1.0),
    "seed": IntDistribution(-(2**31), 2**31 - 1),
}


def show_in_optuna(results: Results) -> int:
    """Add every priced point that optuna does not have yet; return how many were added.

    The optuna study bears the study's name, its objectives are test accuracy (largest) and energy
    in µJ in the main reading (smallest); a trial's attributes name point and checkpoint. What a
    search chose is in a study of its own, named ``<name>, search``: two parameters per layer,
    validation accuracy and the search's objective; candidates that were not trained are there as
    pruned. Look at both with ``optuna-dashboard sqlite:///runs/study/study.db``.

    Raises
    ------
    OSError
        When the database cannot be written.
    """
    main = MainReading.of(results)
    # Optuna refuses a strategy that its study did not begin with, such as the control.
    grid = {
        result.key: result
        for result in results.priced
        if not result.point.layers and result.point.strategy in _STRATEGIES.choices
    }
    added = _add(
        results, results.name, {key: partial(_trial, point, main) for key, point in grid.items()}
    )
    if results.search is not None:
        trials = _searched(results, results.search, main)
        added += _add(results, f"{results.name}, search", trials)
    return added


@contextmanager
def shown_meanwhile(where: str | Path, *, every: float = SHOW_SECONDS) -> Iterator[None]:
    """Let optuna have what is finished, now and then, while the body runs.

    Parameters
    ----------
    where
        A study's database that is begun.
    every
        Seconds between; longer where it takes more than a twentieth of the time.
    """
    stop = threading.Event()

    def show() -> None:
        pause = every
        while not stop.wait(pause):
            started = time.monotonic()
            # A full disk or a server that is gone is the workers' to report.
            with suppress(OSError, sa.exc.SQLAlchemyError):
                show_in_optuna(Results.load(where))
            pause = max(every, 20 * (time.monotonic() - started))

    thread = threading.Thread(target=show, name="dashboard", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _add(results: Results, name: str, trials: Mapping[str, Callable[[], FrozenTrial]]) -> int:
    """Add the trials whose keys an optuna study does not have."""
    where = results.where
    storage = where if "://" in where else f"sqlite:///{Path(where)}"
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            directions=["maximize", "minimize"],
            load_if_exists=True,
        )
        known = {trial.user_attrs.get(_KEY) for trial in study.get_trials(deepcopy=False)}
        fresh = [make for key, make in trials.items() if key not in known]
        study.add_trials([make() for make in fresh])
    except optuna.exceptions.StorageInternalError as error:
        raise OSError(errno.EIO, "optuna's part of it cannot be written", where) from error
    finally:
        optuna.logging.set_verbosity(verbosity)
    return len(fresh)


def _searched(
    results: Results, search: SearchRecord, main: MainReading
) -> dict[str, Callable[[], FrozenTrial]]:
    """Return the search's candidates that are done with: measured, or not trained."""
    points = {result.key: result for result in results.priced}
    found: dict[str, Callable[[], FrozenTrial]] = {}
    for trial in search.trials:
        if trial.measure is None:
            key = f"not trained {trial.number} {trial.allocation}"
            found[key] = partial(frozen, search.choices, trial, None, about={_KEY: key})
        elif trial.measure in points:
            result = points[trial.measure]
            cost = main.cost(result)
            value = {
                "energy": cost.energy_pj, "latency": cost.latency_s, "size": result.stored_bits,
            }[search.section.objective]  # fmt: skip
            values = (result.validation_accuracy, value)
            about = {_KEY: trial.measure, "test accuracy": result.accuracy}
            found[trial.measure] = partial(frozen, search.choices, trial, values, about=about)
    return found


def _trial(result: PointResult, main: MainReading) -> FrozenTrial:
    point = result.point
    parameters: dict[str, str | int | float] = {
        "strategy": point.strategy,
        "pruning": point.sparsity,
        "seed": point.seed,
    }
    if point.weight_bits is not None:
        parameters["bits"] = point.weight_bits
    return create_trial(
        params=parameters,
        distributions={name: _SPACE[name] for name in parameters},
        values=[result.accuracy, main.cost(result).energy_pj * 1e-6],
        user_attrs={
            _KEY: result.key,
            "checkpoint": result.measured.checkpoint,
            "sha256": result.measured.sha256,
            "weights zero": result.sparsity,
        },
    )
