"""Epochs in a logger's own files, read back by the logger's own reader."""

import sys

import pytest

from leanspike.errors import InputError
from leanspike.study.work.loggers import logged
from leanspike.training import EpochRecord

RECORDS = [
    EpochRecord(
        epoch=epoch, train_loss=1.0 / (epoch + 1), validation_loss=0.5,
        validation_accuracy=0.5 + 0.1 * epoch, lr=1e-3, seconds=2.0,
    )
    for epoch in range(3)
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_every_epoch(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    seen = []
    with logged(seen.append, "tensorboard", folder=tmp_path, study="s", run="train-1") as report:
        for record in RECORDS:
            report(record)
    assert seen == RECORDS
    found = events.EventAccumulator(str(tmp_path / "logs" / "train-1"))
    found.Reload()
    accuracies = [(each.step, each.value) for each in found.Scalars("validation_accuracy")]
    assert accuracies == [(r.epoch, pytest.approx(r.validation_accuracy)) for r in RECORDS]
    assert len(found.Scalars("train_loss")) == 3


def test_without_a_logger_nothing_is_written(tmp_path):
    seen = []
    with logged(seen.append, None, folder=tmp_path, study="s", run="r") as report:
        report(RECORDS[0])
    assert seen == RECORDS[:1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_package_that_is_not_there_is_named(tmp_path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with (
        pytest.raises(InputError, match=f"logger: '{name}' needs .*pip install {name}"),
        logged(print, name, folder=tmp_path, study="s", run="r"),
    ):
        pass
