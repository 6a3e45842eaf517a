import errno
import io
import threading
import time
from pathlib import Path

import pytest
from killing import kill_until_done, larger, lines, results_of, start_workers

import made_up_records as made_up
from leanspike.errors import InputError
from leanspike.files import WriteError
from leanspike.study import grid
from leanspike.study.plan.tasks import plan
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.store import worker_name
from leanspike.study.work.worker import POLL_SECONDS, work


def quiet():
    return PlainProgress(io.StringIO())


@pytest.fixture
def store(tmp_path, study, begin):
    return begin(tmp_path / "study.db", study)


def test_every_task_is_done_once_with_what_it_needs(store, tasks, bench):
    doing = bench()
    outcome = work(store, doing, progress=quiet())
    assert doing.ran == [task.key for task in tasks]
    assert outcome.counts == {"done": len(tasks)}
    for task in tasks:
        assert store.result(task.key, made_up.Made) == made_up.Made(task.key, task.needs)


def test_a_failing_task_is_tried_again_and_the_rest_goes_on(store, tasks, bench):
    shown = io.StringIO()
    doing = bench(wrong={"quantize, 2 bits, seed 0": RuntimeError("out of memory")})
    outcome = work(store, doing, progress=PlainProgress(shown), retries=2)
    failed = next(task for task in tasks if task.label == "quantize, 2 bits, seed 0")
    assert doing.ran.count(failed.key) == 3
    assert outcome.failures == (("train quantize, 2 bits, seed 0", "RuntimeError: out of memory"),)
    # only its measurement and price are left
    assert outcome.counts == {"done": len(tasks) - 3, "failed": 1, "waiting": 2}
    assert "trying again" in shown.getvalue()
    assert "giving it up" in shown.getvalue()


def test_a_point_that_cannot_be_done_is_a_result_and_the_others_go_on(store, tasks, bench):
    shown = io.StringIO()
    wrong = {"quantize, 2 bits, seed 0": InputError("the training diverged", remedy="Lower lr")}
    doing = bench(wrong=wrong)
    outcome = work(store, doing, progress=PlainProgress(shown), retries=2)
    failed = next(task for task in tasks if task.label == "quantize, 2 bits, seed 0")
    assert doing.ran.count(failed.key) == 1  # another try could not mend it
    assert outcome.failures == (
        ("train quantize, 2 bits, seed 0", "the training diverged. Lower lr"),
    )
    assert outcome.counts == {"done": len(tasks) - 3, "failed": 1, "waiting": 2}
    assert "giving it up: the training diverged" in shown.getvalue()


def test_an_error_of_pages_is_kept_in_lines(store, bench):
    wrong = {"quantize, 2 bits, seed 0": RuntimeError("first\n" + "SQL\n" * 1000)}
    outcome = work(store, bench(wrong=wrong), progress=quiet(), retries=0)
    assert outcome.failures[0][1].splitlines() == ["RuntimeError: first", *["SQL"] * 4]


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        OSError(errno.ENOSPC, "full"),
        WriteError(Path("study.db"), OSError(errno.ENOSPC, "full")),
    ],
)
def test_what_ends_the_study_gives_the_task_back(store, tasks, bench, error):
    wrong = {"quantize, 2 bits, seed 0": error}
    with pytest.raises(type(error)):
        work(store, bench(wrong=wrong), progress=quiet())
    assert store.counts()["waiting"] == len(tasks) - 3
    doing = bench()
    work(store, doing, progress=quiet())
    assert len(doing.ran) == len(tasks) - 3


def test_workers_side_by_side_share_the_work(tmp_path, study, begin, tasks):
    store = begin(tmp_path / "study.db", study)
    log = tmp_path / "log"
    for worker in start_workers(tmp_path / "study.db", log, count=3):
        assert worker.wait(timeout=60) == 0
    assert sorted(log.read_text().split()) == sorted(task.key for task in tasks)
    assert store.counts() == {"done": len(tasks)}


@pytest.mark.parametrize("kills", [20, pytest.param(40, marks=pytest.mark.slow)])
def test_killed_at_random_moments_nothing_finished_is_lost_or_done_twice(
    tmp_path, study, begin, kills
):
    study = larger(study)
    store = begin(tmp_path / "study.db", study)
    kill_until_done(store, study, tmp_path / "log", kills=kills, more=2)


