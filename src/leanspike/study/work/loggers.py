"""Every epoch of a study's trainings to TensorBoard, MLflow or Weights & Biases.

The loggers are lightning's; a run of theirs is one training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leanspike.errors import InputError
from leanspike.study.file.study_file import LoggerName
from leanspike.training import EpochRecord

EpochReport = Callable[[EpochRecord], None]
#: What each logger needs besides lightning.
NEEDS: dict[LoggerName, str] = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb"}


@contextmanager
def logged(
    report: EpochReport, logger: LoggerName | None, *, folder: Path, study: str, run: str
) -> Iterator[EpochReport]:
    """Report every epoch to a logger as well.

    Parameters
    ----------
    report
        Who else is told.
    logger
        Which logger; None for none.
    folder
        The study's: TensorBoard's files and MLflow's and W&B's local ones go to ``logs`` in it.
    study, run
        Names of the study and of the training.

    Raises
    ------
    InputError
        When the logger's package is not installed.
    """
    if logger is None:
        yield report
        return
    made = _logger(logger, folder / "logs", study, run)

    def both(record: EpochRecord) -> None:
        made.log_metrics(
            {
                "train_loss": record.train_loss,
                "validation_loss": record.validation_loss,
                "validation_accuracy": record.validation_accuracy,
                "lr": record.lr,
                "seconds": record.seconds,
            },
            step=record.epoch,
        )
        report(record)

    status = "failed"
    try:
        yield both
        status = "success"
    finally:
        made.finalize(status)


def _logger(name: LoggerName, folder: Path, study: str, run: str) -> Any:
    try:
        if name == "tensorboard":
            from lightning.fabric.loggers import TensorBoardLogger

            return TensorBoardLogger(root_dir=folder, name=run, version="")
        if name == "mlflow":
            from lightning.pytorch.loggers import MLFlowLogger

            return MLFlowLogger(
                experiment_name=study, run_name=run, tracking_uri=f"file:{folder / 'mlflow'}"
            )
        from lightning.pytorch.loggers import WandbLogger

        folder.mkdir(parents=True, exist_ok=True)
        return WandbLogger(name=run, project=study, save_dir=folder, reinit=True)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{name!r} needs a package that is not installed", where="logger",
            remedy=f"pip install {NEEDS[name]}",
        ) from error  # fmt: skip
