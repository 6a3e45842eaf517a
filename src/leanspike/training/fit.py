"""Train a network: `fit`."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import nn

from leanspike.compress import load_state
from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.training.batches import Batches
from leanspike.training.config import TrainingConfig
from leanspike.training.distillation import Distillation
from leanspike.training.memory import kept_memory
from leanspike.training.module import FitModule
from leanspike.training.ranks import rank_of
from leanspike.training.records import EpochRecord, FitResult
from leanspike.training.weights import save_weights, weights_digest, write_whole

BEST, RESUME, RUN, DONE = "best.safetensors", "resume.ckpt", "run.json", "history.json"


def fit(
    net: nn.Module,
    data: FrameData,
    config: TrainingConfig,
    *,
    out: Path,
    seed: int,
    resume: bool = True,
    distillation: Distillation | None = None,
    progress: Callable[[EpochRecord], None] | None = None,
) -> FitResult:
    """Train `net` on ``data.train`` and keep the weights that validate best.

    The loss is `rate_loss`, the schedule `lr_factor`. The test split is never looked at. In `out`:
    ``best.safetensors``, ``resume.ckpt`` (lightning's, after each epoch, gone when done) and
    ``history.json`` (when done).

    Parameters
    ----------
    net
        Input [T, N, C, H, W] to firing rates [N, classes]; ends with the best weights loaded.
    data
        Training and validation frames.
    config
        How to train.
    out
        Folder of this training; made when absent.
    seed
        Of shuffling, shifts and dropout. The same seed on the same machine gives the same bits.
    resume
        Continue what `out` holds of the same training; False begins anew.
    distillation
        A teacher to learn from beside the labels.
    progress
        Called after each epoch.

    Raises
    ------
    InputError
        When `out` cannot be written or holds another training, or the frames do not suit.
    KeyboardInterrupt
        On Ctrl-C, at once; the epochs done are kept and the next call continues after them.
    """
    _check(net, data)
    run = _fingerprint(net, data, config, seed, distillation)
    if resume:
        done = _take_up(net, out, run)
        if done is not None:
            return done
    else:
        for name in (DONE, RESUME, BEST, RUN):
            with _writing(out / name):
                (out / name).unlink(missing_ok=True)
    write_whole(out / RUN, json.dumps({"run": run}).encode())

    rank, ranks = rank_of(config)

    def on_epoch(record: EpochRecord, best: bool) -> None:
        if best and rank == 0:
            save_weights(net, out / BEST)
        with _writing(out / RESUME):
            trainer.save_checkpoint(out / RESUME)  # the first rank writes, the others wait
        if progress is not None and rank == 0:
            progress(record)

    batches = Batches(
        data.train, config.batch_size, seed=seed, shift=config.shift, rank=rank, ranks=ranks
    )
    validation = Batches(data.validation, config.batch_size)
    module = FitModule(
        net, config, batches, seed=seed, distillation=distillation, on_epoch=on_epoch
    )
    checkpoint = out / RESUME if (out / RESUME).is_file() else None
    if checkpoint is not None:
        _check_readable(checkpoint)
    with _quiet_lightning(), _own_randomness(), kept_memory():
        trainer = _trainer(config)
        with _interruptible(trainer):
            trainer.fit(module, batches, validation, ckpt_path=checkpoint, weights_only=True)
    load_state(net, out / BEST)
    history = tuple(module.history)
    records = [dataclasses.asdict(record) for record in history]
    if rank == 0:
        write_whole(out / DONE, json.dumps({"run": run, "history": records}).encode())
        (out / RESUME).unlink(missing_ok=True)
    return FitResult.of(history, out / BEST)


def _trainer(config: TrainingConfig) -> pl.Trainer:
    # Nothing that costs time at every step: no loggers, bars, summaries or sanity checks.
    distributed = isinstance(config.devices, int) and config.devices > 1
    try:
        trainer = pl.Trainer(
            max_epochs=config.epochs,
            accelerator=config.accelerator,
            devices=list(config.devices) if isinstance(config.devices, tuple) else config.devices,
            precision=config.precision,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            strategy="ddp" if distributed else "auto",
        )
    except Exception as error:
        # lightning raises ValueError, RuntimeError or its own, all for what the user asked for.
        raise InputError(str(error), where=f"accelerator {config.accelerator!r}") from error
    if config.precision == "16-mixed" and trainer.strategy.root_device.type == "cpu":
        # lightning would quietly take bfloat16.
        raise InputError(
            "float16 needs a GPU, and there is none",
            where="training precision",
            remedy="On a CPU use bf16-mixed",
        )
    return trainer


def _check(net: nn.Module, data: FrameData) -> None:
    for name in ("train", "validation"):
        if not len(getattr(data, name)):
            raise InputError(f"the {name} split is empty", where=data.name)
    if not any(p.requires_grad for p in net.parameters()):
        raise InputError("no parameter of the network can be trained")


def _fingerprint(
    net: nn.Module,
    data: FrameData,
    config: TrainingConfig,
    seed: int,
    distillation: Distillation | None,
) -> str:
    # Where it runs may change between two sittings; what it computes may not.
    what = dataclasses.replace(config, accelerator="auto", devices=1)
    recipe = repr((weights_digest(net), data.fingerprint, what, seed))
    if distillation is not None:
        recipe += repr((weights_digest(distillation.teacher), distillation.weight))
    return hashlib.sha256(recipe.encode()).hexdigest()


def _take_up(net: nn.Module, out: Path, run: str) -> FitResult | None:
    """Return the result where `out` holds this training done; fail where it holds another."""
    if not (out / RUN).exists():
        return None
    try:
        kept = json.loads((out / RUN).read_text())["run"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "not readable",
            where=str(out / RUN),
            remedy="Begin anew (resume=False), or name another folder",
        ) from error
    if kept != run:
        raise InputError(
            "this folder holds another training (other network, data, settings or seed)",
            where=str(out),
            remedy="Name another folder, or begin anew (resume=False)",
        )
    if not (out / DONE).exists():
        return None
    try:
        records = json.loads((out / DONE).read_text())["history"]
        history = tuple(EpochRecord(**record) for record in records)
        result = FitResult.of(history, out / BEST)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            "not a training's history", where=str(out / DONE), remedy="Begin anew (resume=False)"
        ) from error
    load_state(net, out / BEST)
    return result


def _check_readable(checkpoint: Path) -> None:
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch raises RuntimeError, UnpicklingError, EOFError or OSError on damaged files.
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"not a readable checkpoint ({first})",
            where=str(checkpoint),
            remedy="Begin anew (resume=False), or remove it",
        ) from error


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write: {error.strerror or error}",
            where=str(path),
            remedy="Name another folder, or make room",
        ) from error


@contextlib.contextmanager
def _own_randomness() -> Iterator[None]:
    """Leave the caller's random state as it was: each epoch seeds itself."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=devices):
        yield


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep lightning's notes on devices and unused features off the user's terminal."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextlib.contextmanager
def _interruptible(trainer: pl.Trainer) -> Iterator[None]:
    """Turn what lightning makes of Ctrl-C (ignore further ones, exit) back into the exception."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    except SystemExit as error:
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
