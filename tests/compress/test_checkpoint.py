from pathlib import Path

import pytest
import torch
from torch import nn

from leanspike.compress import CompressionConfig, load_state, prepare, save_state
from leanspike.errors import InputError

BOTH = CompressionConfig(weight_bits=2, sparsity=0.5)


def network(width: int = 6, *, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(3, width, 2), nn.BatchNorm1d(width), nn.Linear(4, 2))


def same(one: nn.Module, two: nn.Module) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return set(a) == set(b) and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("compression", [None, BOTH])
def test_round_trip(tmp_path: Path, compression: CompressionConfig | None) -> None:
    one, two = network(seed=0), network(seed=1)
    if compression:
        prepare(one, compression)
        prepare(two, compression)
    load_state(two, save_state(one, tmp_path / "w.safetensors"))
    assert same(one, two)
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_float_file_into_prepared_model(tmp_path: Path) -> None:
    file = save_state(network(seed=3), tmp_path / "w.safetensors")
    config = CompressionConfig(weight_bits=2)
    assert same(load_state(prepare(network(), config), file), prepare(network(seed=3), config))


def test_prepared_file_into_plain_model(tmp_path: Path) -> None:
    file = save_state(prepare(network(), BOTH), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.safetensors: it has '0\.weight_.*Prepare the model"):
        load_state(network(), file)


def test_another_architecture(tmp_path: Path) -> None:
    file = save_state(network(8), tmp_path / "w.safetensors")
    model = network(6)
    before = network(6).state_dict()
    with pytest.raises(InputError, match=r"'0\.bias' has shape \(8,\), the model's \(6,\)"):
        load_state(model, file)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    with pytest.raises(InputError, match="7 tensors are missing"):
        load_state(model, {k: v for k, v in before.items() if k.startswith("0.")})
    with pytest.raises(InputError, match=r"it has '0\.weight', which the model has not"):
        load_state(nn.Linear(2, 2), before)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle(tmp_path: Path, zipped: bool) -> None:
    file = tmp_path / "w.pt"
    torch.save(network().state_dict(), file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"w\.pt: it is a pickle.*weights_only"):
        load_state(network(), file)


def test_header_that_looks_like_a_pickle(tmp_path: Path) -> None:
    # A header of 640 bytes makes a file start with 0x80 0x02, as pickles of protocol 2 do.
    file = save_state(network(), tmp_path / "w.safetensors")
    raw = file.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = raw[8 : 8 + length].rstrip() + b" " * 1000
    file.write_bytes((640).to_bytes(8, "little") + header[:640] + raw[8 + length :])
    assert length <= 640
    load_state(network(), file)


def test_missing_truncated_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_state(network(), tmp_path / "none.safetensors")
    file = save_state(network(), tmp_path / "w.safetensors")
    whole = file.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(InputError, match="no whole safetensors"):
            load_state(network(), file)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(bad: float, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 3))
    broken = nn.Sequential(nn.Linear(2, 3))
    with torch.no_grad():
        broken[0].weight[0, 1] = bad
    before = net[0].weight.clone()
    with pytest.raises(InputError, match=r"bad\.safetensors: 1 of 6 values of '0.weight' are not"):
        load_state(net, save_state(broken, tmp_path / "bad.safetensors"))
    assert torch.equal(net[0].weight, before)


def test_tensors_that_share_memory(tmp_path: Path) -> None:
    model = network()
    model.register_buffer("threshold", torch.ones(()))
    model[1].register_buffer("threshold", model.threshold)
    file = save_state(model, tmp_path / "w.safetensors")
    assert same(load_state(model, file), model)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none" / "w.safetensors"
    with pytest.raises(InputError, match=r"none.w\.safetensors: cannot write"):
        save_state(network(), path)
    assert not list(tmp_path.iterdir())
