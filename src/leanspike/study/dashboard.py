"""A study's points as optuna trials in the same database, for optuna-dashboard and its samplers."""

from __future__ import annotations

import errno
from pathlib import Path

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import create_trial

from leanspike.study.point_result import PointResult
from leanspike.study.results import Results
from leanspike.study.table import MainReading

_KEY = "leanspike point"
#: The same for every study, since optuna refuses a parameter whose choices change.
_SPACE: dict[str, BaseDistribution] = {
    "strategy": CategoricalDistribution(["float", "quantize", "prune", "cumulative", "joint"]),
    "bits": IntDistribution(1, 16),
    "pruning": FloatDistribution(0.0, 1.0),
    "seed": IntDistribution(-(2**31), 2**31 - 1),
}


def show_in_optuna(results: Results) -> int:
    """Add every priced point that optuna does not have yet; return how many were added.

    The optuna study bears the study's name, its objectives are test accuracy (largest) and energy
    in µJ in the main reading (smallest); a trial's attributes name point and checkpoint. Look at
    it with ``optuna-dashboard sqlite:///runs/study/study.db``.

    Parameters
    ----------
    results
        A study's results; their database is written to.

    Raises
    ------
    OSError
        When the database cannot be written.
    """
    where = results.where
    storage = where if "://" in where else f"sqlite:///{Path(where)}"
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            study_name=results.name,
            storage=storage,
            directions=["maximize", "minimize"],
            load_if_exists=True,
        )
        known = {trial.user_attrs.get(_KEY) for trial in study.get_trials(deepcopy=False)}
        main = MainReading.of(results)
        # What a search chose has parameters of its own, and a study of its own.
        grid = [result for result in results.priced if not result.point.layers]
        fresh = [result for result in grid if result.record["key"] not in known]
        study.add_trials([_trial(result, main) for result in fresh])
    except optuna.exceptions.StorageInternalError as error:
        raise OSError(errno.EIO, "optuna's part of it cannot be written", where) from error
    finally:
        optuna.logging.set_verbosity(verbosity)
    return len(fresh)


def _trial(result: PointResult, main: MainReading) -> optuna.trial.FrozenTrial:
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
            _KEY: result.record["key"],
            "checkpoint": result.record["checkpoint"],
            "sha256": result.record["sha256"],
            "weights zero": result.sparsity,
        },
    )
