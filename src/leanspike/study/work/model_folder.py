"""A trained network in a folder: its weights, and ``model.yaml`` that says how to build it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import field_validator
from torch import nn

from leanspike.compress import Phase, Strategy, load_state, save_state
from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.spec import Spec, read_spec, write_yaml
from leanspike.study.file.study_file import (
    DataSection,
    NetworkSection,
    OwnNetwork,
    TrainingSection,
    network_section,
)
from leanspike.study.work.networks import (
    blueprint,
    load_study_data,
    prepared_network,
    training_config,
)
from leanspike.study.work.own_network import own_code
from leanspike.training import EpochRecord, fit, run_strategy

WEIGHTS, DESCRIPTION = "best.safetensors", "model.yaml"
Progress = Callable[[EpochRecord], None]


class ModelFile(Spec):
    """How a network came to be: data, network, training, seed, and every phase."""

    data: DataSection
    network: NetworkSection | OwnNetwork
    training: TrainingSection
    shape: tuple[int, ...]
    classes: int
    seed: int
    phases: tuple[Phase, ...]
    validation_accuracy: float
    #: Time steps, where the data says them and not the study.
    steps: int | None = None

    @field_validator("network", mode="before")
    @classmethod
    def _own_or_family(cls, value: Any) -> Any:
        return network_section(value)


@dataclass(frozen=True)
class Model:
    """A trained network and how it came to be."""

    net: nn.Module
    file: ModelFile

    @classmethod
    def load(cls, folder: Path, *, network: Any = None) -> Model:
        """Build the network a folder describes, with its weights.

        Parameters
        ----------
        network
            The code of a network of your own: a function, a module or its name
            (``nets.py:make_net``); it never runs because a folder says so.

        Raises
        ------
        InputError
            When the folder holds no model or its files do not fit each other.
        """
        if not (folder / DESCRIPTION).is_file():
            raise InputError(
                f"no {DESCRIPTION} in this folder",
                where=str(folder),
                remedy="`leanspike train` makes one",
            )
        file = read_spec(ModelFile, folder / DESCRIPTION)
        steps = file.steps or file.data.T
        code = own_code(network) if network is not None else None
        plan = blueprint(file.network, shape=file.shape, classes=file.classes, T=steps, code=code)
        try:
            net = prepared_network(plan, file.seed, file.phases)
        except (TypeError, RuntimeError, MemoryError, OverflowError) as error:
            if code is not None:  # the user's own, who wants to see where
                raise
            # torch's, for sizes that no memory holds.
            first = (str(error).splitlines() or ["out of memory"])[0]
            raise InputError(
                f"describes no network that can be built ({first})", where=str(folder / DESCRIPTION)
            ) from error
        load_state(net, folder / WEIGHTS)
        return cls(net, file)

    def load_data(self, source: str | None = None) -> FrameData:
        """Load the model's data, or other data of the same shape.

        Raises
        ------
        InputError
            When the data is missing or of another shape.
        """
        section = self.file.data
        if source is not None:
            section = DataSection(**{**section.model_dump(), "source": source, "limit": None})
        data = load_study_data(section)
        if data.shape != self.file.shape or data.classes > self.file.classes:
            raise InputError(
                f"frames {data.shape} of {data.classes} classes, the model takes "
                f"{self.file.shape} of {self.file.classes}",
                where=section.source,
            )
        return data


def train_model(
    data: DataSection,
    network: NetworkSection,
    training: TrainingSection,
    *,
    out: Path,
    seed: int,
    progress: Progress | None = None,
) -> Model:
    """Train a float network and keep it in a folder; an interrupted one is gone on with.

    Raises
    ------
    InputError
        When the settings, the data or the folder cannot be used.
    """
    frames = load_study_data(data)
    plan = blueprint(network, shape=frames.shape, classes=frames.classes, T=frames.T)
    net = prepared_network(plan, seed, [])
    phase = Phase(epochs=training.epochs, lr=training.lr, warmup_epochs=training.warmup_epochs)
    fitted = fit(
        net,
        frames,
        training_config(training, phase, network=network),
        out=out,
        seed=seed,
        progress=progress,
    )
    file = ModelFile(
        data=data,
        network=network,
        training=training,
        shape=frames.shape,
        classes=frames.classes,
        seed=seed,
        phases=(phase,),
        validation_accuracy=fitted.validation_accuracy,
    )
    write_yaml(file.model_dump(mode="json"), out / DESCRIPTION)
    return Model(net, file)


def compress_model(
    model: Model, strategy: Strategy, *, out: Path, progress: Progress | None = None
) -> Model:
    """Compress a trained network as a strategy says, and keep the result in a folder of its own.

    Parameters
    ----------
    model
        Where to begin; its network is changed.
    strategy
        What to do; each phase is kept in a folder inside `out`.

    Raises
    ------
    InputError
        When the strategy does not suit the network, or the folder cannot be used.
    """
    frames = model.load_data()
    alone = model.file.training.model_copy(update={"devices": 1})
    results = run_strategy(
        model.net,
        frames,
        strategy,
        training=training_config(alone, strategy.phases[0], network=model.file.network),
        out=out,
        seed=model.file.seed,
        progress=progress,
    )
    save_state(model.net, out / WEIGHTS)
    file = model.file.model_copy(
        update={
            "phases": (*model.file.phases, *strategy.phases),
            "validation_accuracy": results[-1].validation_accuracy,
        }
    )
    write_yaml(file.model_dump(mode="json"), out / DESCRIPTION)
    return Model(model.net, file)
