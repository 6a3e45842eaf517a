"""Bits of weights that travel: after convert, through files, and read off plain values."""

import copy
import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from leanspike.activity import measure
from leanspike.compress import (
    CompressionConfig,
    convert,
    footprint,
    load_state,
    prepare,
    save_state,
    summary,
)
from leanspike.compress.quantizers import QUANTIZERS
from leanspike.compress.widths import bits_of_values, declared_bits, weight_bits
from leanspike.errors import InputError
from leanspike.hardware.price import price


def network(*, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10, bias=False)
    )


def frames() -> Tensor:
    return (torch.rand(3, 2, 2, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def bits(model: nn.Module) -> list[int]:
    seen = [layer.bits.weights for layer in measure(model, [frames()], step_by_step=True).layers]
    assert seen == [layer.bits for layer in summary(model).layers]
    return seen


CONFIG = CompressionConfig(layer_bits={"0": 4, "3": 2}, layer_sparsity={"3": 0.5})


def test_convert_changes_no_price() -> None:
    model = prepare(network(), CONFIG)
    before = measure(model, [frames()], step_by_step=True)
    size = footprint(model)
    convert(model)
    after = measure(model, [frames()], step_by_step=True)
    assert after == before
    assert price(after, "eyeriss_snn").energy_pj == price(before, "eyeriss_snn").energy_pj
    assert footprint(model) <= size
    assert bits(copy.deepcopy(model)) == [4, 2]


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("kind", sorted(QUANTIZERS))
def test_every_quantizer(kind: str, granularity: str) -> None:
    for wide in (1, 2, 3, 5, 8, 12):
        try:
            config = CompressionConfig(
                weight_bits=wide, quantizer=kind, granularity=granularity, sparsity=0.3
            )
            model = prepare(network(), config)
        except InputError:
            continue  # not a width of this quantizer
        convert(model)
        assert bits(model) == [wide, wide]


def test_training_in_float_ends_it() -> None:
    model = prepare(network(), CONFIG)
    convert(model)
    with torch.no_grad():
        model[3].weight += torch.randn_like(model[3].weight) * 1e-3
    assert bits(model) == [4, 32]


def test_a_file_carries_them(tmp_path: Path) -> None:
    wide = CompressionConfig(weight_bits=12, quantizer="lsq")  # too fine to be read off values
    model = prepare(network(), wide)
    convert(model)
    save_state(model, tmp_path / "w.safetensors")
    assert bits(load_state(network(seed=1), tmp_path / "w.safetensors")) == [12, 12]


def test_other_tools_read_the_file(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model = prepare(network(), CONFIG)
    convert(model)
    save_state(model, tmp_path / "w.safetensors")
    state = load_file(tmp_path / "w.safetensors")
    assert set(state) == {"0.weight", "3.weight"}
    plain = network(seed=1)
    plain.load_state_dict(state, strict=True)
    # Nothing says so, but the values do.
    assert declared_bits(plain[3]) is None
    assert bits(plain)[1] == 2
    assert bits(plain)[0] <= 4


@pytest.mark.parametrize("wide", [2, 3, 4, 8])
@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_against_the_codes_they_were_made_of(
    wide: int, channels: int, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(wide)
    half = 2 ** (wide - 1)
    codes = torch.randint(-half, half, (6, 40), generator=generator)
    codes[:, 0] = -half + 1
    codes[:, 1] = -half
    codes[:, 2] = half - 1
    scale = torch.rand(channels, 1, generator=generator, dtype=dtype) + 0.01
    assert bits_of_values(codes.to(dtype) * scale) == wide


def test_floats_are_floats() -> None:
    torch.manual_seed(0)
    for shape, kind in itertools.product([(64, 64), (8, 3, 3, 3), (1, 40)], [torch.float32]):
        assert bits_of_values(torch.randn(shape, dtype=kind)) == 32
    assert bits_of_values(torch.randn(30, 30).half()) == 16
    assert bits_of_values(torch.randn(30, 30).bfloat16()) == 16
    assert bits_of_values(torch.randn(3, 2).sign()) == 32  # too few to tell
    mixed = torch.randn(64, 40).sign()
    mixed[50] = torch.randn(40)
    assert bits_of_values(mixed) == 32
    assert bits_of_values(torch.zeros(4, 40)) == 32


def test_a_prepared_layer_has_its_quantizers() -> None:
    model = network()
    prepare(model, CompressionConfig(weight_bits=5))
    assert [weight_bits(model[i]) for i in (0, 3)] == [5, 5]
