"""Run a compression strategy: its phases, one after another, from one trained network."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress import Phase, Ramp, Strategy, begin_phase, reestimate_batchnorm, save_state
from leanspike.errors import InputError
from leanspike.events import FrameData, frames_of
from leanspike.training.batches import Batches, network_input
from leanspike.training.config import TrainingConfig
from leanspike.training.evaluate import evaluate, suited
from leanspike.training.fit import fit
from leanspike.training.loop import BEST
from leanspike.training.loss import Distillation, frozen_copy
from leanspike.training.records import EpochRecord, FitResult
from leanspike.training.synops import OperationsPenalty

ONE_SHOT_RECORDINGS, ONE_SHOT_BATCH = 300, 50
"""How many training recordings one-shot compression sees, and how many at a time."""


def run_strategy(
    net: nn.Module,
    data: FrameData | Any,
    strategy: Strategy,
    *,
    training: TrainingConfig,
    out: Path,
    seed: int,
    resume: bool = True,
    progress: Callable[[EpochRecord], None] | None = None,
) -> list[FitResult]:
    """Compress and train `net` as `strategy` says.

    Each phase begins as `compress.begin_phase` says (masks are drawn, quantizers go on, weights
    are rewound) and trains in ``out/phase1``, ``out/phase2``, ...; the next phase begins with the
    weights that validated best. A phase's distillation learns from the network as it was given;
    where a phase measures batch-norm statistics anew, that is done on its best weights, and they
    are kept as ``reestimated.safetensors``.

    Parameters
    ----------
    net
        A trained network; ends prepared, with the last phase's best weights.
    data
        Training and validation data, as for `fit`.
    strategy
        What to do.
    training
        How to train; each phase's epochs, learning rate and warm-up replace those in it.
    out, seed, resume, progress
        As in `fit`. Phases that are done are not repeated.

    Returns
    -------
    One result per phase.
    """
    data = frames_of(data)
    net = suited(net, data.train, classes=data.classes)
    origin = frozen_copy(net) if any(map(needs_origin, strategy.phases)) else None
    return [
        run_phase(
            net,
            data,
            phase,
            training=training,
            out=out / f"phase{number}",
            seed=seed,
            origin=origin,
            resume=resume,
            progress=progress,
        )
        for number, phase in enumerate(strategy.phases, start=1)
    ]


def needs_origin(phase: Phase) -> bool:
    """Tell whether a phase needs the network that its strategy began with."""
    return bool(phase.rewind or phase.distillation or phase.synops)


def run_phase(
    net: nn.Module,
    data: FrameData,
    phase: Phase,
    *,
    training: TrainingConfig,
    out: Path,
    seed: int,
    origin: nn.Module | None = None,
    resume: bool = True,
    progress: Callable[[EpochRecord], None] | None = None,
) -> FitResult:
    """Begin one phase on `net` as the phases before it left it, and train it.

    Parameters
    ----------
    net, data, training, seed, resume, progress
        As in `run_strategy`.
    phase
        What to do.
    out
        Folder of this phase.
    origin
        The network that the strategy began with: what a phase rewinds to, learns from and
        compares its operations with.

    Raises
    ------
    InputError
        The phase needs an `origin` (`needs_origin`), and there is none.
    """
    if origin is None and needs_origin(phase):
        raise InputError(
            "it goes back to, learns from or is compared with the network that its strategy "
            "began with",
            where="phase",
            remedy="Give run_phase that network as origin",
        )
    net = suited(net, data.train, classes=data.classes)
    example = network_input(torch.from_numpy(data.train.frames[:1].copy())).to(
        next(net.parameters()).device
    )
    begin_phase(
        net,
        phase,
        start={} if origin is None else origin.state_dict(),
        example=example,
        batches=_some(data, seed) if phase.one_shot else None,
        seed=seed,
    )
    if not phase.epochs:
        return _as_it_is(net, data, training, out)
    config = dataclasses.replace(
        training, epochs=phase.epochs, lr=phase.lr, warmup_epochs=phase.warmup_epochs
    )
    ramp = None
    if phase.ramp and phase.compression is not None:
        ramp = Ramp(compression=phase.compression, until=phase.ramp)
    penalty = None
    if origin is not None and phase.synops:
        penalty = OperationsPenalty.of_network(origin, data.validation, weight=phase.synops)
    distillation = None
    if origin is not None and phase.distillation:
        distillation = Distillation(origin, phase.distillation)
    result = fit(
        net,
        data,
        config,
        out=out,
        seed=seed,
        resume=resume,
        distillation=distillation,
        regrowth=phase.regrowth,
        ramp=ramp,
        penalty=penalty,
        progress=progress,
    )
    if phase.reestimate_batchnorm:
        result = _reestimated(net, data, config, result)
    return result


def _some(data: FrameData, seed: int) -> list[Tensor]:
    """Give the training recordings that one-shot compression takes its statistics from."""
    batches = []
    for frames, _ in Batches(data.train, ONE_SHOT_BATCH, seed=seed):
        batches.append(network_input(frames))
        if len(batches) * ONE_SHOT_BATCH >= ONE_SHOT_RECORDINGS:
            break
    return batches


def _as_it_is(net: nn.Module, data: FrameData, training: TrainingConfig, out: Path) -> FitResult:
    """Keep a network that is not trained any further."""
    start = time.perf_counter()
    save_state(net, out / BEST, parents=True)
    accuracy = evaluate(net, data.validation, precision=training.precision)
    return FitResult(0, accuracy, (), out / BEST, time.perf_counter() - start)


def _reestimated(
    net: nn.Module, data: FrameData, config: TrainingConfig, result: FitResult
) -> FitResult:
    inputs = (network_input(frames) for frames, _ in Batches(data.train, config.batch_size))
    with torch.no_grad():
        reestimate_batchnorm(net, inputs)
    checkpoint = result.checkpoint.with_name("reestimated.safetensors")
    save_state(net, checkpoint)
    accuracy = evaluate(net, data.validation, precision=config.precision)
    return dataclasses.replace(result, validation_accuracy=accuracy, checkpoint=checkpoint)
