"""Sweeps against pricing each point by itself."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import price
from leanspike.hardware.sweep import Sweep, run_sweep
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.workload import Workload

CHIP = {
    "name": "chip",
    "levels": [
        {"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"], "width": 64,
         "component": {"class": "dram", "type": "LPDDR4"}},
        {"name": "buffer", "keeps": ["Weights", "Inputs", "Outputs"], "width": 16, "depth": 256,
         "component": {"class": "sram"}, "fanout": {"x": 4}, "x": {"dims": ["M"]}},
    ],
    "compute": {"energy": {"compute": 0.1}},
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    chip, network = tmp_path / "chip.yaml", tmp_path / "network.yaml"
    chip.write_text(yaml.safe_dump(CHIP))
    layers = (Layer(name="a", C=8, M=4, T=2), Layer(name="b", C=4, M=16))
    Workload(name="net", layers=layers).save(network)
    return chip, network


def test_every_point_costs_what_price_says(files: tuple[Path, Path]) -> None:
    chip, network = files
    sweep = Sweep(
        architecture=str(chip),
        workloads=(str(network),),
        vary={"levels.buffer.depth": {"from": 64, "to": 256, "times": 2}, "weight_bits": [2, 8]},
    )
    done: list[tuple[int, int]] = []
    table = run_sweep(sweep, lambda now, total: done.append((now, total)))
    assert len(table.rows) == 6
    assert done[-1] == (6, 6)
    for row in table.rows:
        data = {**CHIP, "levels": [dict(level) for level in CHIP["levels"]]}  # type: ignore[attr-defined]
        data["levels"][1]["depth"] = row.point["levels.buffer.depth"]  # type: ignore[index]
        alone = price(
            Workload.load(network), Architecture(**data), weight_bits=row.point["weight_bits"]
        )
        assert row.cost is not None
        assert row.cost.energy_pj == pytest.approx(alone.energy_pj, rel=1e-12)
        assert row.cost.cycles == alone.cycles


def test_the_front_and_the_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    chip, network = files
    sweep = Sweep(
        architecture=str(chip), workloads=(str(network),),
        vary={"levels.buffer.fanout.x": [1, 2, 4]},
    )  # fmt: skip
    table = run_sweep(sweep)
    front = table.front()
    assert front
    for row in table.rows:
        ours = row.metrics()
        beaten = any(
            other.metrics()["energy_uj"] <= ours["energy_uj"]
            and other.metrics()["latency_ms"] < ours["latency_ms"]
            for other in table.rows
        )
        assert not (beaten and row in front)
    table.to_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        records = list(csv.DictReader(file))
    assert [record["levels.buffer.fanout.x"] for record in records] == ["1", "2", "4"]
    with pytest.raises(InputError, match="found 'speed', expected some of energy_uj"):
        table.front(["speed"])  # type: ignore[list-item]


def test_a_point_without_a_mapping_says_why(files: tuple[Path, Path]) -> None:
    chip, network = files
    sweep = Sweep(
        architecture=str(chip), workloads=(str(network),), vary={"levels.buffer.depth": [1, 256]}
    )
    small, large = run_sweep(sweep).rows
    assert small.cost is None
    assert "capacity of buffer" in str(small.error)
    assert large.cost is not None


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"levels.bufer.depth": [1]}, "did you mean 'buffer'"),
        ({"levels.buffer.dept": [1]}, "levels.buffer.dept = 1: .*unknown key"),
        ({"levels.buffer.depth": [-1]}, "levels.buffer.depth = -1"),
        ({"formats": ["ZIP"]}, "found 'ZIP'"),
        ({"statistic": ["median"]}, "found 'median', expected mean or max"),
    ],
)
def test_a_key_or_value_that_does_not_fit_is_named(
    files: tuple[Path, Path], vary: dict[str, list[object]], message: str
) -> None:
    chip, network = files
    with pytest.raises(InputError, match=message):
        run_sweep(Sweep(architecture=str(chip), workloads=(str(network),), vary=vary))
