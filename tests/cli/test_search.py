"""``leanspike search`` and ``leanspike sweep`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leanspike.cli.main import run

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "timeloop_mapper"
KEYS = {"cycles", "energy_total_pJ", "edp", "mappings_total", "mappings_legal", "seconds"}


def test_search_prints_one_layer_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "published", "--layer", "Dense2", "-a", "event_driven", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) >= KEYS
    assert found["edp"] == pytest.approx(found["energy_total_pJ"] * 1e-12 * found["cycles"])


def test_search_shows_a_table_and_the_front(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "--layer", "Conv5", "-a", "tick_batching", "--objective", "pareto"]
    assert run(arguments) == 0
    assert "trade-offs" in capsys.readouterr().out


@pytest.mark.skipif(not REFERENCE.exists(), reason="needs ../shared/reference/timeloop_mapper")
def test_search_beats_timeloop_on_its_own_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--timeloop", str(REFERENCE / "conv4_rle_w32.yaml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    # timeloop_mapper_best.csv, Conv4, RLE, skipping, weight density 0.32
    assert found["edp"] <= 184.635177
    assert found["mappings_total"] == 24480


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layer", "Conv9"], "no layer 'Conv9'"),
        (["--objective", "speed"], "found 'speed'"),
        (["--statistic", "median"], "expected mean or max"),
        (["-a", "nothing"], "neither a preset nor a file"),
    ],
)
def test_search_refuses_what_it_does_not_know(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", "published", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_sweep_prints_and_writes_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "sweep.yaml", tmp_path / "out.csv"
    file.write_text("architecture: event_driven\nvary:\n  weight_bits: [2, 8]\n")
    assert run(["sweep", str(file), "--out", str(out), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["weight_bits"] for record in records] == [2, 8]
    assert len(out.read_text().splitlines()) == 3


def test_the_best_mapping_fits_80_columns_and_says_out_of_how_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["search", "--layer", "Conv5", "-a", "tick_batching", "--time-limit", "60"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert " legal mappings (" in shown
    assert "J s" in shown
    assert "weight_register  T=" in shown


def test_a_sweep_that_is_stopped_keeps_the_rows_that_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from leanspike.hardware import sweep

    price, calls = sweep.price_many, []

    def interrupted(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return price(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep, "price_many", interrupted)
    monkeypatch.setattr(sweep, "_TOGETHER", 1)
    file, out = tmp_path / "sweep.yaml", tmp_path / "out.csv"
    file.write_text("architecture: event_driven\nvary:\n  weight_bits: [2, 4, 8]\n")
    assert run(["sweep", str(file), "--out", str(out), "--json"]) == 130
    shown = capsys.readouterr()
    assert [record["weight_bits"] for record in json.loads(shown.out)] == [2]
    assert "stopped early: 1 points are done" in shown.err
    assert len(out.read_text().splitlines()) == 2
