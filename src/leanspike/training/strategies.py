"""Run a compression strategy: its phases, one after another, from one trained network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from torch import nn

from leanspike.compress import Strategy, prepare
from leanspike.events import FrameData
from leanspike.training.config import TrainingConfig
from leanspike.training.fit import fit
from leanspike.training.records import EpochRecord, FitResult


def run_strategy(
    net: nn.Module,
    data: FrameData,
    strategy: Strategy,
    *,
    training: TrainingConfig,
    out: Path,
    seed: int,
    resume: bool = True,
    progress: Callable[[EpochRecord], None] | None = None,
) -> list[FitResult]:
    """Compress and train `net` as `strategy` says.

    Each phase prepares the network (masks are drawn, quantizers go on) and trains it in
    ``out/phase1``, ``out/phase2``, ...; the next phase begins with the weights that validated best.

    Parameters
    ----------
    net
        A trained network; ends prepared, with the last phase's best weights.
    data
        Training and validation frames.
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
    results = []
    for number, phase in enumerate(strategy.phases, start=1):
        if phase.compression is not None:
            prepare(net, phase.compression)
        config = dataclasses.replace(
            training, epochs=phase.epochs, lr=phase.lr, warmup_epochs=phase.warmup_epochs
        )
        folder = out / f"phase{number}"
        results.append(
            fit(net, data, config, out=folder, seed=seed, resume=resume, progress=progress)
        )
    return results
