import time
from types import SimpleNamespace

import pytest

import made_up_records as made_up
from leanspike.errors import InputError
from leanspike.study import StudyFile
from leanspike.study.plan.points import Point
from leanspike.study.plan.tasks import Task
from leanspike.study.results.watching import Watcher, seconds_left
from leanspike.study.work.store import Store


def task(kind, state, seconds=None, epochs=None):
    recipe = {} if epochs is None else {"phases": [{"epochs": 99}, {"epochs": epochs}]}
    return SimpleNamespace(kind=kind, state=state, seconds=seconds, recipe=recipe)


def test_trainings_are_counted_by_their_epochs():
    tasks = [
        task("train", "done", 80.0, epochs=8),  # 10 s an epoch
        task("train", "waiting", epochs=4),
        task("train", "waiting", epochs=2),
        task("price", "done", 3.0),
        task("price", "waiting"),
    ]
    assert seconds_left(tasks, workers=1) == pytest.approx(40 + 20 + 3)
    assert seconds_left(tasks, workers=2) == pytest.approx((40 + 20 + 3) / 2)


def test_half_of_what_runs_is_taken_as_done():
    tasks = [task("price", "done", 4.0), task("price", "running")]
    assert seconds_left(tasks, workers=1) == pytest.approx(2.0)


def test_nothing_is_claimed_before_a_training_is_done():
    tasks = [task("price", "done", 4.0), task("train", "waiting", epochs=4)]
    assert seconds_left(tasks, workers=1) is None
    assert seconds_left([], workers=1) is None


def test_a_failed_task_is_not_left():
    tasks = [task("price", "done", 4.0), task("price", "failed")]
    assert seconds_left(tasks, workers=1) == 0


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "study.db", create=True)
    yield made
    made.close()


def test_what_runs_and_where_is_seen(store, tmp_path):
    tasks = [
        Task(f"k{i}", "measure", f"label {i}", None, f"p{i}", Point("float", None, 0.0, i))
        for i in range(3)
    ]
    store.begin(StudyFile(), tasks, data=made_up.data(), provenance=made_up.PROVENANCE)
    first = store.claim("here:1")
    store.claim("there:2")
    store.finish(first.key, "here:1", made_up.Made(), seconds=5.0)
    watcher = Watcher(tmp_path / "study.db")
    seen = watcher.snapshot()
    watcher.close()
    assert (seen.done, seen.failed, seen.total) == (1, 0, 3)
    assert [(one.worker, one.task) for one in seen.running] == [("there:2", "measure label 1")]
    assert 0 <= seen.running[0].quiet < 60
    assert seen.seconds_left == pytest.approx(5.0 + 2.5)


def test_the_front_is_read_again_only_when_points_were_priced(tmp_path, monkeypatch, store):
    from leanspike.study.results import watching

    store.begin(StudyFile(), [], data=made_up.data(), provenance=made_up.PROVENANCE)
    loads = []
    real = watching.Results.load
    monkeypatch.setattr(
        watching.Results, "load", lambda where: (loads.append(time.monotonic()), real(where))[1]
    )
    watcher = Watcher(tmp_path / "study.db")
    for _ in range(3):
        assert watcher.front() == ()
    watcher.close()
    assert len(loads) == 1


def test_no_study_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Watcher(tmp_path / "study.db")
