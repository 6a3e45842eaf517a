"""fit, evaluate and run_strategy on loaders of (x, y) and networks of any kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small import small_data, small_net
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from leanspike.compress import CompressionConfig, Phase, Strategy, summary
from leanspike.errors import InputError
from leanspike.events import frames_of
from leanspike.nn import NetworkConfig, build_network
from leanspike.training import TrainingConfig, evaluate, fit, run_strategy, weights_digest

CONFIG = TrainingConfig(epochs=3, lr=2e-2, warmup_epochs=1, batch_size=16, accelerator="cpu")
DATA = small_data()


def tensors(name: str) -> TensorDataset:
    split = getattr(DATA, name)
    return TensorDataset(torch.from_numpy(split.frames).float(), torch.from_numpy(split.labels))


class Tuple(nn.Module):
    """[N, T, C, H, W] to spikes and membranes of every step: what a loss cannot take."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small_net(dropout=0.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        net = self.inner
        y = torch.relu(net.norm(net.conv1(x.flatten(0, 1)))).flatten(1)
        out = torch.sigmoid(net.dense1(y)).unflatten(0, x.shape[:2])
        return out, out + 1


def test_loaders_train_as_the_frames_in_them(tmp_path: Path) -> None:
    one, two = small_net(), small_net()
    parts = {name: tensors(name) for name in ("train", "validation", "test")}
    parts["validation"] = DataLoader(parts["validation"], batch_size=7)
    fit(one, DATA, CONFIG, out=tmp_path / "frames", seed=1)
    fit(two, parts, CONFIG, out=tmp_path / "parts", seed=1)
    assert weights_digest(one) == weights_digest(two)
    assert evaluate(one, parts["test"]) == evaluate(one, DataLoader(parts["test"], 7))
    assert evaluate(one, parts["test"]) == evaluate(one, DATA.test)


def test_a_loader_alone_is_split_the_same_way_every_time(tmp_path: Path) -> None:
    loader = DataLoader(tensors("train"), batch_size=20)
    one, two = small_net(), small_net()
    fit(one, loader, CONFIG, out=tmp_path / "loader", seed=1)
    fit(two, frames_of(loader), CONFIG, out=tmp_path / "frames", seed=1)
    assert weights_digest(one) == weights_digest(two)


def test_a_network_that_gives_a_tuple_learns(tmp_path: Path) -> None:
    net = Tuple()
    result = fit(net, DATA, CONFIG, out=tmp_path / "float", seed=1)
    assert result.validation_accuracy > 0.8
    # The weights are in the network itself: evaluated by hand they are right as often.
    scores = net.eval()(torch.from_numpy(DATA.validation.frames).float())[0].mean(1)
    right = (scores.argmax(1).numpy() == DATA.validation.labels).mean()
    assert right == result.validation_accuracy == evaluate(net, DATA.validation)
    pruned = Phase(epochs=1, lr=1e-2, compression=CompressionConfig(sparsity=0.5), warmup_epochs=0)
    strategy = Strategy("prune", (pruned,))
    run_strategy(net, tensors("train"), strategy, training=CONFIG, out=tmp_path / "p", seed=1)
    assert summary(net).sparsity == pytest.approx(0.5, abs=0.02)


def test_what_does_not_fit_is_one_error(tmp_path: Path) -> None:
    class Lost(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(72, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x.flatten(2))

    with pytest.raises(InputError, match="no way of calling it gives 3 scores a sample"):
        fit(Lost(), DATA, CONFIG, out=tmp_path, seed=0)
    with pytest.raises(InputError, match="a label is 2, and the network gives 2 scores"):
        evaluate(nn.Sequential(nn.Flatten(2), nn.Linear(72, 2)), DATA.test)
    small = NetworkConfig(shape=(2, 8, 8), channels=2, classes=2, T=2)
    with pytest.raises(InputError, match="2 classes apart, and the data has 3"):
        fit(build_network(small, seed=0), DATA, CONFIG, out=tmp_path, seed=0)
    with pytest.raises(InputError, match=r"expected pairs \(x, y\)"):
        fit(small_net(), DataLoader(torch.zeros(9, 2, 2, 6, 6)), CONFIG, out=tmp_path, seed=0)
    with pytest.raises(InputError, match="0 parts"):
        fit(small_net(), (), CONFIG, out=tmp_path, seed=0)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="is empty"):
        evaluate(small_net(), (np.zeros((0, 2, 2, 6, 6)), np.zeros(0, np.int64)))
