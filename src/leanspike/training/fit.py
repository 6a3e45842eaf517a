"""Train a network: `fit`, what it keeps in a folder, and how it goes on from there."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn

from leanspike.compress import Ramp, RegrowthConfig, load_state
from leanspike.errors import InputError
from leanspike.events import FrameData, frames_of
from leanspike.files import WriteError, remove_unfinished, write_whole
from leanspike.training.config import TrainingConfig
from leanspike.training.evaluate import suited
from leanspike.training.loop import BEST, RESUME, TrainingLoop
from leanspike.training.loss import Distillation
from leanspike.training.records import EpochRecord, FitResult
from leanspike.training.synops import OperationsPenalty
from leanspike.training.weights import weights_digest

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's names for `mallopt`'s settings (malloc.h)."""
USUAL = {MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 64 << 20}
"""What glibc arrives at by itself once tensors of this size were freed (mallopt(3))."""
LARGE = 1 << 30


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the process keep what a training step frees, so that the next step finds it ready.

    A step frees all it used, and glibc then returns the top of the heap to the system, which hands
    it out again page by page, zeroed: up to a third of a step's time. At the end it is returned.
    Does nothing with other C libraries.
    """
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    for setting in USUAL:
        library.mallopt(setting, LARGE)
    try:
        yield
    finally:
        for setting, value in USUAL.items():
            library.mallopt(setting, value)
        library.malloc_trim(ctypes.c_size_t(0))


RUN, DONE = "run.json", "history.json"
_log = logging.getLogger("leanspike")


def fit(
    net: nn.Module,
    data: FrameData | Any,
    config: TrainingConfig,
    *,
    out: Path,
    seed: int,
    resume: bool = True,
    distillation: Distillation | None = None,
    regrowth: RegrowthConfig | None = None,
    ramp: Ramp | None = None,
    penalty: OperationsPenalty | None = None,
    progress: Callable[[EpochRecord], None] | None = None,
) -> FitResult:
    """Train a network on the training split and keep the weights that validate best.

    The test split plays no part. In `out`:
    ``best.safetensors``, ``resume.ckpt`` (after each epoch, gone when done) and ``history.json``
    (when done).

    Parameters
    ----------
    net
        Any torch network: how one that is not leanspike's is called is found out on the data (see
        :func:`leanspike.nn.adapt`). It ends with the best weights loaded, on the device it came
        from.
    data
        Training and validation frames; or loaders, data sets or arrays of (x, y), which
        :func:`leanspike.events.frames_of` reads once. It draws the splits that are not given, and
        the same ones each time: call it yourself for the test split.
    config
        How to train.
    out
        Folder of this training; made when absent.
    seed
        Of shuffling, shifts and dropout. The same seed on the same machine, with as many
        threads, gives the same bits.
    resume
        Continue what `out` holds of the same training; False begins anew. Where a file in `out`
        cannot be read (a disk that lost it), the training begins anew and the log says so.
    distillation
        A teacher to learn from beside the labels.
    regrowth
        How the masks of a prepared network change meanwhile; None keeps them.
    ramp
        How they tighten meanwhile; weights are kept from the epochs after it.
    penalty
        What synaptic operations cost in the loss; None makes them free.
    progress
        Called after each epoch, once what continues from it is kept.

    Raises
    ------
    InputError
        When `out` cannot be written or holds another training, data and network do not fit, or the
        training diverges: a loss that is not finite ends it.
    KeyboardInterrupt
        On Ctrl-C, at once; the epochs done are kept and the next call continues after them.
    """
    data = frames_of(data)
    _check(net, data)
    net = suited(net, data.train, classes=data.classes)
    run = _fingerprint(net, data, config, seed, distillation, regrowth, ramp, penalty)
    if resume:
        done = _take_up(net, out, run)
        if done is not None:
            return done
    else:
        for name in (DONE, RESUME, BEST, RUN):
            try:
                (out / name).unlink(missing_ok=True)
            except OSError as error:
                raise WriteError(out / name, error) from error
    write_whole(out / RUN, json.dumps({"run": run}), parents=True)

    home = next(net.parameters()).device
    try:
        with _own_randomness(), kept_memory(), on_threads(config.threads):
            begun = partial(
                TrainingLoop, _fabric(config), net, data, config,
                seed=seed, distillation=distillation, regrowth=regrowth, ramp=ramp,
                penalty=penalty,
            )  # fmt: skip
            loop = begun()
            if (out / RESUME).is_file():
                start = {name: value.clone() for name, value in net.state_dict().items()}
                try:
                    loop.take_up(out / RESUME)
                except InputError as error:
                    _log.warning("%s; this training begins anew", error)
                    net.load_state_dict(start)
                    loop = begun()
            loop.run(out, progress)
    finally:
        net.to(home)
    load_state(net, out / BEST)
    if loop.fabric.is_global_zero:
        records = [dataclasses.asdict(record) for record in loop.history]
        write_whole(out / DONE, json.dumps({"run": run, "history": records}))
        (out / RESUME).unlink(missing_ok=True)
        remove_unfinished(out)
    return FitResult.of(tuple(loop.history), out / BEST)


def _fabric(config: TrainingConfig) -> Fabric:
    """Devices, precision and the processes of a training, as the configuration wants them."""
    alone = config.devices == 1 or isinstance(config.devices, tuple)
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if not alone and config.devices != started:
        raise InputError(
            f"{config.devices} devices need as many processes, this one was started as one "
            f"of {started}",
            where="training devices",
            remedy="`leanspike study` starts them; or use torchrun --nproc-per-node",
        )
    if config.precision == "16-mixed" and not torch.accelerator.is_available():
        # lightning would take bfloat16.
        raise InputError(
            "float16 needs a GPU, and there is none",
            where="training precision",
            remedy="On a CPU use bf16-mixed",
        )
    devices = list(config.devices) if isinstance(config.devices, tuple) else config.devices
    try:
        with _quiet_lightning():
            fabric = Fabric(
                accelerator=config.accelerator,
                devices=devices,
                precision=config.precision,
                strategy="auto" if alone else "ddp",
            )
            fabric.launch()
    except Exception as error:
        # lightning raises ValueError, RuntimeError or its own, all for what the user asked for.
        raise InputError(str(error), where=f"accelerator {config.accelerator!r}") from error
    return fabric


def device_of(accelerator: str) -> torch.device:
    """Return the device that a training on one device of an accelerator uses.

    Parameters
    ----------
    accelerator
        As in `TrainingConfig`.

    Raises
    ------
    InputError
        When there is no such accelerator here.
    """
    try:
        with _quiet_lightning():
            return Fabric(accelerator=accelerator, devices=1).device
    except Exception as error:
        raise InputError(str(error), where=f"accelerator {accelerator!r}") from error


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep its notes on precision and on devices that are not used off the user's terminal."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


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
    regrowth: RegrowthConfig | None,
    ramp: Ramp | None,
    penalty: OperationsPenalty | None,
) -> str:
    # Where it runs may change between two sittings; what it computes may not.
    named = {
        name: f"{value.__module__}.{value.__qualname__}"
        for name in ("loss", "optimizer", "augment")
        if callable(value := getattr(config, name)) and hasattr(value, "__qualname__")
    }
    what = dataclasses.replace(config, accelerator="auto", devices=1)
    settings = {**{f.name: getattr(what, f.name) for f in dataclasses.fields(what)}, **named}
    recipe = repr((weights_digest(net), data.fingerprint, settings, seed))
    if distillation is not None:
        recipe += repr((weights_digest(distillation.teacher), distillation.weight))
    if regrowth is not None:
        recipe += repr(regrowth)
    if ramp is not None:
        recipe += repr(ramp)
    if penalty is not None:
        recipe += repr((penalty.weight, penalty.reference))
    return hashlib.sha256(recipe.encode()).hexdigest()


def _take_up(net: nn.Module, out: Path, run: str) -> FitResult | None:
    """Return the result where `out` holds this training done; fail where it holds another."""
    try:
        kept = json.loads((out / RUN).read_text(encoding="utf-8"))["run"]
        if not isinstance(kept, str):
            raise TypeError("no name")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s: cannot be read (%s); this training begins anew", out / RUN, error)
        for name in (DONE, RESUME):
            (out / name).unlink(missing_ok=True)
        return None
    if kept != run:
        raise InputError(
            "this folder holds another training (other network, data, settings or seed)",
            where=str(out),
            remedy="Name another folder, or begin anew (resume=False)",
        )
    try:
        records = json.loads((out / DONE).read_text(encoding="utf-8"))["history"]
        history = tuple(EpochRecord(**record) for record in records)
        result = FitResult.of(history, out / BEST)
        load_state(net, out / BEST)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        _log.warning("%s: cannot be taken up (%s); this training begins anew", out / DONE, error)
        for name in (DONE, RESUME):
            (out / name).unlink(missing_ok=True)
        return None
    return result


@contextlib.contextmanager
def on_threads(count: int | None) -> Iterator[None]:
    """Let torch use so many CPU threads; as many as it has for None."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _own_randomness() -> Iterator[None]:
    """Leave the caller's random state as it was: each epoch seeds itself."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=devices):
        yield
