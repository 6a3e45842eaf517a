"""Doing a study's tasks: train a phase, measure a trained network, price a measurement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from leanspike.activity import measure
from leanspike.compress import CompressionConfig, prepare, summary
from leanspike.events import FrameConfig, FrameData, FrameSplit, load_data
from leanspike.hardware.workload import Workload
from leanspike.nn import NetworkConfig, NeuronConfig, SpikingNetwork, build_network
from leanspike.study.file import HardwareSection, StudyFile
from leanspike.study.pricing import price_point
from leanspike.study.task import Task
from leanspike.training import EpochRecord, TrainingConfig, fit

EpochReport = Callable[[EpochRecord], None]
Lookup = Callable[[str], Mapping[str, Any]]


def load_study_data(study: StudyFile) -> FrameData:
    """Load the data a study names.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    section = study.data
    return load_data(
        section.source,
        frames=FrameConfig(T=section.T, by=section.by),
        seed=section.seed,
        root=section.root,
        download=section.download,
        limit=section.limit,
    )


def network_config(study: StudyFile, data: FrameData) -> NetworkConfig:
    """Return the network a study asks for, sized to its data.

    Raises
    ------
    InputError
        When the settings do not fit each other or the data.
    """
    section = study.network
    return NetworkConfig(
        name=section.name,
        shape=data.shape,
        classes=data.classes,
        T=data.T,
        channels=section.channels,
        hidden=section.hidden,
        dropout=section.dropout,
        neuron=NeuronConfig(**section.neuron),
    )


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
        self.network = network_config(study, data)

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
        before = result_of(task.needs) if task.needs is not None else None
        if task.kind == "train":
            return self._train(task, before, on_epoch)
        assert before is not None
        if task.kind == "measure":
            return self._measure(task, before)
        section = HardwareSection(**task.recipe)
        workload = Workload(**before["workload"])
        return price_point(workload, section, quantized=before["weight_bits"] is not None)

    def _train(
        self, task: Task, parent: Mapping[str, Any] | None, on_epoch: EpochReport
    ) -> dict[str, Any]:
        *earlier, phase = task.recipe["phases"]
        net = self._network(task.recipe["seed"], earlier)
        if parent is not None:
            net.load_state_dict(self._checkpoint(parent))
        if phase["compression"] is not None:
            prepare(net, _compression(phase["compression"]))
        shared = self.study.training
        config = TrainingConfig(
            epochs=phase["epochs"],
            lr=phase["lr"],
            warmup_epochs=phase["warmup_epochs"],
            batch_size=shared.batch_size,
            shift=shared.shift,
            precision=shared.precision,
            accelerator=shared.accelerator,
        )
        out = self.folder / "trainings" / task.key
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
        }

    def _measure(self, task: Task, trained: Mapping[str, Any]) -> dict[str, Any]:
        recipe = trained["recipe"]
        net = self._network(recipe["seed"], recipe["phases"])
        net.load_state_dict(self._checkpoint(trained))
        net.eval()
        batch_size = self.study.training.batch_size
        right = right_by_recording(net, self.data.test, batch_size)
        workload = measure(net, frame_batches(self.data.test, batch_size), name=task.label)
        layers = [
            {"name": each.name, "weights": each.weights, "bits": each.bits,
             "sparsity": each.sparsity, "pruned": each.pruned}
            for each in summary(net).layers
        ]  # fmt: skip
        return {
            "right": "".join("01"[mark] for mark in right),
            "validation_accuracy": trained["validation_accuracy"],
            "weight_bits": task.recipe["weight_bits"],
            "sha256": trained["sha256"],
            "checkpoint": trained["checkpoint"],
            "layers": layers,
            "workload": workload.model_dump(mode="json"),
        }

    def _network(self, seed: int, phases: list[dict[str, Any]]) -> SpikingNetwork:
        """Build the network as the phases leave it, before its weights are loaded."""
        net = build_network(self.network, seed=seed)
        for phase in phases:
            if phase["compression"] is not None:
                prepare(net, _compression(phase["compression"]))
        return net

    def _checkpoint(self, trained: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        return load_file(self.folder / trained["checkpoint"])


def frame_batches(split: FrameSplit, batch_size: int) -> Iterator[torch.Tensor]:
    """Yield a split's frames as float tensors [T, N, C, H, W], in order."""
    for start in range(0, len(split), batch_size):
        frames = torch.from_numpy(split.frames[start : start + batch_size].astype("float32"))
        yield frames.transpose(0, 1).contiguous()


def right_by_recording(net: SpikingNetwork, split: FrameSplit, batch_size: int) -> list[bool]:
    """Tell for each recording whether the class of highest firing rate is its own."""
    place = next(net.parameters()).device
    given: list[int] = []
    with torch.inference_mode():
        for frames in frame_batches(split, batch_size):
            given += net(frames.to(place)).argmax(dim=1).tolist()
    return [found == wanted for found, wanted in zip(given, split.labels.tolist(), strict=True)]


def _compression(recipe: Mapping[str, Any]) -> CompressionConfig:
    return CompressionConfig(**{**recipe, "layers": tuple(recipe["layers"])})
