"""leanspike cost: tables, JSON, Timeloop inputs, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leanspike.cli.main import run
from leanspike.hardware.workload.workload import Layer, Workload

CASES = Path(__file__).parents[3] / "shared" / "reference" / "timeloop"

SMALL = """
name: small
levels:
  - name: DRAM
    keeps: [Weights, Inputs, Outputs]
    component: {class: dram, type: LPDDR4}
    width: 64
    formats: {Inputs: [RLE]}
    time: {outer: [T, M, C], dims: [T, M, C]}
  - name: sums
    keeps: [Outputs]
    component: {class: registers}
    depth: 16
    width: 16
    time: {dims: [C, M]}
compute: {name: adder, component: {class: logic, operations: {add: 1}}}
neuron: {component: {class: logic, operations: {add: 1, compare: 1}}, state: [DRAM]}
"""


@pytest.fixture
def files(tmp_path):
    """A workload of two layers and a small accelerator."""
    density = {"inputs": 0.2, "weights": 0.5}
    layers = [
        Layer(name="one", T=2, C=4, M=4, density=density),
        Layer(name="two", T=2, C=4, M=2, density=density),
    ]
    workload, chip = tmp_path / "net.yaml", tmp_path / "chip.yaml"
    Workload(name="net", layers=layers).save(workload)
    chip.write_text(SMALL)
    return str(workload), str(chip)


def test_json_alone_on_stdout(files, capsys):
    assert run(["cost", files[0], "-a", files[1], "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [layer["name"] for layer in data["layers"]] == ["one", "two"]
    assert data["energy_pj"] == pytest.approx(sum(x["energy_pj"] for x in data["layers"]))
    assert data["energy_by_component"]["neuron"] > 0


def test_tables_and_options(files, capsys):
    arguments = ["--formats", "UBM", "--weight-bits", "2", "--objective", "energy"]
    assert run(["cost", files[0], "-a", files[1], *arguments]) == 0
    shown = capsys.readouterr().out
    assert "one" in shown
    assert "DRAM" in shown


def test_fewer_bits_cost_less(files, capsys):
    energies = []
    for bits in ("8", "2"):
        run(["cost", files[0], "-a", files[1], "--json", "--weight-bits", bits])
        energies.append(json.loads(capsys.readouterr().out)["energy_pj"])
    assert energies[1] < energies[0]


def test_explain_prices_every_switch_the_other_way(files, capsys):
    assert run(["cost", files[0], "-a", files[1], "--json", "--explain"]) == 0
    flips = {f["switch"]: f for f in json.loads(capsys.readouterr().out)["explain"]}
    assert flips["membrane_state"]["now"] is True
    assert flips["membrane_state"]["says"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-a", "nowhere"], "neither a preset nor a file: nowhere"),
        (["--semantics", "real"], "found 'real', expected physical, sparseloop, timeloop2022"),
        (["--formats", "LZ4"], "found 'LZ4'"),
        (["--objective", "fun"], "found 'fun'"),
        (["--statistic", "median"], "found 'median'"),
        (["--weight-bits", "0"], "weights: found 0"),
        (["--timeloop", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_errors_are_one_line_with_status_two(files, capsys, arguments, message):
    assert run(["cost", files[0], "-a", files[1], *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_component_that_cannot_be_priced_names_its_level(files, tmp_path, capsys):
    chip = tmp_path / "sizeless.yaml"
    chip.write_text(SMALL.replace("    depth: 16\n", ""))
    assert run(["cost", files[0], "-a", str(chip)]) == 2
    assert "small, level sums.depth: missing" in capsys.readouterr().err


@pytest.mark.skipif(not CASES.exists(), reason="the reference cases are not here")
def test_a_timeloop_input_with_its_own_mapping(capsys):
    path = CASES / "mm02_dense_4pe" / "input.yaml"
    arguments = ["cost", "--timeloop", str(path), "--semantics", "sparseloop", "--json"]
    assert run(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["cycles"] == 1024
    assert data["energy_total_pJ"] == pytest.approx(60189.86, abs=0.02)


def cost_of(files, capsys, *arguments):
    assert run(["cost", files[0], "-a", files[1], "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_switch_is_turned_around(files, capsys):
    explained = cost_of(files, capsys, "--explain")["explain"]
    wanted = next(flip for flip in explained if flip["switch"] == "membrane_state")
    found = cost_of(files, capsys, "--flip", "membrane_state")
    assert found["energy_pj"] == pytest.approx(wanted["energy_pj"])
    assert "membrane_state=False" in found["semantics"]


def test_the_architecture_is_changed_by_key(files, tmp_path, capsys):
    chip = tmp_path / "wide.yaml"
    chip.write_text(SMALL.replace("width: 64", "width: 32"))
    assert run(["cost", files[0], "-a", str(chip), "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)["energy_pj"]
    found = cost_of(files, capsys, "--set", "levels.DRAM.width=32")["energy_pj"]
    assert found == wanted != cost_of(files, capsys)["energy_pj"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--flip", "gravity"], "no switch 'gravity'"),
        (["--set", "levels.DRAM.width"], "--set: found 'levels.DRAM.width', expected key=value"),
        (["--set", "levels.DRAN.width=8"], "did you mean 'DRAM'?"),
        (["--set", "levels.DRAM.width=broad"], "levels.DRAM.width = broad"),
        (["--time-limit", "0"], "time limit: 0.0 is not above 0"),
    ],
)
def test_changes_that_do_not_fit_are_named(files, capsys, arguments, message):
    assert run(["cost", files[0], "-a", files[1], *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--explain"], ["--formats", "RLE"]])
def test_tables_fit_80_columns_and_give_edp_in_j_s(arguments, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["cost", "published", "-a", "event_driven", *arguments]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "EDP J s" in shown
    assert "…" not in shown


def test_a_given_mapping_is_priced_instead_of_the_best(files, tmp_path, capsys):
    best = cost_of(files, capsys)
    kept = tmp_path / "best.json"
    kept.write_text(json.dumps(best))
    again = cost_of(files, capsys, "--mapping", str(kept))
    assert again["energy_pj"] == pytest.approx(best["energy_pj"])
    assert [x["mapping"] for x in again["layers"]] == [x["mapping"] for x in best["layers"]]
    plain = tmp_path / "mine.yaml"
    plain.write_text("one: [T=2 M=4 C=4, '']\ntwo: [T=2 M=2 C=4, '']\n")
    mine = cost_of(files, capsys, "--mapping", str(plain))
    assert mine["energy_pj"] * mine["cycles"] >= best["energy_pj"] * best["cycles"]
    plain.write_text("one: [T=2 M=4 C=4, '']\n")
    assert run(["cost", files[0], "-a", files[1], "--mapping", str(plain)]) == 2
    assert "no mapping for layer 'two'" in capsys.readouterr().err
