from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from leanspike.compress import CompressionConfig, Phase, RegrowthConfig, Strategy, load_state
from leanspike.errors import InputError
from leanspike.events import FrameData, FrameSplit
from leanspike.hardware.workload.workload import Workload
from leanspike.study.file.study_file import NetworkSection, StudyFile, TrainingSection
from leanspike.study.plan.points import Point
from leanspike.study.plan.tasks import Task, train_key, training_identity
from leanspike.study.records import TrainRecipe, plain
from leanspike.study.work.bench import Workbench
from leanspike.study.work.networks import frame_batches, prepared_network, run_once, training_config
from leanspike.training import device_of, run_strategy


def data() -> FrameData:
    generator = np.random.default_rng(0)

    def split(count: int) -> FrameSplit:
        frames = (generator.random((count, 3, 2, 8, 8)) < 0.3).astype(np.uint8)
        return FrameSplit(frames, np.arange(count, dtype=np.int64) % 2)

    return FrameData("made up", split(32), split(8), split(8), 2, "made-up")


@pytest.mark.parametrize("rewind", [False, True])
def test_a_study_trains_a_phase_as_run_strategy_does(tmp_path, rewind):
    """Distillation, regrowth, rewinding and statistics measured anew are in a study too."""
    frames = data()
    study = StudyFile(
        network=NetworkSection(channels=2, hidden=4), training=TrainingSection(epochs=1)
    )
    bench = Workbench(study, frames, tmp_path)
    pruned = CompressionConfig(sparsity=0.5, scope="lamp")
    first = Phase(
        epochs=1, lr=4e-3, warmup_epochs=0, compression=pruned, distillation=0.5,
        regrowth=RegrowthConfig(every=1, until=1.0),
    )  # fmt: skip
    second = replace(
        first, compression=replace(pruned, sparsity=0.7), rewind=rewind, reestimate_batchnorm=True
    )
    phases = (Phase(epochs=1, lr=4e-3, warmup_epochs=1), first, second)
    common = training_identity(study, frames.fingerprint)
    parent = None
    for end in range(1, 4):
        recipe = TrainRecipe(5, tuple(plain(phase) for phase in phases[:end]))
        parent = bench.train(train_key(recipe, common), recipe, parent, lambda _: None)
        if end == 1:
            alone = prepared_network(bench.network, 5, [])
            load_state(alone, tmp_path / parent.checkpoint)
    run_strategy(
        alone,
        frames,
        Strategy("same", (first, second)),
        training=training_config(study.training, first),
        out=tmp_path / "alone",
        seed=5,
    )
    ended = bench._trained(parent)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, ended.state_dict()[name]), name


class OneWeight(nn.Module):
    """Scores are what two pixels hold; counts the recordings that pass through it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(128, 2, bias=False)
        self.layer.weight.data = torch.eye(2, 128)
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += x.shape[1]
        return self.layer(x.flatten(2).flatten(0, 1)).unflatten(0, x.shape[:2]).sum(0)


def test_one_pass_gives_activity_and_classes():
    split, net = data().train, OneWeight()
    workload, given = run_once(net, split, accelerator="cpu", batch_size=5, name="n")
    assert net.seen == len(split)
    pixels = split.frames.reshape(len(split), 3, 128)[:, :, :2].sum(1).astype(int)
    assert given == pixels.argmax(1).tolist()
    assert workload.name == "n"
    assert workload.layers[0].density.inputs.mean == pytest.approx(split.frames.mean())


def test_a_study_measures_a_network_in_one_pass(tmp_path):
    frames = data()
    study = StudyFile(
        network=NetworkSection(channels=2, hidden=4),
        training=TrainingSection(epochs=1, batch_size=3),
    )
    bench = Workbench(study, frames, tmp_path)
    recipe = TrainRecipe(0, (plain(Phase(epochs=1, lr=1e-3, warmup_epochs=0)),))
    trained = bench.train("float", recipe, None, lambda _: None)
    build, seen = bench.network.build, []

    def counting(seed):
        net = build(seed)
        net.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
        return net

    bench.network = replace(bench.network, build=counting)
    measured = bench.run(
        Task("m", "measure", "float", "float", "m", Point("float", None, 0.0, 0)),
        result_of=lambda *_: trained, on_epoch=lambda _: None,
    )  # fmt: skip
    assert sum(seen) == len(frames.test)
    net = bench._trained(trained)
    with torch.no_grad():
        given = torch.cat([net(batch).argmax(1) for batch in frame_batches(frames.test, 3)])
    wanted = (given.numpy() == frames.test.labels).tolist()
    assert measured.right == "".join("01"[each] for each in wanted)
    assert isinstance(measured.workload, Workload)


class Moves(TorchFunctionMode):
    """Notes what is moved to a GPU, and leaves it where it is: there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: list[tuple[int, ...]] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is torch.Tensor.to and args[1] == torch.device("cuda", 0):
            self.moved.append(tuple(args[0].shape))
            return args[0]
        return func(*args, **(kwargs or {}))


def test_measuring_happens_where_the_training_did(monkeypatch):
    """The weights and every batch go to the device that lightning gives for the accelerator."""
    assert device_of("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="accelerator 'tpux'"):
        device_of("tpux")
    monkeypatch.setattr("lightning.fabric.accelerators.cuda.num_cuda_devices", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device_of("auto") == device_of("gpu") == torch.device("cuda", 0)
    with Moves() as moves:
        run_once(OneWeight(), data().train, accelerator="auto", batch_size=20)
    assert moves.moved == [(2, 128), (3, 20, 2, 8, 8), (3, 12, 2, 8, 8)]
