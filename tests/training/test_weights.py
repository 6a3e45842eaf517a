from __future__ import annotations

from pathlib import Path

import torch
from small import small_net

from leanspike.compress import load_state
from leanspike.training import save_weights
from leanspike.training.weights import weights_digest


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    net, other = small_net(0), small_net(1)
    net.to(memory_format=torch.channels_last)
    save_weights(net, tmp_path / "new" / "a.safetensors")
    load_state(other, tmp_path / "new" / "a.safetensors")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.safetensors"]


def test_digest_sees_every_value_and_name_but_not_the_layout() -> None:
    net = small_net()
    digest = weights_digest(net)
    net.to(memory_format=torch.channels_last)
    assert weights_digest(net) == digest
    with torch.no_grad():
        net.norm.running_mean[0] += 1e-6
    assert weights_digest(net) != digest
    assert weights_digest(torch.nn.Linear(2, 2)) != weights_digest(torch.nn.Linear(2, 2))
