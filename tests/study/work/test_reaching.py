from __future__ import annotations

import json

import pytest

from leanspike.activity import measure
from leanspike.cli import main
from leanspike.compress import summary
from leanspike.errors import InputError
from leanspike.hardware.price import price
from leanspike.study.file.study_file import DataSection, NetworkSection, TrainingSection
from leanspike.study.work import reaching
from leanspike.study.work.model_folder import Model, train_model
from leanspike.study.work.networks import frame_batches
from leanspike.study.work.reaching import LADDER, parse_goal, reach


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("float")
    train_model(
        DataSection(limit=60, T=3), NetworkSection(channels=4, hidden=16),
        TrainingSection(epochs=2), out=folder, seed=0,
    )  # fmt: skip
    return folder


@pytest.fixture
def prices(monkeypatch):
    """An inference costs a pJ for each weight that is left: pricing itself has its own tests."""

    def costs(net, data, architecture, weight_bits, accelerator):
        left = sum((1 - x.sparsity) * x.weights for x in summary(net).layers)
        return {"energy": left, "latency": left, "size": left}

    monkeypatch.setattr(reaching, "_costs", costs)


def reached(trained, text, out, **options):
    model = Model.load(trained)
    return reach(model, parse_goal(text), out=out, recipe="one-shot", **options)


@pytest.mark.usefixtures("prices")
def test_it_stops_at_the_first_that_keeps_the_budget(trained, tmp_path):
    seen = []
    everything = reached(trained, "energy <= 1 pJ", tmp_path / "all", on_rung=seen.append)
    assert [rung.target for rung in everything.rungs] == [None, *LADDER]
    assert "nearest is" in everything.why_not
    assert seen == list(everything.rungs)
    third = seen[3].costs["energy"] + 0.5
    found = reached(trained, f"energy <= {third} pJ", tmp_path / "third")
    first = next(rung for rung in seen[1:] if rung.costs["energy"] <= third)
    assert found.why_not is None
    assert found.chosen == first
    # What is kept in the folder is that network.
    kept = Model.load(tmp_path / "third")
    pruned = sum(x.pruned * x.weights for x in summary(kept.net).layers)
    assert round(pruned) == round(first.target.sparsity * summary(kept.net).weights)


@pytest.mark.usefixtures("prices")
def test_no_more_is_lost_than_allowed(trained, tmp_path):
    found = reached(trained, "energy <= 1 pJ, lose at most 0 points", tmp_path)
    start = found.rungs[0].accuracy
    assert found.chosen.accuracy >= start or found.chosen.target is None
    assert all(rung.accuracy >= start for rung in found.rungs[:-1])
    if found.rungs[-1].accuracy < start:
        assert f"{found.rungs[-1].target} loses" in found.why_not


@pytest.mark.usefixtures("prices")
def test_a_budget_that_the_float_network_keeps_is_named(trained, tmp_path):
    with pytest.raises(InputError, match="float network keeps it already"):
        reached(trained, "energy <= 1 J, size <= 1 MB", tmp_path)


@pytest.mark.slow
def test_its_costs_are_those_of_the_commands(trained, tmp_path):
    """Priced by the steps, one by one: measured on the validation split, then priced."""
    found = reached(trained, "energy <= 1 mJ, size <= 1 kB", tmp_path)
    kept = Model.load(tmp_path)
    workload = measure(kept.net, frame_batches(kept.load_data().validation, 32), name="kept")
    cost = price(workload, "eyeriss_snn", formats="RLE")
    assert found.chosen.costs["energy"] == cost.energy_pj
    assert found.chosen.costs["latency"] == cost.latency_s
    assert found.rungs[0].costs["size"] == 8 * summary(kept.net).weights


@pytest.mark.parametrize("text", ["lose at most 1 point", "energy <= 3 parsec", "lose a lot"])
def test_a_goal_that_says_nothing_is_one_error(text):
    with pytest.raises(InputError):
        parse_goal(text)


@pytest.mark.usefixtures("prices")
def test_the_command_says_the_nearest_and_fails(trained, tmp_path, capsys):
    line = ["compress", str(trained), "--reach", "energy <= 1 pJ", "--recipe", "one-shot", "--json"]
    assert main.run([*line, "--out", str(tmp_path / "a")]) == 1
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert result["reached"] is False
    assert "nearest is" in shown.err
    assert (tmp_path / "a" / "model.yaml").exists()
