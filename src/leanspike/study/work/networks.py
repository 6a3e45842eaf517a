"""From a study's sections to data and networks, with and without compression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import torch

from leanspike.compress import Phase, apply_phase
from leanspike.errors import InputError
from leanspike.events import FrameConfig, FrameData, FrameSplit, load_data
from leanspike.nn import NetworkConfig, NeuronConfig, SpikingNetwork, build_network
from leanspike.study.file.study_file import DataSection, NetworkSection, TrainingSection
from leanspike.training import TrainingConfig


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
    )


def network_config(
    section: NetworkSection, *, shape: tuple[int, int, int], classes: int, T: int
) -> NetworkConfig:
    """Return the network a study asks for, sized to its data.

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


def prepared_network(config: NetworkConfig, seed: int, phases: Sequence[Phase]) -> SpikingNetwork:
    """Build a network as phases leave it, before its weights are loaded."""
    net = build_network(config, seed=seed)
    for phase in phases:
        put_on(net, phase, config)
    return net


def put_on(net: SpikingNetwork, phase: Phase, config: NetworkConfig) -> None:
    """Put on a network what a phase begins with."""
    apply_phase(net, phase, example=torch.zeros(config.T, 1, *config.shape))


def training_config(shared: TrainingSection, phase: Phase) -> TrainingConfig:
    """Return how a phase is trained in a study."""
    return TrainingConfig(
        epochs=phase.epochs,
        lr=phase.lr,
        warmup_epochs=phase.warmup_epochs,
        batch_size=shared.batch_size,
        shift=shared.shift,
        precision=shared.precision,
        accelerator=shared.accelerator,
        devices=shared.devices,
    )


def frame_batches(split: FrameSplit, batch_size: int) -> Iterator[torch.Tensor]:
    """Yield a split's frames as float tensors [T, N, C, H, W], in order."""
    for start in range(0, len(split), batch_size):
        frames = torch.from_numpy(split.frames[start : start + batch_size].astype("float32"))
        yield frames.transpose(0, 1).contiguous()


def classes_given(net: SpikingNetwork, split: FrameSplit, batch_size: int) -> list[int]:
    """Return for each recording the class of highest firing rate; ties go to the lower class."""
    place = next(net.parameters()).device
    given: list[int] = []
    with torch.inference_mode():
        for frames in frame_batches(split, batch_size):
            given += net(frames.to(place)).argmax(dim=1).tolist()
    return given
