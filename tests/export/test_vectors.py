import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from leanspike.compress import CompressionConfig, prepare
from leanspike.errors import InputError
from leanspike.export import FORMATS, Packed, export_integers, integer_network, unpack_weights
from leanspike.nn import NetworkConfig, Neuron, NeuronConfig, build_network


def exported(out: Path, format: str = "dense") -> tuple[object, np.ndarray, dict]:
    net = build_network(NetworkConfig(shape=(2, 12, 12), channels=4, T=3), seed=0)
    with torch.no_grad():
        for name, buffer in net.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(0.02)
    prepare(net, CompressionConfig(weight_bits=2, sparsity=0.6))
    x = np.random.default_rng(0).integers(0, 4, (3, 2, 2, 12, 12))
    network = integer_network(net, torch.as_tensor(x).float())
    path = export_integers(network, x, out, format=format)
    return network, x, json.loads(path.read_text())


def read_words(path: Path, bits: int) -> list[int]:
    """Read as Verilog would: hexadecimal words, two's complement of `bits`."""
    words = [int(line, 16) for line in path.read_text().split()]
    assert all(word < 1 << bits for word in words)
    return [word - (1 << bits) if word >> (bits - 1) else word for word in words]


def test_files_hold_the_network(tmp_path: Path) -> None:
    network, x, manifest = exported(tmp_path)
    golden = np.load(tmp_path / "golden.npz", allow_pickle=False)
    recording = network.run(x)  # type: ignore[attr-defined]
    assert np.array_equal(golden["inputs"], x)
    words = [int(v, 16) for v in (tmp_path / "inputs.mem").read_text().split()]
    assert words == x.ravel().tolist()
    assert manifest["input"]["bits"] == 2
    fired = 0
    for layer, facts in zip(network.layers, manifest["layers"], strict=True):  # type: ignore[attr-defined]
        name = layer.name
        weights = read_words(tmp_path / f"{name}.weights.mem", facts["weight_word_bits"])
        assert weights == layer.weights.ravel().tolist()
        for what in ("bias", "threshold", "reset"):
            read = read_words(tmp_path / f"{name}.{what}.mem", facts["state_bits"])
            assert read == getattr(layer, what).tolist()
        assert np.array_equal(golden[f"{name}.spikes"], recording.spikes[name])
        lines = (tmp_path / f"{name}.spikes.mem").read_text().split()
        flat = recording.spikes[name].reshape(6, -1)
        assert len(lines) == 6
        for line, spikes in zip(lines, flat, strict=True):
            assert [int(line, 16) >> i & 1 for i in range(len(spikes))] == spikes.tolist()
        fired += int(flat.sum())
        most = 2 ** (facts["accumulator_bits"] - 1) - 1
        assert np.abs(golden[f"{name}.accumulated"]).max() <= most
    assert fired > 0


@pytest.mark.parametrize("quantizer", ["xnor", "uniform"])
def test_a_bench_from_the_files_alone_gives_the_golden_spikes(
    tmp_path: Path, quantizer: str
) -> None:
    """Run what the memory files say, with signed inputs and a reset by subtraction."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(9, 6, bias=False), Neuron(NeuronConfig(reset="soft")))
    nn.init.normal_(net[0].weight)
    bits = 1 if quantizer == "xnor" else 5
    prepare(net, CompressionConfig(weight_bits=bits, quantizer=quantizer))
    x = np.random.default_rng(0).integers(-5, 9, (8, 4, 9))
    network = integer_network(net, torch.as_tensor(x).float(), fraction_bits=8)
    manifest = json.loads(export_integers(network, x, tmp_path).read_text())
    assert manifest["input"]["signed"]
    layer = manifest["layers"][0]

    def words(name: str, bits: int) -> np.ndarray:
        return np.array(read_words(tmp_path / f"0.{name}.mem", bits))

    state = layer["state_bits"]
    if bits == 1:
        lines = (tmp_path / "0.weights.mem").read_text().split()
        weights = 2 * np.array([int(line, 16) for line in lines]) - 1
    else:
        weights = words("weights", layer["weight_word_bits"])
    inputs = np.array(read_words(tmp_path / "inputs.mem", manifest["input"]["bits"]))
    sums = inputs.reshape(8, 4, 9) @ weights.reshape(6, 9).T
    assert np.abs(sums).max() < 2 ** (layer["accumulator_bits"] - 1)
    v, fired = np.zeros((4, 6), int) + words("reset", state), []
    for a in sums:
        current = (a << layer["fraction_bits"]) + words("bias", state)
        h = v + ((current - (v - words("reset", state))) * layer["leak"] >> layer["leak_shift"])
        fired.append(h >= words("threshold", state))
        v = np.where(fired[-1], h - words("threshold_step", state), h)
    golden = np.load(tmp_path / "golden.npz")
    assert np.array_equal(np.array(fired), golden["0.spikes"])
    assert 0.05 < np.array(fired).mean() < 0.95


@pytest.mark.parametrize("format", FORMATS)
def test_packed_weights_unpack(tmp_path: Path, format: str) -> None:
    network, _, manifest = exported(tmp_path, format)
    for layer, facts in zip(network.layers, manifest["layers"], strict=True):  # type: ignore[attr-defined]
        file = np.load(tmp_path / f"{layer.name}.weights.npz", allow_pickle=False)
        packed = Packed(
            format=format,
            shape=tuple(facts["weights"]),
            bits=facts["weight_word_bits"],
            metadata=file["metadata"],
            values=file["values"],
            metadata_bits=facts["metadata_bits"],
            stored=facts["stored_weights"],
            field_bits=facts["field_bits"],
            signed=facts["signed"],
            checksum=facts["checksum"],
        )
        assert np.array_equal(unpack_weights(packed), layer.weights)
        assert packed.size_bits == facts["weight_size_bits"]


def test_ternary_takes_two_bits(tmp_path: Path) -> None:
    _, _, manifest = exported(tmp_path)
    for facts in manifest["layers"]:
        assert facts["weight_word_bits"] == 2
        assert facts["weight_size_bits"] == 2 * int(np.prod(facts["weights"]))


def test_unwritable_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    net = prepare(nn.Sequential(nn.Linear(2, 2)), CompressionConfig(weight_bits=2))
    assert net is not None
    with pytest.raises(InputError, match="cannot be written"):
        exported(file / "inside")


@pytest.mark.parametrize("name", ["../../up", "a/b", "..", "", "con\0", "x" * 200, "-\n"])
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    network, x, _ = exported(tmp_path / "sound")
    object.__setattr__(network.layers[0], "name", name)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"layer .*: cannot be a file's name"):
        export_integers(network, x, tmp_path / "inside" / "out")  # type: ignore[arg-type]
    assert not (tmp_path / "inside").exists()


def test_names_that_differ_by_case_alone_are_refused(tmp_path: Path) -> None:
    network, x, _ = exported(tmp_path / "sound")
    first, second = network.layers[:2]  # type: ignore[attr-defined]
    object.__setattr__(second, "name", first.name.upper())
    with pytest.raises(InputError, match="by case alone"):
        export_integers(network, x, tmp_path / "out")  # type: ignore[arg-type]
