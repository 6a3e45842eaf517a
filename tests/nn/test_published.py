from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.nn.published import load_published, rename_published

CHANNELS, SIDE, T, CLASSES = 6, 32, 5, 3


class Attention(nn.Module):
    """The original's attention, from its description in PAPER.md."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(T, T, 4, bias=False)
        self.conv_c = nn.Conv1d(CHANNELS, CHANNELS, 4, bias=False)

    def forward(self, s: Tensor) -> Tensor:  # [T, N, C, H, W]
        z = nn.functional.pad(s.mean((3, 4)).permute(1, 0, 2), (1, 2))  # [N, T, C]
        of_t = self.conv(z).permute(1, 0, 2)
        z = nn.functional.pad(s.mean((3, 4)).permute(1, 2, 0), (1, 2))  # [N, C, T]
        of_c = self.conv_c(z).permute(2, 0, 1)
        return s * torch.sigmoid(of_t * of_c)[..., None, None]


class PerStep(nn.Sequential):
    """Runs its layers on every step: `SeqToANNContainer` of SpikingJelly since 0.0.0.0.13."""

    def forward(self, s: Tensor) -> Tensor:
        return super().forward(s.flatten(0, 1)).unflatten(0, s.shape[:2])


class Fire(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        v, spikes = torch.zeros_like(x[0]), []
        for now in x:
            h = v + (now - v) / 2
            spikes.append((h >= 1).float())
            v = torch.where(h >= 1, 0.0, h)
        return torch.stack(spikes)


class Original(nn.Module):
    """The original network's structure, so that its state dict has the original's names."""

    def __init__(self) -> None:
        super().__init__()
        conv: list[nn.Module] = []
        for k in range(5):
            ins = 2 if k == 0 else CHANNELS
            layer = nn.Conv2d(ins, CHANNELS, 3, padding=1, bias=False)
            conv += [PerStep(layer, nn.BatchNorm2d(CHANNELS)), Fire()]
            conv += [Attention()] if k >= 3 else []
            conv += [PerStep(nn.MaxPool2d(2))]
        self.conv = nn.Sequential(*conv)
        side = SIDE // 32
        self.fc = nn.Sequential(
            nn.Flatten(2),
            nn.Dropout(0.5),
            PerStep(nn.Linear(CHANNELS * side * side, 16, bias=False)),
            Fire(),
            nn.Dropout(0.5),
            PerStep(nn.Linear(16, 10 * CLASSES, bias=False)),
            Fire(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x)).mean(0).unflatten(1, (CLASSES, 10)).mean(2)


@pytest.fixture
def original() -> Original:
    torch.manual_seed(0)
    net = Original().eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith(("running_var", ".1.weight")):
                value.uniform_(0.5, 1.5)
            elif name.endswith("bias"):
                value.uniform_(0.8, 2)  # so that there are spikes
            elif name.endswith("running_mean"):
                value.uniform_(-0.2, 0.2)
            elif name.startswith("fc"):
                value.uniform_(-1, 3)
    return net


def older(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names that older SpikingJelly gave: its container held what it ran as `module`."""
    renamed = {}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] == "fc":
            parts[2] = "module"
        elif parts[2] in "01":
            parts.insert(2, "module")
        renamed[".".join(parts)] = value
    return renamed


@pytest.mark.parametrize("naming", ["newer", "older"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_checkpoint_gives_the_same_outputs(
    tmp_path: Path, original: Original, naming: str, wrapped: bool
) -> None:
    state = original.state_dict()
    state = older(state) if naming == "older" else dict(state)
    torch.save({"net": state, "epoch": 3} if wrapped else state, tmp_path / "c.pth")
    net = load_published(tmp_path / "c.pth").eval()
    assert net.config.shape == (2, SIDE, SIDE)
    assert (net.config.T, net.config.classes, net.config.hidden) == (T, CLASSES, 16)
    x = torch.randint(0, 3, (T, 4, 2, SIDE, SIDE), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = net(x.float()), original(x.float())
    assert 0 < theirs.mean() < 1
    torch.testing.assert_close(ours, theirs)


def test_every_key_is_accounted_for(tmp_path: Path, original: Original) -> None:
    whole = original.state_dict()
    path = tmp_path / "c.pth"

    def refused(state: object, message: str) -> None:
        torch.save(state, path)
        with pytest.raises(InputError, match=message):
            load_published(path)

    refused({**whole, "conv.1.w": torch.zeros(1)}, r"key 'conv.1.w' is of no layer")
    refused({k: v for k, v in whole.items() if k != "fc.2.0.weight"}, "no weights for dense1")
    refused({k: v for k, v in whole.items() if "conv_c" not in k}, "Missing key.*tcja1_c.weight")
    refused({**whole, "conv.11.conv_c.weight": torch.zeros(2, 2, 4)}, "size mismatch for tcja1_c")
    refused([1, 2], "no state dict")
    refused({"net": {"a": 1}}, "no state dict")
    path.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        load_published(path)
    with pytest.raises(InputError, match="not a readable checkpoint"):
        load_published(tmp_path / "none.pth")


def test_distributed_prefix_is_taken_off() -> None:
    assert list(rename_published({"module.fc.5.0.weight": torch.zeros(1)})) == ["dense2.weight"]
