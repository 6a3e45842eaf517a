"""Doing a study's tasks: train a phase, measure a trained network, price a measurement.

``python -m leanspike.study.work.bench FOLDER FILE [NETWORK [FUNCTION ...]]`` is one of several
processes of one training.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter
from torch import nn

from leanspike.compress import Phase, Summary, load_state, save_state, summary
from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.hardware.workload.layer import Densities, Density, Layer
from leanspike.hardware.workload.workload import Workload
from leanspike.study.file.study_file import HardwareSection, StudyFile
from leanspike.study.plan.options import Option
from leanspike.study.plan.points import Point
from leanspike.study.plan.tasks import (
    Proposal,
    Result,
    Task,
    base_compression,
    train_key,
    training_identity,
)
from leanspike.study.records import (
    ExploreRecipe,
    ExploreResult,
    LayerWeights,
    Lookup,
    MeasureResult,
    PriceResult,
    ProposeRecipe,
    Training,
    TrainRecipe,
    TrainResult,
    plain,
)
from leanspike.study.search.proposing import do_propose
from leanspike.study.search.sensitivity import explore
from leanspike.study.work.loggers import logged
from leanspike.study.work.networks import (
    blueprint,
    load_study_data,
    prepared_network,
    run_once,
    training_config,
)
from leanspike.study.work.own_network import (
    OwnCode,
    OwnFunction,
    check_functions,
    own_code,
    own_function,
)
from leanspike.study.work.pricing import price_points
from leanspike.study.work.provenance import provenance
from leanspike.study.work.together import as_rank, train_together
from leanspike.training import EpochRecord, device_of, evaluate, needs_origin, run_phase

EpochReport = Callable[[EpochRecord], None]
Found = TypeVar("Found")
_PHASES = TypeAdapter(tuple[Phase, ...])


class Workbench:
    """Everything tasks need but what they are: the study, its data and its folder.

    Parameters
    ----------
    folder
        Where trainings are kept, each in ``trainings/<key>``.
    code
        Of a network of the user's own.
    functions
        The user's own loss, optimizer and augmentation, by their names in the study.

    Raises
    ------
    InputError
        When the network does not fit the data.
    """

    def __init__(
        self,
        study: StudyFile,
        data: FrameData,
        folder: Path,
        code: OwnCode | None = None,
        functions: Mapping[str, OwnFunction] | None = None,
    ) -> None:
        self.study = study
        self.data = data
        self.folder = folder
        self._provenance = provenance()
        self.code = code
        self.functions = dict(functions or {})
        check_functions(study, self.functions)
        self.network = blueprint(
            study.network, shape=data.shape, classes=data.classes, T=data.T, code=code
        )

    def run(self, task: Task, *, result_of: Lookup, on_epoch: EpochReport) -> Result:
        """Do one task and return its result."""

        def needed(kind: type[Found]) -> Found:
            found = result_of(task.needs, kind) if task.needs is not None else None
            assert found is not None
            return found

        recipe = task.recipe
        if isinstance(recipe, TrainRecipe):
            return self.train(
                task.key, recipe, needed(TrainResult) if task.needs else None, on_epoch
            )
        if isinstance(recipe, Point):
            return self._measure(task.label, recipe, needed(TrainResult))
        if isinstance(recipe, ExploreRecipe):
            return self._explore(recipe, needed(TrainResult))
        if isinstance(recipe, ProposeRecipe):
            # The first turn needs the exploration, each other one the turn before.
            before = needed(Proposal) if recipe.turn else None
            return do_propose(
                self.study, recipe, before, fingerprint=self.data.fingerprint, result_of=result_of
            )
        (priced,) = self.price([task], result_of=result_of)
        if isinstance(priced, InputError):
            raise priced
        return priced

    def price(self, tasks: Sequence[Task], *, result_of: Lookup) -> list[PriceResult | InputError]:
        """Do price tasks that are asked the same; in place of a result its error."""
        workloads = []
        for task in tasks:
            assert task.needs is not None
            measured = result_of(task.needs, MeasureResult)
            assert measured is not None
            workloads.append((measured.workload, measured.has_own_bits))
        section = tasks[0].recipe
        assert isinstance(section, HardwareSection)
        return price_points(workloads, section)

    def make_ready(self) -> None:
        """Price one small layer, so that what pricing compiles is compiled."""
        half = Density(mean=0.5, max=0.5)
        density = Densities(weights=half, inputs=half, outputs=half)
        layer = Layer(name="small", T=2, C=2, M=2, P=3, Q=3, R=2, S=2, density=density)
        with suppress(InputError):  # a price task says what is wrong
            price_points([(Workload(layers=(layer,)), True)], self.study.hardware)

    def train(
        self, key: str, recipe: TrainRecipe, parent: TrainResult | None, on_epoch: EpochReport
    ) -> TrainResult:
        """Train one phase, from where its parent ended."""
        *earlier, phase = _PHASES.validate_python(recipe.phases)
        net = prepared_network(self.network, recipe.seed, earlier)
        if parent is not None:
            self._load(net, parent)
        if parent is None and getattr(self.study.network, "trained", False):
            return self._as_it_came(net, key, recipe)
        out = self.folder / "trainings" / key
        if self.study.training.devices > 1 and "WORLD_SIZE" not in os.environ:
            # As many processes train; what they leave is taken up below as done.
            train_together(
                self.study,
                self.folder,
                key,
                recipe,
                parent,
                on_epoch=on_epoch,
                code=self.code,
                functions=self.functions,
            )
        logging = logged(
            on_epoch, self.study.logger, folder=self.folder, study=self.study.name, run=key
        )
        with logging as report:
            fitted = run_phase(
                net,
                self.data,
                phase,
                training=training_config(
                    self.study.training,
                    phase,
                    network=self.study.network,
                    functions={name: own.function for name, own in self.functions.items()},
                ),
                out=out,
                seed=recipe.seed,
                origin=self._origin(recipe) if needs_origin(phase) else None,
                progress=report,
            )
        checkpoint = Path(fitted.checkpoint)
        return TrainResult(
            checkpoint=str(checkpoint.relative_to(self.folder)),
            sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            best_epoch=fitted.best_epoch,
            validation_accuracy=fitted.validation_accuracy,
            history=tuple(plain(record) for record in fitted.history),
            recipe=recipe,
            provenance=self._provenance,
        )

    def _origin(self, recipe: TrainRecipe) -> nn.Module:
        """Build the float network that a training's strategy began with."""
        first = TrainRecipe(recipe.seed, recipe.phases[:1])
        net = prepared_network(self.network, first.seed, _PHASES.validate_python(first.phases))
        common = training_identity(self.study, self.data.fingerprint)
        folder = self.folder / "trainings" / train_key(first, common)
        load_state(net, folder / "best.safetensors")
        return net.eval().requires_grad_(False)

    def _as_it_came(self, net: nn.Module, key: str, recipe: TrainRecipe) -> TrainResult:
        """Keep a network that comes with its weights as the float network; nothing is trained."""
        checkpoint = self.folder / "trainings" / key / "best.safetensors"
        save_state(net, checkpoint, parents=True)
        return TrainResult(
            checkpoint=str(checkpoint.relative_to(self.folder)),
            sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            best_epoch=0,
            validation_accuracy=evaluate(
                net,
                self.data.validation,
                batch_size=self.study.training.batch_size,
                device=device_of(self.study.training.accelerator),
            ),
            history=(),
            recipe=recipe,
            provenance=self._provenance,
        )

    def _explore(self, recipe: ExploreRecipe, trained: TrainResult) -> ExploreResult:
        return explore(
            self._trained(trained),
            self.data.train,
            [Option(bits, part) for bits in recipe.bits for part in recipe.sparsity],
            base_compression(self.study),
            classes=self.data.classes,
            recordings=recipe.calibration,
            batch_size=self.study.training.batch_size,
            seed=recipe.seed,
        )

    def _measure(self, label: str, point: Point, trained: TrainResult) -> MeasureResult:
        net = self._trained(trained)
        labels = self.data.test.labels.tolist()
        workload, given = run_once(
            net,
            self.data.test,
            accelerator=self.study.training.accelerator,
            batch_size=self.study.training.batch_size,
            name=label,
        )
        return MeasureResult(
            right="".join("01"[a == b] for a, b in zip(given, labels, strict=True)),
            validation_accuracy=trained.validation_accuracy,
            weight_bits=point.weight_bits,
            sha256=trained.sha256,
            checkpoint=trained.checkpoint,
            layers=_weights_of(workload, summary(net)),
            workload=workload,
            quantized=point.quantized,
            trained=Training(trained.recipe, trained.provenance),
            data=self.data.fingerprint,
            provenance=self._provenance,
            answers=len(set(given)),
            chance=max(Counter(labels).values()) / len(labels),
        )

    def _trained(self, trained: TrainResult) -> nn.Module:
        """Build a network as its training left it."""
        phases = _PHASES.validate_python(trained.recipe.phases)
        net = prepared_network(self.network, trained.recipe.seed, phases)
        self._load(net, trained)
        return net.eval()

    def _load(self, net: nn.Module, trained: TrainResult) -> None:
        """Load the weights that a training left, and no others."""
        path = self.folder / trained.checkpoint
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != trained.sha256:
            raise InputError(
                "holds other weights than its training left (by their sha256)",
                where=str(path),
                remedy="It was changed or damaged: put it back, or run the study in a new folder",
            )
        load_state(net, path)


