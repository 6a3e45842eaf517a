"""lightning's view of a training."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from leanspike.training.batches import Batches, network_input
from leanspike.training.config import TrainingConfig
from leanspike.training.distillation import Distillation
from leanspike.training.loss import rate_loss
from leanspike.training.records import EpochRecord
from leanspike.training.schedule import lr_factor


class FitModule(pl.LightningModule):
    """A network, its loss, optimizer and schedule; keeps the history of its epochs.

    Parameters
    ----------
    net
        Input [T, N, C, H, W] to firing rates [N, classes].
    config
        How to train.
    batches
        The training batches.
    seed
        Of everything random in the network (dropout).
    distillation
        A teacher to learn from beside the labels.
    on_epoch
        Called after each epoch with its record and whether it is the best so far.
    """

    def __init__(
        self,
        net: nn.Module,
        config: TrainingConfig,
        batches: Batches,
        *,
        seed: int,
        distillation: Distillation | None = None,
        on_epoch: Callable[[EpochRecord, bool], None],
    ) -> None:
        super().__init__()
        self.net = net
        self.config = config
        self.batches = batches
        self.seed = seed
        # Not a child: the teacher is neither trained nor saved.
        self._distillation = distillation
        self.on_epoch = on_epoch
        self.history: list[EpochRecord] = []
        self.best: EpochRecord | None = None

    def configure_optimizers(self) -> Any:
        """Adam, its rate changed after every step."""
        config, steps = self.config, len(self.batches)

        def factor(step: int) -> float:
            return lr_factor(
                step,
                warmup_steps=config.warmup_epochs * steps,
                total_steps=config.epochs * steps,
            )

        parameters = [p for p in self.net.parameters() if p.requires_grad]
        # Fused: one loop over all parameters instead of a dozen small operations for each.
        optimizer = torch.optim.Adam(parameters, lr=config.lr, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_fit_start(self) -> None:
        """Bring the teacher to where the network is."""
        if self._distillation is not None:
            self._distillation.teacher.to(self.device)

    def on_train_epoch_start(self) -> None:
        """Seed the epoch by its number, so that a resumed training continues bit for bit."""
        self._start = time.perf_counter()
        self.batches.epoch = self.current_epoch
        # Ranks draw apart; the first draws as a process alone would.
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch + 500_009 * self.global_rank)
        self._train_loss = torch.zeros((), device=self.device)
        self._train_count = 0

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Loss of one batch."""
        frames, labels = batch
        x = network_input(frames)
        rates = self.net(x)
        if self._distillation is None:
            loss = rate_loss(rates, labels)
        else:
            loss = self._distillation.loss(x, rates, labels)
        self._train_loss += loss.detach() * len(labels)
        self._train_count += len(labels)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Begin the sums of the validation."""
        self._loss = torch.zeros((), device=self.device)
        self._right = torch.zeros((), dtype=torch.int64, device=self.device)
        self._count = 0

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Add one batch to the sums."""
        frames, labels = batch
        rates = self.net(network_input(frames))
        self._loss += rate_loss(rates, labels) * len(labels)
        self._right += (rates.argmax(1) == labels).sum()
        self._count += len(labels)

    def on_train_epoch_end(self) -> None:
        """Record the epoch; lightning has validated by now, every rank everything."""
        count = torch.tensor(float(self._train_count), device=self.device)
        whole: Any = self.trainer.strategy.reduce(
            torch.stack([self._train_loss, count]), reduce_op="sum"
        )
        record = EpochRecord(
            epoch=self.current_epoch,
            train_loss=float(whole[0]) / float(whole[1]),
            validation_loss=float(self._loss) / self._count,
            validation_accuracy=int(self._right) / self._count,
            lr=float(self.trainer.optimizers[0].param_groups[0]["lr"]),
            seconds=time.perf_counter() - self._start,
        )
        # Batch-norm statistics differ a little between ranks: those of the first are kept.
        record = self.trainer.strategy.broadcast(record)
        self.history.append(record)
        best = record.better_than(self.best)
        if best:
            self.best = record
        self.on_epoch(record, best)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history, as plain numbers: the file is loaded without executing anything."""
        checkpoint["history"] = [dataclasses.asdict(record) for record in self.history]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history up again."""
        self.history = [EpochRecord(**record) for record in checkpoint["history"]]
        self.best = None
        for record in self.history:
            if record.better_than(self.best):
                self.best = record
