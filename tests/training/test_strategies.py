from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from small import small_data, small_net
from torch import nn

from leanspike.compress import (
    CompressionConfig,
    Phase,
    RegrowthConfig,
    Strategy,
    apply_phase,
    begin_phase,
    convert,
    load_state,
    prepare,
    summary,
)
from leanspike.errors import InputError
from leanspike.training import (
    Distillation,
    EpochRecord,
    TrainingConfig,
    evaluate,
    fit,
    frozen_copy,
    run_phase,
    run_strategy,
)
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


def one_phase(**settings: object) -> Strategy:
    phase = Phase(
        epochs=2,
        lr=5e-3,
        warmup_epochs=1,
        compression=CompressionConfig(weight_bits=2),
        **settings,  # type: ignore[arg-type]
    )
    return Strategy("one", (phase,))


def test_statistics_measured_anew_are_those_of_the_training_data(tmp_path: Path) -> None:
    net, data = small_net(), small_data()
    strategy = one_phase(reestimate_batchnorm=True)
    config = dataclasses.replace(CONFIG, batch_size=len(data.train))
    (result,) = run_strategy(net, data, strategy, training=config, out=tmp_path, seed=1)
    x = torch.from_numpy(data.train.frames).transpose(0, 1).flatten(0, 1).float()
    with torch.no_grad():
        y = net.conv1(x)
    np.testing.assert_allclose(net.norm.running_mean, y.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.norm.running_var, y.var((0, 2, 3)), rtol=1e-3)
    assert result.checkpoint.name == "reestimated.safetensors"
    assert evaluate(net, data.validation) == result.validation_accuracy
    # Asked again, nothing is trained and the answer is the same.
    again = small_net()
    assert run_strategy(again, data, strategy, training=config, out=tmp_path, seed=1) == [result]
    assert weights_digest(again) == weights_digest(net)


def test_rewound_phase_begins_with_the_first_weights(tmp_path: Path) -> None:
    net, data = small_net(), small_data()
    still = dataclasses.replace(CONFIG, epochs=1)
    prune = CompressionConfig(sparsity=0.5)
    strategy = Strategy(
        "rewind",
        (
            Phase(epochs=2, lr=5e-2, warmup_epochs=0),
            Phase(epochs=1, lr=1e-30, warmup_epochs=0, compression=prune, rewind=True),
        ),
    )
    run_strategy(net, data, strategy, training=still, out=tmp_path, seed=1)
    kept = net.conv1.weight != 0
    assert 0 < kept.sum() < kept.numel()
    assert torch.equal(net.conv1.weight[kept], small_net().conv1.weight[kept])


def test_distillation_is_the_closed_form_and_is_used(tmp_path: Path) -> None:
    teacher, data = frozen_copy(small_net(3)), small_data()
    x = torch.rand(2, 5, 2, 6, 6)
    rates, labels = torch.rand(5, 3, requires_grad=True), torch.arange(5) % 3
    loss = Distillation(teacher, 0.25).loss(x, rates, labels)
    loss.backward()
    one_hot = torch.nn.functional.one_hot(labels, 3).float()
    apart = rates.detach() - teacher(x)
    expected = 0.75 * (rates.detach() - one_hot).square().mean() + 0.25 * apart.square().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(p.grad is None for p in teacher.parameters())

    digests = {}
    for weight in (0.0, 0.5, 1.0):
        net = small_net()
        out = tmp_path / str(weight)
        run_strategy(net, data, one_phase(distillation=weight), training=CONFIG, out=out, seed=1)
        digests[weight] = weights_digest(net)
    assert len(set(digests.values())) == 3
    with pytest.raises(InputError, match="distillation: 2 is not from 0 to 1"):
        Distillation(teacher, 2)


def test_batch_norms_are_folded_before_weights_are_quantized(tmp_path: Path) -> None:
    net, data = small_net(), small_data()
    strategy = one_phase(fold_batchnorm=True)
    (result,) = run_strategy(net, data, strategy, training=CONFIG, out=tmp_path, seed=1)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    assert len(net.conv1.weight.unique()) <= 3
    assert net.conv1.bias is not None
    assert len(result.history) == 2
    again = small_net()
    assert run_strategy(again, data, strategy, training=CONFIG, out=tmp_path, seed=1) == [result]
    assert weights_digest(again) == weights_digest(net)


def test_masks_change_at_constant_sparsity_and_resume_as_they_would_have(tmp_path: Path) -> None:
    pruned = CompressionConfig(sparsity=0.7, scope="layerwise")
    strategy = Strategy(
        "dynamic",
        (
            Phase(
                epochs=4,
                lr=5e-3,
                warmup_epochs=0,
                compression=pruned,
                regrowth=RegrowthConfig(every=2, fraction=0.5, until=1.0),
            ),
        ),
    )
    data = small_data()
    whole = small_net()
    fixed = prepare(small_net(), pruned).state_dict()
    run_strategy(whole, data, strategy, training=CONFIG, out=tmp_path / "whole", seed=1)
    masks = {k: v for k, v in whole.state_dict().items() if k.endswith("mask")}
    for key, mask in masks.items():
        assert int(mask.sum()) == int(fixed[key].sum())
        assert not torch.equal(mask, fixed[key])
    resume_after = 2
    seen: list[EpochRecord] = []

    def stop(record: EpochRecord) -> None:
        seen.append(record)
        if len(seen) == resume_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_strategy(
            small_net(), data, strategy, training=CONFIG, out=tmp_path / "c", seed=1, progress=stop
        )
    net = small_net()
    run_strategy(net, data, strategy, training=CONFIG, out=tmp_path / "c", seed=1)
    assert weights_digest(net) == weights_digest(whole)