def _weights_of(workload: Workload, weights: Summary) -> tuple[LayerWeights, ...]:
    """Sum up the weights of every layer that is priced; some are of two (`activity.summing`).

    Products of activations have none. Weights that run on inputs of several sizes (``conv@2``)
    are stored once; those that the network multiplies with itself are as many as the layer's shape
    says.
    """
    by_name = {each.name: each for each in weights.layers}
    made = []
    for layer in workload.layers:
        bits, sparsity = layer.bits.weights, 1 - layer.density.weights.mean
        parts = [by_name[name] for name in layer.name.split("+") if name in by_name]
        count = sum(part.weights for part in parts)
        pruned = 0.0
        if count:
            sparsity = sum(part.sparsity * part.weights for part in parts) / count
            pruned = sum(part.pruned * part.weights for part in parts) / count
        elif layer.operand != "activations" and "@" not in layer.name:
            count = layer.M * layer.C * layer.R * layer.S // layer.groups
        made.append(LayerWeights(layer.name, count, bits, sparsity, pruned))
    return tuple(made)


if __name__ == "__main__":
    named = own_code(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[3] else None
    given = {name: own_function(name) for name in sys.argv[4:]}
    as_rank(
        Path(sys.argv[2]),
        lambda study: (
            Workbench(study, load_study_data(study.data), Path(sys.argv[1]), named, given).train
        ),
    )
