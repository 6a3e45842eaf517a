"""Doing a study's tasks: train a phase, measure a trained network, price a measurement."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from leanspike.activity import measure
from leanspike.compress import Summary, summary
from leanspike.events import FrameData
from leanspike.hardware.workload import Workload
from leanspike.nn import SpikingNetwork
from leanspike.study.file import HardwareSection, StudyFile
from leanspike.study.networks import (
    frame_batches,
    network_config,
    prepared_network,
    put_on,
    right_by_recording,
)
from leanspike.study.plan import base_compression
from leanspike.study.points import Point
from leanspike.study.pricing import price_point
from leanspike.study.provenance import provenance
from leanspike.study.search.doing import do_propose
from leanspike.study.search.sensitivity import explore
from leanspike.study.search.table import Option
from leanspike.study.task import Task
from leanspike.study.together import train_together
from leanspike.training import EpochRecord, TrainingConfig, fit

EpochReport = Callable[[EpochRecord], None]
Lookup = Callable[[str], Mapping[str, Any]]


class Workbench:
    """Everything tasks need but what they are: the study, its data and its folder.

    Parameters
    ----------
    study
        The study.
    data
        Its data.
    folder
        Where trainings are kept, each in ``trainings/<key>``.

    Raises
    ------
    InputError
        When the network does not fit the data.
    """

    def __init__(self, study: StudyFile, data: FrameData, folder: Path) -> None:
        self.study = study
        self.data = data
        self.folder = folder
        self._provenance = provenance()
        self.network = network_config(
            study.network, shape=data.shape, classes=data.classes, T=data.T
        )

    def run(self, task: Task, *, result_of: Lookup, on_epoch: EpochReport) -> dict[str, Any]:
        """Do one task and return its result as plain data.

        Parameters
        ----------
        task
            What to do.
        result_of
            Gives the result of a finished task by its key.
        on_epoch
            Called after every epoch of a training.
        """
        if task.kind == "propose":
            fingerprint = self.data.fingerprint
            return do_propose(self.study, task, fingerprint=fingerprint, result_of=result_of)
        before = result_of(task.needs) if task.needs is not None else None
        if task.kind == "train":
            return self.train(task, before, on_epoch)
        assert before is not None
        if task.kind == "explore":
            return self._explore(task, before)
        if task.kind == "measure":
            return self._measure(task, before)
        section = HardwareSection(**task.recipe)
        workload = Workload(**before["workload"])
        # Measurements of 0.1.0 know no layers of their own widths.
        quantized = before.get("quantized", before["weight_bits"] is not None)
        return price_point(workload, section, quantized=quantized)

    def train(
        self, task: Task, parent: Mapping[str, Any] | None, on_epoch: EpochReport
    ) -> dict[str, Any]:
        """Train one phase, from where its parent ended."""
        *earlier, phase = task.recipe["phases"]
        net = prepared_network(self.network, task.recipe["seed"], earlier)
        if parent is not None:
            net.load_state_dict(self._checkpoint(parent))
        put_on(net, phase, self.network)
        shared = self.study.training
        config = TrainingConfig(
            epochs=phase["epochs"],
            lr=phase["lr"],
            warmup_epochs=phase["warmup_epochs"],
            batch_size=shared.batch_size,
            shift=shared.shift,
            precision=shared.precision,
            accelerator=shared.accelerator,
            devices=shared.devices,
        )
        out = self.folder / "trainings" / task.key
        if shared.devices > 1 and "WORLD_SIZE" not in os.environ:
            # As many processes train; what they leave is taken up below as done.
            train_together(self.study, self.folder, task, parent, on_epoch=on_epoch)
        fitted = fit(
            net, self.data, config, out=out, seed=task.recipe["seed"], resume=True,
            progress=on_epoch,
        )  # fmt: skip
        checkpoint = Path(fitted.checkpoint)
        return {
            "checkpoint": str(checkpoint.relative_to(self.folder)),
            "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            "best_epoch": fitted.best_epoch,
            "validation_accuracy": fitted.validation_accuracy,
            "history": [asdict(record) for record in fitted.history],
            "recipe": task.recipe,
            "provenance": self._provenance,
        }

    def _explore(self, task: Task, trained: Mapping[str, Any]) -> dict[str, Any]:
        net = self._trained(trained)
        recipe = task.recipe
        return explore(
            net,
            self.data.train,
            [Option(bits, part) for bits in recipe["bits"] for part in recipe["sparsity"]],
            base_compression(self.study),
            classes=self.data.classes,
            recordings=recipe["calibration"],
            batch_size=self.study.training.batch_size,
            seed=recipe["seed"],
        )

    def _measure(self, task: Task, trained: Mapping[str, Any]) -> dict[str, Any]:
        net = self._trained(trained)
        batch_size = self.study.training.batch_size
        right = right_by_recording(net, self.data.test, batch_size)
        workload = measure(net, frame_batches(self.data.test, batch_size), name=task.label)
        layers = _weights_of(workload, summary(net))
        return {
            "right": "".join("01"[mark] for mark in right),
            "validation_accuracy": trained["validation_accuracy"],
            "weight_bits": task.recipe["weight_bits"],
            "quantized": Point.of(task.recipe).quantized,
            "sha256": trained["sha256"],
            "checkpoint": trained["checkpoint"],
            "layers": layers,
            "workload": workload.model_dump(mode="json"),
            # What this point came to be by: its phases, and what trained and measured it.
            "trained": {"recipe": trained["recipe"], "provenance": trained.get("provenance")},
            "data": self.data.fingerprint,
            "provenance": self._provenance,
        }

    def _trained(self, trained: Mapping[str, Any]) -> SpikingNetwork:
        """Build a network as its training left it."""
        recipe = trained["recipe"]
        net = prepared_network(self.network, recipe["seed"], recipe["phases"])
        net.load_state_dict(self._checkpoint(trained))
        return net.eval()

    def _checkpoint(self, trained: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        return load_file(self.folder / trained["checkpoint"])


def _weights_of(workload: Workload, weights: Summary) -> list[dict[str, Any]]:
    """Sum up the weights of every layer that is priced; some are of two (`activity.summing`)."""
    by_name = {each.name: each for each in weights.layers}
    made = []
    for layer in workload.layers:
        parts = [by_name[name] for name in layer.name.split("+")]
        count = sum(part.weights for part in parts)
        made.append(
            {
                "name": layer.name,
                "weights": count,
                "bits": layer.bits.weights,
                "sparsity": sum(part.sparsity * part.weights for part in parts) / count,
                "pruned": sum(part.pruned * part.weights for part in parts) / count,
            }
        )
    return made