def test_a_phase_that_distills_needs_to_know_from_what(tmp_path: Path) -> None:
    phase = Phase(epochs=1, lr=1e-3, warmup_epochs=0, distillation=0.5)
    with pytest.raises(InputError, match="origin"):
        run_phase(small_net(), small_data(), phase, training=CONFIG, out=tmp_path, seed=0)


def test_sparsity_rises_while_a_phase_trains(tmp_path: Path) -> None:
    data, net = small_data(), small_net()
    pruned = CompressionConfig(sparsity=0.8, scope="lamp")
    phase = Phase(epochs=4, lr=5e-3, warmup_epochs=0, compression=pruned, ramp=0.6)
    seen: list[tuple[float, bool]] = []

    def note(record: EpochRecord) -> None:
        seen.append((sum_pruned(net), record.final))

    config = dataclasses.replace(CONFIG, batch_size=1)  # 90 steps an epoch, a mask every 25
    strategy = Strategy("ramp", (phase,))
    (result,) = run_strategy(
        net, data, strategy, training=config, out=tmp_path, seed=1, progress=note
    )
    # The masks of step 75, 150 and the ramp's last, 216 of 360; only what is whole is kept.
    whole = net.conv1.weight.numel() + net.dense1.weight.numel()
    for (found, _), step in zip(seen, (75, 175, 216, 216), strict=True):
        expected = 0.8 * (1 - (1 - step / 216) ** 3)
        assert abs(found - expected) <= 1 / whole
    assert [final for _, final in seen] == [False, False, True, True]
    assert result.best_epoch >= 2
    assert round(sum_pruned(net) * whole) == round(0.8 * whole)
    again = run_strategy(small_net(), data, strategy, training=config, out=tmp_path, seed=1)
    assert again == [result]


def sum_pruned(net: nn.Module) -> float:
    layers = summary(net).layers
    return sum(x.pruned * x.weights for x in layers) / sum(x.weights for x in layers)


def test_a_ramp_goes_on_from_where_masks_are(tmp_path: Path) -> None:
    net, data = prepare(small_net(), CompressionConfig(sparsity=0.5, scope="lamp")), small_data()
    before = {k: v.clone() for k, v in net.state_dict().items() if k.endswith("mask")}
    pruned = CompressionConfig(sparsity=0.9, scope="lamp", weight_bits=2, initializer="mse")
    phase = Phase(epochs=2, lr=5e-3, warmup_epochs=0, compression=pruned, ramp=0.5)
    begin_phase(net, phase, start={})
    assert sum_pruned(net) == pytest.approx(0.5, abs=1e-3)
    strategy = Strategy("ramp", (phase,))
    run_strategy(net, data, strategy, training=CONFIG, out=tmp_path, seed=1)
    for key, mask in before.items():
        assert not (net.state_dict()[key] & ~mask).any()
    assert sum_pruned(net) == pytest.approx(0.9, abs=1e-3)
    assert len(net.conv1.weight.unique()) <= 3


def test_what_cannot_rise_is_refused() -> None:
    for wrong in (
        {"ramp": 0.5},
        {"ramp": 1.0, "compression": CompressionConfig(sparsity=0.5)},
        {"ramp": 0.5, "compression": CompressionConfig(structure="2:4")},
        {"ramp": 0.5, "compression": CompressionConfig(sparsity=0.5, layer_sparsity={"a": 0.9})},
    ):
        with pytest.raises(InputError):
            Phase(epochs=2, lr=1e-3, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("epochs", [0, 2])
def test_one_shot_needs_no_training_and_may_have_some(tmp_path: Path, epochs: int) -> None:
    config = CompressionConfig(sparsity=0.6, weight_bits=4, scope="lamp", initializer="mse")
    phase = Phase(epochs=epochs, lr=5e-3, warmup_epochs=0, compression=config, one_shot=True)
    net, data = small_net(), small_data()
    fit(net, data, CONFIG, out=tmp_path / "float", seed=1)
    by_size = prepare(frozen_copy(net), config)
    strategy = Strategy("one shot", (phase,))
    (result,) = run_strategy(net, data, strategy, training=CONFIG, out=tmp_path / "o", seed=1)
    assert len(result.history) == epochs
    assert result.validation_accuracy == evaluate(net, data.validation)
    assert sum_pruned(net) == pytest.approx(0.6, abs=1e-3)
    for key, mask in by_size.state_dict().items():
        if key.endswith("mask"):
            assert int(mask.sum()) == int(net.state_dict()[key].sum())
    again = small_net()
    fit(again, data, CONFIG, out=tmp_path / "float", seed=1)
    run_strategy(again, data, strategy, training=CONFIG, out=tmp_path / "o", seed=1)
    assert weights_digest(again) == weights_digest(net)
    # A network built anew for the checkpoint is the same one.
    anew = small_net()
    apply_phase(anew, phase)
    load_state(anew, result.checkpoint)
    assert evaluate(anew, data.validation) == result.validation_accuracy


def test_a_phase_without_training_is_one_shot_only() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Phase(epochs=0, lr=1e-3, warmup_epochs=0, compression=CompressionConfig(sparsity=0.5))
    with pytest.raises(InputError, match="needs a compression"):
        Phase(epochs=0, lr=1e-3, warmup_epochs=0, one_shot=True)
    half = CompressionConfig(sparsity=0.5)
    phase = Phase(epochs=0, lr=1e-3, warmup_epochs=0, compression=half, one_shot=True)
    with pytest.raises(InputError, match="training data"):
        begin_phase(small_net(), phase, start={})
