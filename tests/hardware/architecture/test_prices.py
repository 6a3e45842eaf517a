import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.components import logic_prices, storage_prices
from leanspike.hardware.architecture.components.logic import logic_area, logic_energy, logic_leakage


def value(kind: dict, action: str, **row: object) -> float:
    return storage_prices(kind, technology="45nm", **row).energy[action].value  # type: ignore[arg-type]


def test_the_studys_energy_table_comes_out() -> None:
    """Rows of the shared Timeloop inputs, whose energy tables were made by the same tools."""
    sram = {"class": "sram"}
    assert value(sram, "read", width=64, depth=12800) == pytest.approx(28.3349, abs=0.01)
    assert value(sram, "write", width=64, depth=12800) == pytest.approx(23.4116, abs=0.01)
    own = {"width": 64, "depth": 12800, "metadata": (16, 12800)}
    assert value(sram, "metadata_read", **own) == pytest.approx(8.58559, abs=0.01)
    assert value(sram, "metadata_write", **own) == pytest.approx(6.98555, abs=0.01)
    for depth, read, write in ((32, 0.1858, 0.3057), (224, 0.5725, 0.8777), (24, 0.1484, 0.2443)):
        assert value(sram, "read", width=8, depth=depth) == pytest.approx(read, abs=0.001)
        assert value(sram, "update", width=8, depth=depth) == pytest.approx(write, abs=0.001)
    dram = {"class": "dram", "type": "LPDDR4"}
    assert value(dram, "read", width=64, depth=None) == 512
    area = storage_prices(sram, technology="45nm", width=64, depth=12800).area.value
    assert area == pytest.approx(348624, rel=0.002)


def test_every_price_has_a_source_and_nothing_is_negative() -> None:
    kinds = (
        {"class": "sram", "banks": 2},
        {"class": "registers"},
        {"class": "dram"},
        {"class": "wire", "length_mm": 0.5},
    )
    for kind in kinds:
        prices = storage_prices(kind, technology="28nm", width=16, depth=64)
        for figure in (*prices.energy.values(), prices.area, prices.leakage):
            assert figure.source
            assert figure.value >= 0
        assert prices.energy["skipped_metadata_read"].value == 0


def test_known_small_prices() -> None:
    assert value({"class": "registers"}, "read", width=8, depth=4) == 0.083
    assert value({"class": "wire", "length_mm": 2}, "read", width=1, depth=None) == pytest.approx(
        0.6508
    )
    halves = {"class": "sram", "banks": 2}
    assert value(halves, "read", width=64, depth=2048) == 6.14


def test_logic_scales_by_width_and_adds_up() -> None:
    addcmp = {"class": "logic", "operations": {"add": 2, "compare": 1}}
    prices = logic_prices(addcmp, technology="45nm", bits=16)
    assert prices.energy["compute"].value == pytest.approx(2 * (2 * 0.0604 + 0.0085))
    assert prices.energy["gated_compute"].value == 0
    own = logic_prices({**addcmp, "bits": 8}, technology="45nm", bits=16)
    assert own.energy["compute"].value == pytest.approx(2 * 0.0604 + 0.0085)
    assert logic_energy(45, "multiply", 16).value == pytest.approx(4 * 0.912)
    # The published 32-bit units at 40 nm.
    assert logic_energy(40, "multiply", 32).value == pytest.approx(12.68, rel=0.002)
    assert logic_energy(40, "add", 32).value == pytest.approx(0.21, rel=0.01)
    assert logic_area(40, "multiply", 32).value == 6350
    assert logic_area(20, "multiply", 32).value == pytest.approx(6350 / 4)
    assert logic_leakage("add", 16).value == pytest.approx(1.15)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({}, "component.class: missing"),
        ({"class": "srma"}, "component.class: found 'srma'. Classes: sram"),
        ({"class": "sram", "bnaks": 2}, "component.bnaks: "),
        ({"class": "sram", "kind": "dram"}, "component.kind: unknown key"),
        ({"class": "sram", "banks": 0}, "component.banks: "),
        ({"class": "dram", "type": "LPDR4"}, "component.type: no figure for 'LPDR4'"),
        ({"class": "logic"}, "component.class: found 'logic'. Classes: sram"),
    ],
)
def test_bad_storage_is_named_by_key(described: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        storage_prices(described, technology="45nm", width=64, depth=1024)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"class": "sram"}, "component.class: found 'sram', expected 'logic'"),
        ({"class": "logic"}, "component.operations: missing"),
        ({"class": "logic", "operations": {"divide": 1}}, "component.operations.divide"),
        ({"class": "logic", "operations": {"add": 0}}, "component.operations.add: found 0"),
    ],
)
def test_bad_logic_is_named_by_key(described: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        logic_prices(described, technology="45nm", bits=8)
    assert message in str(caught.value)


def test_a_memory_without_size_needs_one() -> None:
    with pytest.raises(InputError, match="depth: missing"):
        storage_prices({"class": "sram"}, technology="45nm", width=64, depth=None)