class PricingFake:
    """A bench that notes which prices it was given together."""

    def __init__(self, bench, wrong=()):
        self.bench, self.groups, self.wrong = bench, [], set(wrong)
        self.readied = 0

    def make_ready(self):
        self.readied += 1

    def run(self, task, *, result_of, on_epoch):
        if task.kind == "price":
            self.groups.append([task.label])
        return self.bench.run(task, result_of=result_of, on_epoch=on_epoch)

    def price(self, tasks, *, result_of):
        self.groups.append([task.label for task in tasks])
        return [
            InputError("no mapping", where=task.label)
            if task.label in self.wrong
            else self.bench.run(task, result_of=result_of, on_epoch=None)
            for task in tasks
        ]


def test_prices_are_done_together_and_the_first_at_once(tmp_path, study, begin, bench):
    store = begin(tmp_path / "study.db", study)
    fake = PricingFake(bench())
    outcome = work(store, fake, progress=PlainProgress(io.StringIO()))
    assert set(outcome.counts) == {"done"}
    assert [len(group) for group in fake.groups] == [1, 6, 3]
    labels = [label for group in fake.groups for label in group]
    assert len(labels) == len(set(labels)) == 10
    # The first is priced before anything else is trained.
    assert fake.bench.ran.index(next(k for k in fake.bench.ran if k.startswith("price"))) == 2


def test_a_worker_without_a_task_makes_ready_once(tmp_path, study, begin, bench):
    store = begin(tmp_path / "study.db", study)
    held = list(iter(lambda: store.claim("another:1"), None))  # all that can be begun
    fake = PricingFake(bench())
    idle = threading.Thread(target=work, args=(store, fake), kwargs={"progress": quiet()})
    idle.start()
    until = time.monotonic() + 30
    while fake.readied == 0 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(2.5 * POLL_SECONDS)
    assert (fake.readied, fake.groups) == (1, [])
    for task in held:
        store.release(task.key, "another:1")
    idle.join(timeout=60)
    assert set(store.counts()) == {"done"}
    assert fake.readied == 1


def test_of_prices_done_together_only_the_wrong_one_fails(tmp_path, study, begin, bench):
    store = begin(tmp_path / "study.db", study)
    fake = PricingFake(bench(), wrong={"quantize-4b-s1"})
    outcome = work(store, fake, progress=PlainProgress(io.StringIO()))
    assert outcome.counts["failed"] == 1
    assert [label for label, _ in outcome.failures] == ["price quantize-4b-s1"]


def dead_worker():
    """A worker on this machine that is gone: this process's number, started earlier."""
    return f"{worker_name().rpartition('-')[0]}-1"


def test_a_dead_workers_task_is_taken_before_what_comes_later(store, tasks, bench):
    store.claim(dead_worker())
    doing = bench()
    work(store, doing, progress=quiet())
    assert doing.ran == [task.key for task in tasks]


def test_a_busy_worker_gives_back_what_a_dead_one_left(store, tasks, bench, monkeypatch):
    monkeypatch.setattr("leanspike.study.work.worker.BEAT_SECONDS", 0.01)
    doing, waited = bench(), []

    class Busy:
        def run(self, task, **given):
            if not waited:
                before = store.counts()["waiting"]
                store.claim(dead_worker())
                end = time.monotonic() + 60  # a hang, not a measure
                while store.counts()["waiting"] < before:
                    assert time.monotonic() < end
                    time.sleep(0.01)
                waited.append(task)
            return doing.run(task, **given)

    work(store, Busy(), progress=quiet())
    assert doing.ran == [task.key for task in tasks]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_points_are_shared_by_four_workers(tmp_path, study, begin):
    pruning = tuple(i / 50 for i in range(1, 42))
    study = larger(study)
    compression = study.compression.model_copy(update={"pruning": pruning})
    study = study.model_copy(update={"compression": compression})
    assert len(grid(study)) >= 1000
    store = begin(tmp_path / "study.db", study)
    for process in start_workers(store.where, tmp_path / "log", count=4):
        assert process.wait(timeout=1500) == 0
    wanted = plan(study, fingerprint="f" * 64)
    assert sorted(lines(tmp_path / "log")) == sorted(task.key for task in wanted)
    assert results_of(store) == {
        task.key: {"key": task.key, "given": task.needs} for task in wanted
    }
