"""Everything that users get wrong: one error each, with file, key, found and expected."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import price
from leanspike.hardware.workload.workload import Workload

EVERYTHING = ["Weights", "Inputs", "Outputs"]
CHIP: dict[str, Any] = {
    "name": "chip",
    "levels": [
        {"name": "DRAM", "keeps": EVERYTHING, "energy": {"read": 10, "update": 10}},
        {"name": "buffer", "keeps": EVERYTHING, "depth": 64, "width": 16, "energy": {"read": 1}},
    ],
}
NETWORK: dict[str, Any] = {
    "name": "network",
    "layers": [{"name": "conv", "C": 2, "M": 4, "P": 4, "R": 3, "density": {"inputs": 0.1}}],
}


def changed(base: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    data = copy.deepcopy(base)
    change(data)
    return data


def buffer(**keys: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data["levels"][1].update(keys)


def layer(**keys: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data["layers"][0].update(keys)


def written(path: Path, data: object) -> Path:
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (buffer(widht=8), r"^chip.yaml, levels\[1\].widht: unknown key \(did you mean 'width'\?\)"),
        (buffer(word_bits=0), r"^chip.yaml, levels\[1\].word_bits: found 0, expected 1 to 64 bits"),
        (buffer(energy={"read": -1}), r"^chip.yaml, levels\[1\].energy.read: found -1"),
        (buffer(bandwidth={"read": 0}), r"^chip.yaml, levels\[1\].bandwidth.read: found 0"),
        (buffer(formats={"Weights": ["CSR"]}), r"^chip.yaml, levels\[1\].*found 'CSR'.*'RLE'"),
        (buffer(name="DRAM"), "^chip.yaml, levels: the name 'DRAM' twice"),
        (buffer(time={"least": {"C": 4}, "most": {"C": 2}}), "least 4 is larger than most 2"),
        (buffer(time={"dims": ["M"], "factors": {"C": 2}}), "C: has a factor, but is not one of"),
        (lambda d: d.update(levels=[]), "^chip.yaml, levels: found "),
        (lambda d: d.update(neuron={"state": ["nowhere"]}), "no level 'nowhere'. Levels: DRAM"),
    ],
)  # fmt: skip
def test_a_wrong_architecture_is_answered_when_it_is_read(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    written(Path("chip.yaml"), changed(CHIP, change))
    with pytest.raises(InputError, match=message):
        Architecture.load("chip.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (buffer(keeps=["Weigths", "Inputs"]), "^chip.yaml, buffer.keeps: no tensor 'Weigths'"),
        (buffer(component={"class": "srma"}), "^chip.yaml, chip, level buffer.*'srma'. Classes: "),
        (buffer(time={"dims": ["X"]}), "^chip.yaml, conv, buffer time: found the loop 'X', expect"),
        (buffer(time={"factors": {"C": 3}}), "^chip.yaml, conv, map space: no split of C = 2"),
        (buffer(depth=1, width=8), "^chip.yaml, conv, map space: .* by the capacity of buffer"),
    ],
)  # fmt: skip
def test_an_architecture_that_cannot_run_the_layer_is_named(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    written(Path("chip.yaml"), changed(CHIP, change))
    network = Workload.load(written(tmp_path / "network.yaml", NETWORK))
    with pytest.raises(InputError, match=message):
        price(network, "chip.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (layer(density={"inputs": float("nan")}), r"layers\[0\].density.inputs.mean: found nan"),
        (layer(density={"inputs": -0.1}), r"density.inputs.mean: found -0.1: .* equal to 0"),
        (layer(density={"inputs": 1.2}), r"density.inputs.mean: found 1.2: .* equal to 1"),
        (layer(bits={"weights": 0}), r"bits.weights: found 0: .* equal to 1"),
        (layer(C=0), r"layers\[0\].C: found 0"),
        (layer(C=2.5), r"layers\[0\].C: found 2.5: should be a valid integer"),
        (layer(C=10**12), r"layers\[0\].C: found 1000000000000: .* less than or equal to"),
        (layer(C=2**30, M=2**30), r"layers\[0\].bounds: found .* accumulates, expected fewer"),
        (layer(densty={"inputs": 0.1}), r"densty: unknown key \(did you mean 'density'\?\)"),
        (layer(groups=3), r"layers\[0\].groups: 3 groups do not divide C = 2"),
    ],
)
def test_a_wrong_workload_is_answered_when_it_is_read(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    written(Path("network.yaml"), changed(NETWORK, change))
    with pytest.raises(InputError, match="^network.yaml, .*" + message):
        Workload.load("network.yaml")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{last}'] * 10)}]\n"
    for last, one in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "grows beyond 200000 nodes through its aliases"),
        ("name: x\nabout: '" + "x" * 10_500_000 + "'\n", "larger than 4194304 bytes"),
        ("name: chip\nlevels: &l\n  - *l\n", "line 2: refers to itself"),
        ("[" * 20_000 + "]" * 20_000, "nested too deeply"),
        ("!!python/object/apply:os.system ['true']\n", "line 1: not valid YAML: could not"),
        ("name: x\nname: y\n", "line 2: the key 'name' twice"),
        ("", "found None, expected keys and values"),
    ],
    ids=["bomb", "large", "cyclic", "deep", "code", "twice", "empty"],
)
def test_a_file_that_is_no_description_is_refused(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path("chip.yaml").write_text(text)
    with pytest.raises(InputError, match=f"^chip.yaml.*{message}"):
        Architecture.load("chip.yaml")
