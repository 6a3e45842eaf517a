from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from leanspike.compress import CompressionConfig, Phase, RegrowthConfig, Strategy, load_state
from leanspike.events import FrameData, FrameSplit
from leanspike.study.file.study_file import NetworkSection, StudyFile, TrainingSection
from leanspike.study.plan.tasks import train_key, training_identity
from leanspike.study.records import TrainRecipe, plain
from leanspike.study.work.bench import Workbench
from leanspike.study.work.networks import prepared_network, training_config
from leanspike.training import run_strategy


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
