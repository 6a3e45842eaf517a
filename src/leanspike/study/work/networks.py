"""From a study's sections to data and networks, with and without compression."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn

from leanspike.activity import measure
from leanspike.compress import Phase, apply_phase
from leanspike.errors import InputError
from leanspike.events import FrameConfig, FrameData, FrameSplit, load_data
from leanspike.hardware.workload.workload import Workload
from leanspike.nn import NetworkConfig, NeuronConfig, build_network
from leanspike.study.file.study_file import (
    DataSection,
    NetworkSection,
    OwnNetwork,
    TrainingSection,
)
from leanspike.study.work.own_network import OwnCode, adapted, check_code
from leanspike.training import TrainingConfig, device_of


def load_study_data(section: DataSection) -> FrameData:
    """Load the data a study names.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    return load_data(
        section.source,
        frames=FrameConfig(T=section.T, by=section.by),
        seed=section.seed,
        root=section.root,
        download=section.download,
        limit=section.limit,
        axes=section.axes,
        coding=section.coding,
    )


@dataclass(frozen=True)
class Blueprint:
    """What builds a study's network.

    Attributes
    ----------
    build
        Takes a seed.
    shape
        Of one recording, time first.
    """

    build: Callable[[int], nn.Module]
    shape: tuple[int, ...]


def blueprint(
    section: NetworkSection | OwnNetwork,
    *,
    shape: tuple[int, ...],
    classes: int,
    T: int,
    code: OwnCode | None = None,
) -> Blueprint:
    """Return what builds the network a study asks for, sized to its data.

    Parameters
    ----------
    code
        Of a network of the user's own.

    Raises
    ------
    InputError
        When the settings do not fit each other or the data, or the code is not named or other
        than the study's.
    """
    if isinstance(section, OwnNetwork):
        known = check_code(section, code)
        return Blueprint(lambda seed: adapted(section, known, seed), (T, *shape))
    config = network_config(section, shape=shape, classes=classes, T=T)
    return Blueprint(lambda seed: build_network(config, seed=seed), (T, *shape))


def network_config(
    section: NetworkSection, *, shape: tuple[int, ...], classes: int, T: int
) -> NetworkConfig:
    """Return the network of this package's that a study asks for, sized to its data.

    Raises
    ------
    InputError
        When the settings do not fit each other or the data.
    """
    known = {field.name for field in fields(NeuronConfig)}
    unknown = [key for key in section.neuron if key not in known]
    if unknown:
        raise InputError(
            "unknown key", where=f"network.neuron.{unknown[0]}", remedy=f"Keys: {', '.join(known)}"
        )
    if len(shape) != 3:
        raise InputError(
            f"the data has {list(shape)} inputs a step, the network {section.name!r} takes images",
            where="network",
            remedy="Bring a network of your own, such as --network nets.py:make_net",
        )
    return NetworkConfig(
        name=section.name,
        shape=shape,
        classes=classes,
        T=T,
        channels=section.channels,
        hidden=section.hidden,
        dropout=section.dropout,
        neuron=NeuronConfig(**section.neuron),
    )


def prepared_network(plan: Blueprint, seed: int, phases: Sequence[Phase]) -> nn.Module:
    """Build a network as phases leave it, before its weights are loaded."""
    net = plan.build(seed)
    for phase in phases:
        put_on(net, phase, plan)
    return net


def put_on(net: nn.Module, phase: Phase, plan: Blueprint) -> None:
    """Put on a network what a phase begins with."""
    steps, *shape = plan.shape
    apply_phase(net, phase, example=torch.zeros(steps, 1, *shape))


def training_config(
    study: TrainingSection,
    phase: Phase,
    *,
    network: NetworkSection | OwnNetwork | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> TrainingConfig:
    """Return how a phase is trained in a study.

    Parameters
    ----------
    network
        Decides the loss where the study does not: mean squared error for spikes and rates,
        cross-entropy for membranes.
    functions
        The user's own, by their names in the study.

    Raises
    ------
    InputError
        When the study names a function that is not given.
    """
    shared, own = study, dict(functions or {})
    for key, name in shared.functions.items():
        if name not in own:
            raise InputError(
                f"it names {name}, and code runs only where it is named",
                where=f"training.{key}",
                remedy=f"Add --code {name}, or hand the function over in Python",
            )
    call = network.call if isinstance(network, OwnNetwork) else None
    usual = "cross-entropy" if call is not None and call.values == "values" else "mse"
    loss = shared.loss or usual
    return TrainingConfig(
        loss=own.get(loss, loss),
        optimizer=own.get(shared.optimizer, shared.optimizer),
        weight_decay=shared.weight_decay,
        schedule=shared.schedule,
        augment=None if shared.augment is None else own[shared.augment],
        epochs=max(1, phase.epochs),  # a phase that only compresses has none
        lr=phase.lr,
        warmup_epochs=phase.warmup_epochs,
        batch_size=shared.batch_size,
        shift=shared.shift,
        precision=shared.precision,
        accelerator=shared.accelerator,
        devices=shared.devices,
        threads=shared.threads,
    )


def frame_batches(split: FrameSplit, batch_size: int) -> Iterator[torch.Tensor]:
    """Yield a split's frames as float tensors [T, N, C, H, W], in order."""
    for start in range(0, len(split), batch_size):
        frames = torch.from_numpy(split.frames[start : start + batch_size].astype("float32"))
        yield frames.transpose(0, 1).contiguous()


def run_once(
    net: nn.Module, split: FrameSplit, *, accelerator: str, batch_size: int = 32, name: str = ""
) -> tuple[Workload, list[int]]:
    """Run a split through a network, once, on the accelerator that it was trained on.

    Returns
    -------
    What hardware would see, under `name`, and for each recording the class of the highest score;
    ties go to the lower class. The network is back on its device.

    Raises
    ------
    InputError
        When there is no such accelerator here, or as `leanspike.activity.measure` does.
    """
    home, place = next(net.parameters()).device, device_of(accelerator)
    given: list[int] = []
    try:
        workload = measure(
            net.to(place),
            (frames.to(place) for frames in frame_batches(split, batch_size)),
            name=name,
            on_output=lambda scores: given.extend(scores.argmax(dim=1).tolist()),
        )
    finally:
        net.to(home)
    return workload, given
