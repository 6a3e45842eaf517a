from __future__ import annotations

from pathlib import Path

import pytest
from small import small_data, small_net

from leanspike.compress import CompressionConfig, Phase, Strategy, convert
from leanspike.training import EpochRecord, TrainingConfig, evaluate, fit, run_strategy
from leanspike.training.weights import weights_digest

CONFIG = TrainingConfig(epochs=3, lr=2e-2, warmup_epochs=1, accelerator="cpu")
CUMULATIVE = Strategy(
    "cumulative",
    (
        Phase(epochs=2, lr=5e-3, warmup_epochs=1, compression=CompressionConfig(sparsity=0.5)),
        Phase(epochs=2, lr=5e-3, warmup_epochs=1, compression=CompressionConfig(weight_bits=2)),
    ),
)


def test_phases_build_on_each_other(tmp_path: Path) -> None:
    net, data = small_net(), small_data()
    fit(net, data, CONFIG, out=tmp_path / "float", seed=1)
    results = run_strategy(net, data, CUMULATIVE, training=CONFIG, out=tmp_path / "c", seed=1)
    assert [len(result.history) for result in results] == [2, 2]
    accuracy = evaluate(net, data.validation)
    assert accuracy == results[-1].validation_accuracy
    convert(net)
    total = zeros = 0
    for layer in (net.conv1, net.dense1):
        assert len(layer.weight.unique()) <= 3
        total += layer.weight.numel()
        zeros += int((layer.weight == 0).sum())
    assert zeros >= total // 2
    assert evaluate(net, data.validation) == accuracy


def test_stopped_in_the_second_phase_continues_there(tmp_path: Path) -> None:
    data = small_data()
    whole = small_net()
    run_strategy(whole, data, CUMULATIVE, training=CONFIG, out=tmp_path / "whole", seed=1)
    count = 0

    def stop(record: EpochRecord) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_strategy(
            small_net(),
            data,
            CUMULATIVE,
            training=CONFIG,
            out=tmp_path / "c",
            seed=1,
            progress=stop,
        )
    net = small_net()
    seen: list[EpochRecord] = []
    run_strategy(
        net, data, CUMULATIVE, training=CONFIG, out=tmp_path / "c", seed=1, progress=seen.append
    )
    assert len(seen) == 1
    assert weights_digest(net) == weights_digest(whole)
