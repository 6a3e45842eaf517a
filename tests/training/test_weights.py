from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small import small_net

from leanspike.errors import InputError
from leanspike.training import load_weights, save_weights


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    net, other = small_net(0), small_net(1)
    net.to(memory_format=torch.channels_last)
    save_weights(net, tmp_path / "new" / "a.safetensors")
    load_weights(other, tmp_path / "new" / "a.safetensors")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_damaged_file_is_named(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_weights(small_net(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a.safetensors: not a safetensors file"):
        load_weights(small_net(), path)


def test_pickle_and_missing_files_are_refused(tmp_path: Path) -> None:
    torch.save(small_net().state_dict(), tmp_path / "a.pt")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_weights(small_net(), tmp_path / "a.pt")
    with pytest.raises(InputError, match="cannot read: No such file"):
        load_weights(small_net(), tmp_path / "gone")


def test_weights_of_another_network_name_the_key(tmp_path: Path) -> None:
    save_weights(torch.nn.Linear(2, 3), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"weights of another network: Missing key.*conv1.weight"):
        load_weights(small_net(), tmp_path / "a.safetensors")
    save_weights(torch.nn.Linear(2, 3, bias=False), tmp_path / "b.safetensors")
    with pytest.raises(InputError, match=r"size mismatch for weight"):
        load_weights(torch.nn.Linear(4, 3, bias=False), tmp_path / "b.safetensors")
