from pathlib import Path

import pytest
import yaml

from leanspike.hardware.architecture.architecture import Architecture, preset_names
from leanspike.hardware.architecture.components import logic_prices, storage_prices

SHARED = Path(__file__).parents[4] / "shared" / "reference" / "timeloop"


def test_the_promised_presets_are_there() -> None:
    assert set(preset_names()) >= {
        "eyeriss_snn",
        "eyeriss_168",
        "tick_batching",
        "output_stationary",
        "temporal_parallel",
        "event_driven",
    }


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_cites_and_prices(name: str) -> None:
    preset = Architecture.load(name)
    assert preset.name == name
    assert preset.about
    assert preset.source
    assert preset.leaves_out
    for level in preset.levels:
        if not level.keeps:
            assert level.component is None
            continue
        assert level.component is not None
        assert level.width is not None
        rows = level.metadata_rows
        metadata = (rows.width, rows.depth) if rows else None
        prices = storage_prices(
            level.component,
            technology=preset.technology,
            width=level.width,
            depth=level.depth,
            metadata=metadata,
        )
        assert prices.energy["read"].value > 0
    for unit in (preset.compute, preset.neuron):
        if unit is not None:
            assert unit.component is not None
            prices = logic_prices(unit.component, technology=preset.technology, bits=16)
            assert prices.energy["compute"].value > 0


def test_eyeriss_snn_has_the_sizes_of_the_published_cases() -> None:
    preset = Architecture.load("eyeriss_snn")
    assert preset.instances(preset.index("psum_spad")) == 768
    assert preset.levels[preset.index("shared_glb")].depth == 12800


@pytest.mark.skipif(
    not SHARED.exists(), reason="the shared Timeloop cases are not beside this checkout"
)
def test_eyeriss_snn_costs_what_the_published_energy_table_says() -> None:
    with (SHARED / "ey1_conv4_RLE_skip" / "input.yaml").open() as file:
        tables = yaml.safe_load(file)["ERT"]["tables"]
    published = {
        table["name"].split(".")[-1]: {
            action["name"]: action["energy"] for action in table["actions"]
        }
        for table in tables
    }
    preset = Architecture.load("eyeriss_snn")
    for level in preset.levels:
        if level.component is None or level.width is None:
            continue
        prices = storage_prices(
            level.component, technology="45nm", width=level.width, depth=level.depth,
            metadata=(rows.width, rows.depth) if (rows := level.metadata_rows) else None,
        ).energy  # fmt: skip
        for action in ("read", "write"):
            assert prices[action].value == pytest.approx(published[level.name][action], abs=0.01)
    adder = logic_prices({"class": "logic", "operations": {"add": 1}}, technology="45nm", bits=8)
    assert adder.energy["compute"].value == pytest.approx(published["MACs"]["mac_random"], rel=0.01)
