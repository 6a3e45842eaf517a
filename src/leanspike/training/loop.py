"""The training loop: epochs of steps, a validation after each, and what continues from there."""

from __future__ import annotations

import dataclasses
import io
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from leanspike.compress import Ramp, Regrowth, RegrowthConfig, save_state
from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.files import write_whole
from leanspike.nn.archive import load_archive
from leanspike.stopping import held_back
from leanspike.training.batches import Batches, network_input
from leanspike.training.config import TrainingConfig, lr_factor
from leanspike.training.evaluate import evaluating
from leanspike.training.loss import Distillation, loss_of
from leanspike.training.records import EpochRecord
from leanspike.training.synops import OperationsPenalty, counted

BEST, RESUME = "best.safetensors", "resume.ckpt"


class TrainingLoop:
    """One training: steps of an optimizer, its rate by `lr_factor`, anew seeded every epoch.

    On several ranks each takes its share of every batch, and all validate on everything.

    Parameters
    ----------
    fabric
        Devices, precision and processes, launched.
    net, data, config, seed, distillation, regrowth, ramp, penalty
        As in `fit`.
    """

    def __init__(
        self,
        fabric: Fabric,
        net: nn.Module,
        data: FrameData,
        config: TrainingConfig,
        *,
        seed: int,
        distillation: Distillation | None = None,
        regrowth: RegrowthConfig | None = None,
        ramp: Ramp | None = None,
        penalty: OperationsPenalty | None = None,
    ) -> None:
        self.fabric, self.net, self.config, self.seed = fabric, net, config, seed
        self.distillation, self.penalty = distillation, penalty
        self.history: list[EpochRecord] = []
        self.batches = Batches(
            data.train,
            config.batch_size,
            seed=seed,
            shift=config.shift,
            rank=fabric.global_rank,
            ranks=fabric.world_size,
        )
        self.validation = Batches(data.validation, config.batch_size)
        self.regrowth = None
        if regrowth is not None:
            self.regrowth = Regrowth(net, regrowth, config.epochs * len(self.batches))
        self.ramp = ramp
        self.begin = ramp.begin(net) if ramp is not None else 0.0
        parameters = [p for p in net.parameters() if p.requires_grad]
        self.loss = loss_of(config.loss)
        optimizer = _optimizer(config, parameters)
        self.model, self.optimizer = fabric.setup(net, optimizer)
        if distillation is not None:
            fabric.to_device(distillation.teacher)

    def run(self, out: Path, progress: Callable[[EpochRecord], None] | None) -> None:
        """Train the epochs that are left; after each, keep in `out` what is best and resumes.

        Raises
        ------
        InputError
            When a loss is not finite; the epochs before it are kept.
        """
        best = None
        for record in self.history:
            best = record if record.better_than(best) else best
        first = self.fabric.is_global_zero
        for epoch in range(len(self.history), self.config.epochs):
            start = time.perf_counter()
            train_loss = self._train(epoch)
            loss, accuracy = self._validate()
            record = EpochRecord(
                epoch=epoch,
                train_loss=train_loss,
                validation_loss=loss,
                validation_accuracy=accuracy,
                lr=self._lr((epoch + 1) * len(self.batches)),
                seconds=time.perf_counter() - start,
                final=self._is_final(epoch),
            )
            # Batch-norm statistics differ a little between ranks: those of the first are kept.
            record = self.fabric.broadcast(record)
            self._check_finite(record)
            self.history.append(record)
            if record.better_than(best):
                best = record
                if first:
                    save_state(self.net, out / BEST)
            if first:
                write_whole(out / RESUME, self._state())
            self.fabric.barrier()
            if progress is not None and first:
                progress(record)

    def _check_finite(self, record: EpochRecord) -> None:
        """Refuse to go on from a loss that is not a number: no later epoch would mend it."""
        for name in ("train_loss", "validation_loss"):
            loss = getattr(record, name)
            if not math.isfinite(loss):
                raise InputError(
                    f"the {name.replace('_', ' ')} is {loss}: the training diverged",
                    where=f"training, epoch {record.epoch + 1}",
                    remedy=f"Lower the learning rate (lr, now {self.config.lr:g}), lengthen "
                    "warmup_epochs, or train in 32-true",
                )

    def _is_final(self, epoch: int) -> bool:
        """Whether the masks are what the training is to end with, all through its last step."""
        steps = len(self.batches)
        done = (epoch + 1) * steps
        return self.ramp is None or done >= self.ramp.last(self.config.epochs * steps)

    def take_up(self, checkpoint: Path) -> None:
        """Continue after the last epoch that a checkpoint holds; it is read without running code.

        Raises
        ------
        InputError
            When the file is damaged or not a checkpoint of this loop.
        """
        try:
            state = load_archive(checkpoint)
            self.history = [EpochRecord(**record) for record in state["history"]]
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.fabric.strategy.precision.load_state_dict(state["precision"])
        except InputError:
            raise
        except Exception as error:
            # torch raises KeyError, RuntimeError, TypeError and others on states it cannot take.
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"not a readable checkpoint ({first})", where=str(checkpoint)
            ) from error

    def _state(self) -> bytes:
        file = io.BytesIO()
        state = {
            "history": [dataclasses.asdict(record) for record in self.history],
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
        }
        torch.save(state, file)
        return file.getvalue()

    def _lr(self, step: int) -> float:
        config, steps = self.config, len(self.batches)
        return config.lr * lr_factor(
            step,
            warmup_steps=config.warmup_epochs * steps,
            total_steps=config.epochs * steps,
            schedule=config.schedule,
        )

    def _train(self, epoch: int) -> float:
        """Take an epoch's steps and return the mean loss."""
        fabric = self.fabric
        # By the epoch's number, so that a resumed training continues bit for bit. Ranks draw
        # apart; the first draws as a process alone would.
        torch.manual_seed(self.seed * 1_000_003 + epoch + 500_009 * fabric.global_rank)
        self.batches.epoch = epoch
        total, count = torch.zeros((), device=fabric.device), 0
        for step, batch in enumerate(self.batches, start=epoch * len(self.batches)):
            for group in self.optimizer.param_groups:
                group["lr"] = self._lr(step)
            with held_back():
                frames, labels = fabric.to_device(batch)
                total += self._step(step, frames, labels) * len(labels)
                count += len(labels)
        whole = torch.stack([total, torch.tensor(float(count), device=fabric.device)])
        fabric.all_reduce(whole, reduce_op="sum")
        return float(whole[0]) / float(whole[1])

    def _step(self, step: int, frames: Tensor, labels: Tensor) -> Tensor:
        """Take one step and return the loss before it."""
        if self.regrowth is not None:
            self.regrowth.before(step + 1)
        loss = self._loss(self._augmented(network_input(frames)), labels)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.optimizer.step()
        if self.regrowth is not None:
            self.regrowth.after(step + 1)
        self._tighten(step + 1)
        return loss.detach()

    def _tighten(self, step: int) -> None:
        if self.ramp is None:
            return
        steps = self.config.epochs * len(self.batches)
        sparsity = self.ramp.sparsity_after(step, steps, begin=self.begin)
        if sparsity is not None:
            self.ramp.tighten(self.net, sparsity)

    def _augmented(self, x: Tensor) -> Tensor:
        augment = self.config.augment
        if augment is None:
            return x
        changed = augment(x)
        if not isinstance(changed, Tensor) or changed.shape != x.shape:
            shape = list(changed.shape) if isinstance(changed, Tensor) else type(changed).__name__
            raise InputError(
                f"returned {shape}, expected a tensor of the batch's shape {list(x.shape)}",
                where="training augment",
            )
        return changed

    def _loss(self, x: Tensor, labels: Tensor) -> Tensor:
        with self.fabric.autocast():
            if self.penalty is None:
                return self._loss_of(self.model(x), x, labels)
            with counted(self.net) as operations:
                rates = self.model(x)
            return self._loss_of(rates, x, labels) + self.penalty.loss(operations, len(labels))

    def _loss_of(self, rates: Tensor, x: Tensor, labels: Tensor) -> Tensor:
        if self.distillation is None:
            return self.loss(rates, labels)
        return self.distillation.loss(x, rates, labels, own=self.loss)

    def _validate(self) -> tuple[float, float]:
        """Return loss and accuracy over the validation split."""
        device = self.fabric.device
        loss = torch.zeros((), device=device)
        right = torch.zeros((), dtype=torch.int64, device=device)
        with evaluating(self.net), self.fabric.autocast():
            for batch in self.validation:
                frames, labels = self.fabric.to_device(batch)
                with held_back():
                    rates = self.net(network_input(frames))
                loss += self.loss(rates, labels) * len(labels)
                right += (rates.argmax(1) == labels).sum()
        count = len(self.validation.split)
        return float(loss) / count, int(right) / count


def _optimizer(config: TrainingConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if not isinstance(config.optimizer, str):
        made = config.optimizer(parameters, lr=config.lr)
        if not isinstance(made, torch.optim.Optimizer):
            raise InputError(
                f"returned a {type(made).__name__}, expected a torch optimizer",
                where="training optimizer",
            )
        return made
    decay = config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=config.lr, momentum=0.9, nesterov=True, weight_decay=decay
        )
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    # Fused: one loop over all parameters instead of a dozen small operations for each.
    return kind(parameters, lr=config.lr, weight_decay=decay, fused=True)
