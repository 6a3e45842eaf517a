"""A whole search on real rooms, as small as it gets."""

import io

import optuna
import pytest

from leanspike.hardware.price import price
from leanspike.study import Results, StudyFile, run_study
from leanspike.study.work.progress import PlainProgress


def searching(**search):
    return StudyFile(
        name="searching",
        data={"limit": 30, "T": 3},
        network={"channels": 2, "hidden": 8},
        training={"epochs": 1, "warmup_epochs": 0, "lr": 0.01},
        compression={"strategies": [], "epochs": 2, "warmup_epochs": 0},
        hardware={
            "architectures": ["event_driven"],
            "formats": ["RLE"],
            "statistics": ["mean"],
            "assumptions": False,
        },
        search={
            "trainings": 5, "generation": 3, "bits": [2, 8], "sparsity": [0.0, 0.5],
            "calibration": 16, **search,
        },
    )  # fmt: skip


def run(study, out):
    return run_study(study, out=out, jobs=1, progress=PlainProgress(io.StringIO()))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("search")
    return out, run(searching(), out)


def test_as_many_as_asked_are_trained_measured_and_priced(done):
    _, results = done
    float_point, *found = results.priced
    assert float_point.point.strategy == "float"
    assert 3 <= len(found) <= 5
    assert {result.point.strategy for result in found} == {"search"}
    for result in found:
        asked = {layer.name: layer for layer in result.point.layers}
        for layer in result.layers:
            assert layer.bits == asked[layer.name].bits
            assert layer.sparsity >= asked[layer.name].sparsity - 0.5 / layer.weights


def test_every_layer_is_priced_at_its_own_width(done):
    _, results = done
    section = results.file.hardware
    for result in results.priced[1:]:
        workload = result.measured.workload
        assert [layer.bits.weights for layer in workload.layers] == [
            layer.bits for layer in result.point.layers
        ]
        (cost,) = result.costs
        whole = price(workload, section.architectures[0], formats="RLE")
        assert cost.energy_pj == pytest.approx(whole.energy_pj)


def test_the_candidates_are_kept_and_name_their_points(done):
    _, results = done
    trained = [trial for trial in results.search.trials if trial.why_not is None]
    assert [trial.number for trial in trained] == [r.point.number for r in results.priced[1:]]
    for trial, result in zip(trained, results.priced[1:], strict=True):
        chosen = results.search.choices.chosen(trial.allocation)
        assert [(name, o.bits, o.sparsity) for name, o in chosen] == [
            (layer.name, layer.bits, layer.sparsity) for layer in result.point.layers
        ]


def test_optuna_shows_every_candidate_once(done):
    out, results = done
    study = optuna.load_study(
        study_name="searching, search", storage=f"sqlite:///{out / 'study.db'}"
    )
    assert len(study.trials) == len(results.search.trials)
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert sorted(t.values[0] for t in complete) == sorted(
        result.validation_accuracy for result in results.priced[1:]
    )


def test_interrupted_anywhere_it_ends_the_same(done, tmp_path):
    _, results = done

    class StopsEvery(PlainProgress):
        def __init__(self, count):
            super().__init__(io.StringIO())
            self.count = count

        def done(self, finished, total):
            self.count -= 1
            if self.count == 0:
                raise KeyboardInterrupt

    again = None
    while again is None:
        try:
            again = run_study(searching(), out=tmp_path, jobs=1, progress=StopsEvery(6))
        except KeyboardInterrupt:
            continue
    assert [r.point for r in again.points] == [r.point for r in results.points]
    assert [r.right for r in again.points] == [r.right for r in results.points]
    assert [r.measured.sha256 for r in again.points] == [r.measured.sha256 for r in results.points]
    assert again.search == results.search


def test_more_trainings_go_on_from_where_it_ended(done):
    out, results = done
    more = run(searching(trainings=6), out)
    before = {result.key: result for result in results.points}
    added = [result for result in more.points if result.key not in before]
    # the turn of two becomes a turn of three: another proposal, on the same first turn
    assert {r.key for r in more.points} >= set(list(before)[:4])
    assert len(more.priced) >= len(results.priced)
    assert len(added) <= 3


def test_a_budget_holds(tmp_path):
    results = run(searching(method="sensitivity", trainings=2, budget="size <= 200 B"), tmp_path)
    assert Results.load(tmp_path).search is not None
    for result in results.priced[1:]:
        assert result.stored_bits <= 1.1 * 1600
