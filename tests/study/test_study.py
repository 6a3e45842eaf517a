"""The whole way on real rooms, as small as it gets."""

import io
import json
import time

import optuna
import pytest

from leanspike.errors import InputError
from leanspike.study import Results, StudyFile, join_study, run_study
from leanspike.study.estimate import estimate
from leanspike.study.records import plain
from leanspike.study.results.dashboard import show_in_optuna, shown_meanwhile
from leanspike.study.work.networks import load_study_data
from leanspike.study.work.progress import PlainProgress
from made_up_study import make


@pytest.fixture(scope="module")
def tiny():
    return StudyFile(
        name="tiny",
        data={"limit": 30, "T": 3},
        network={"channels": 2, "hidden": 8},
        training={"epochs": 1, "warmup_epochs": 0, "lr": 0.01},
        compression={
            "strategies": ["quantize", "cumulative"],
            "bits": [2],
            "pruning": [0.5],
            "epochs": 2,
            "warmup_epochs": 0,
        },
        # The event-driven preset has few mappings to search.
        hardware={
            "architectures": ["event_driven"],
            "formats": ["RLE"],
            "statistics": ["mean", "max"],
            "assumptions": False,
        },
    )


def run(study, out):
    shown = io.StringIO()
    return run_study(study, out=out, jobs=1, progress=PlainProgress(shown)), shown.getvalue()


@pytest.fixture(scope="module")
def done(tiny, tmp_path_factory):
    out = tmp_path_factory.mktemp("tiny")
    results, shown = run(tiny, out)
    return out, results, shown


def test_every_point_is_trained_measured_and_priced(done):
    _, results, shown = done
    assert [r.point.name for r in results.priced] == [
        "float-s0",
        "quantize-2b-s0",
        "cumulative-2b-50-s0",
    ]
    # float, quantized, pruned, pruned and quantized; three measured, three priced
    assert "[10/10]" in shown


def test_the_compression_asked_for_is_what_was_measured(done):
    _, results, _ = done
    both = results.points[2]
    assert {layer.bits for layer in both.layers} == {2}
    assert both.sparsity >= 0.5
    weights = sum(layer.weights for layer in both.layers)
    dense = {d.name: d.density.weights.mean for d in both.measured.workload.layers}
    kept = sum(layer.weights * dense[layer.name] for layer in both.layers)
    assert kept / weights == pytest.approx(1 - both.sparsity)


def test_costs_are_positive_and_their_parts_add_up(done):
    _, results, _ = done
    for result in results.priced:
        for cost in result.costs:
            assert cost.cycles > 0
            parts = sum(cost.components.values())
            assert cost.energy_pj == pytest.approx(parts)
            assert cost.edp_js == pytest.approx(cost.energy_pj * 1e-12 * cost.latency_s)
        assert {cost.statistic for cost in result.costs} == {"mean", "max"}


def test_everything_to_reproduce_a_point_is_kept(done):
    out, results, _ = done
    assert results.provenance.packages["torch"]
    assert len(results.data.fingerprint) == 64
    for result in results.points:
        checkpoint = out / result.measured.checkpoint
        assert checkpoint.is_file()
        assert len(result.measured.sha256) == 64
    assert StudyFile.load(out / "study.yaml") == results.file


def test_again_does_nothing_and_changes_nothing(tiny, done):
    out, results, _ = done
    again, shown = run(tiny, out)
    assert shown.count("\n") == 1
    assert again.points == results.points


def test_the_same_study_elsewhere_gives_the_same_results(tiny, done, tmp_path):
    _, results, _ = done
    again, _ = run(tiny, tmp_path)
    for one, other in zip(results.points, again.points, strict=True):
        assert one.right == other.right
        assert one.costs == other.costs
        assert one.measured.sha256 == other.measured.sha256


def test_optuna_shows_every_point_once(done):
    out, results, _ = done
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{out / 'study.db'}")
    assert show_in_optuna(results) == 0
    assert len(study.trials) == 3
    by_key = {trial.user_attrs["leanspike point"]: trial for trial in study.trials}
    for result in results.priced:
        trial = by_key[result.key]
        assert trial.values[0] == result.accuracy
        assert trial.params["strategy"] == result.point.strategy


def test_optuna_shows_a_running_study_too(tiny, done, tmp_path):
    # All but the price of the last point.
    path = make(tmp_path / "study.db", tiny, until=9)
    storage = f"sqlite:///{path}"
    optuna.storages.RDBStorage(storage)  # its tables, which two at once cannot make
    with shown_meanwhile(path, every=0.05):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            names = optuna.get_all_study_names(storage)
            if names and len(optuna.load_study(study_name="tiny", storage=storage).trials) == 2:
                break
    assert [t.values[0] for t in optuna.load_study(study_name="tiny", storage=storage).trials] == [
        result.accuracy for result in Results.load(path).priced
    ]


def test_of_a_study_that_is_done_nothing_is_left(tiny, done):
    out, _, _ = done
    found = estimate(tiny, out=out)
    assert (found.points, found.left, found.seconds, found.disk_bytes) == (3, {}, 0, 0)
    hardware = tiny.hardware.model_copy(update={"formats": ("UBM",)})
    found = estimate(tiny.model_copy(update={"hardware": hardware}), out=out)
    assert found.left == {"price": 3}
    assert found.epochs == 0


def test_a_worker_does_what_is_left(tiny, done, tmp_path):
    _, results, _ = done
    with pytest.raises(KeyboardInterrupt):
        run_study(tiny, out=tmp_path, jobs=1, progress=StopsAfter(4))
    outcome = join_study(tmp_path, progress=PlainProgress(io.StringIO()))
    assert outcome.counts == {"done": 10}
    again = Results.load(tmp_path)
    assert [p.right for p in again.points] == [p.right for p in results.points]


class StopsAfter(PlainProgress):
    """Interrupts after so many tasks."""

    def __init__(self, count):
        super().__init__(io.StringIO())
        self.count = count

    def done(self, finished, total):
        if finished == self.count:
            raise KeyboardInterrupt


def test_a_worker_with_other_data_is_refused(tiny, done, monkeypatch, tmp_path):
    out, _, _ = done
    other = load_study_data(tiny.data.model_copy(update={"limit": 20}))
    monkeypatch.setattr("leanspike.study.run.load_study_data", lambda section: other)
    with pytest.raises(InputError, match=r"fingerprint.*Every worker needs the same recordings"):
        join_study(out)


def test_other_hardware_is_priced_without_training(tiny, done):
    out, results, _ = done
    hardware = tiny.hardware.model_copy(update={"formats": ("CP",), "unquantized_bits": 16})
    again, shown = run(tiny.model_copy(update={"hardware": hardware}), out)
    assert "train" not in shown
    assert "measure" not in shown
    assert shown.count("price") == 1  # all together
    assert {cost.format for point in again.priced for cost in point.costs} == {"CP"}
    assert [point.right for point in again.points] == [point.right for point in results.points]


def test_a_network_that_does_not_fit_the_data_is_refused_before_training(tiny, tmp_path):
    wrong = tiny.model_copy(update={"network": tiny.network.model_copy(update={"name": "tcja",
        "neuron": {"tua": 2.0}})})  # fmt: skip
    with pytest.raises(InputError, match=r"network\.neuron\.tua"):
        run(wrong, tmp_path)
    assert not list(tmp_path.glob("trainings/*"))


def test_the_database_holds_plain_json(done):
    _, results, _ = done
    for result in results.points:
        assert json.loads(json.dumps(plain(result.measured))) == plain(result.measured)
