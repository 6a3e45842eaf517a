"""Running a study: claim a task, do it, keep what came of it, until none is left."""

from __future__ import annotations

import errno
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from leanspike.errors import InputError
from leanspike.study.plan.tasks import Result, Task
from leanspike.study.records import Lookup
from leanspike.study.work.progress import StudyProgress
from leanspike.study.work.store import Store, worker_name

BEAT_SECONDS = 10.0
#: How often an idle worker looks whether another's task is finished.
POLL_SECONDS = 0.5
#: What is kept of an error.
MOST_LINES, MOST_CHARACTERS = 5, 1000


class Epoch(Protocol):
    """An epoch of a training (``leanspike.training.EpochRecord``)."""

    @property
    def epoch(self) -> int:
        """Counted from 0."""


EpochReport = Callable[[Epoch], None]


class Bench(Protocol):
    """What does tasks: :class:`leanspike.study.work.bench.Workbench`, or a stand-in in tests."""

    def run(self, task: Task, *, result_of: Lookup, on_epoch: EpochReport) -> Result:
        """Do one task and return its result."""


@runtime_checkable
class PricingBench(Bench, Protocol):
    """A bench that prices several points at a time."""

    def price(self, tasks: Sequence[Task], *, result_of: Lookup) -> Sequence[Result | InputError]:
        """Do price tasks that are asked the same; in place of a result its error."""

    def make_ready(self) -> None:
        """Do ahead what every price needs once on a machine; called while there is no task."""


@dataclass(frozen=True)
class Outcome:
    """What a worker saw when nothing was left to do."""

    counts: dict[str, int]
    failures: tuple[tuple[str, str], ...]


def work(
    store: Store,
    bench: Bench,
    *,
    progress: StudyProgress,
    retries: int = 1,
    worker: str | None = None,
) -> Outcome:
    """Do a study's tasks until none is left, beside any number of other workers.

    A task that raises is tried again up to `retries` times, and then kept as failed with its
    error; what another try cannot mend, an `InputError` such as a mapping that does not fit or a
    training that diverged, is kept at once. The study goes on with what does not need it. A full
    disk, a database that is gone and an interruption end the work; the task at hand is given back.

    Raises
    ------
    OSError
        When the disk is full or the database cannot be used.
    KeyboardInterrupt
        When interrupted.
    """
    me = worker or worker_name()
    ready = not isinstance(bench, PricingBench)
    looked = -math.inf
    while True:
        if time.monotonic() - looked > BEAT_SECONDS:  # not only once nothing else is left
            store.reclaim()
            looked = time.monotonic()
        task = store.claim(me, together=isinstance(bench, PricingBench))
        if task is None:
            if store.reclaim() or _others_at_work(store):
                if not ready and isinstance(bench, PricingBench):
                    bench.make_ready()
                    ready = True
                else:
                    time.sleep(POLL_SECONDS)
                continue
            return Outcome(store.counts(), tuple(store.failures()))
        tasks = [task]
        if task.kind == "price" and isinstance(bench, PricingBench):
            tasks = store.claim_prices(task, me)
        more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
        progress.doing(f"{task.kind} {task.label}{more}")
        _do(store, bench, tasks, me, progress=progress, retries=retries)
        counts = store.counts()
        progress.done(counts.get("done", 0), sum(counts.values()))


def _others_at_work(store: Store) -> bool:
    return store.counts().get("running", 0) > 0


def _do(
    store: Store,
    bench: Bench,
    tasks: Sequence[Task],
    me: str,
    *,
    progress: StudyProgress,
    retries: int,
) -> None:
    """Do one task, or several prices together."""
    started = time.monotonic()
    keys = [task.key for task in tasks]

    def on_epoch(record: Epoch) -> None:
        store.progressed(keys[0])
        progress.doing(f"{tasks[0].kind} {tasks[0].label}, epoch {record.epoch + 1}")

    def failed(task: Task, error: Exception) -> None:
        certain = isinstance(error, InputError)
        why = str(error) if certain else f"{type(error).__name__}: {error}"
        # An error of SQLAlchemy or torch may run to pages.
        why = "\n".join(why.splitlines()[:MOST_LINES])[:MOST_CHARACTERS]
        again = store.fail(task.key, me, why, retries=0 if certain else retries)
        outcomes = {True: "trying again", False: "giving it up", None: "another worker has it now"}
        progress.say(f"{task.kind} {task.label} failed, {outcomes[again]}: {why}")

    try:
        with _beating(store, keys, me):
            if len(tasks) > 1 and isinstance(bench, PricingBench):
                results = bench.price(tasks, result_of=store.result)
            else:
                results = [bench.run(tasks[0], result_of=store.result, on_epoch=on_epoch)]
        seconds = (time.monotonic() - started) / len(tasks)
        for task, result in zip(tasks, results, strict=True):
            if isinstance(result, InputError):
                failed(task, result)
            else:
                store.finish(task.key, me, result, seconds=seconds)
    except Exception as error:
        if _ends_the_study(error):
            _release_if_possible(store, keys, me)
            raise
        for task in tasks:
            failed(task, error)
    except BaseException:
        _release_if_possible(store, keys, me)
        raise


def _ends_the_study(error: Exception) -> bool:
    """Tell trouble of the machine from trouble of one point."""
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EIO,
    )


def _release_if_possible(store: Store, keys: Sequence[str], me: str) -> None:
    """Give tasks back; where even that cannot be written, a later run reclaims them."""
    try:
        for key in keys:
            store.release(key, me)
    except (OSError, sqlite3.Error):
        return


@contextmanager
def _beating(store: Store, keys: Sequence[str], me: str) -> Iterator[None]:
    """Tell the store now and then, from a thread, that the task is being worked at.

    What dead workers left goes back to all at the same time.
    """
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_SECONDS):
            try:
                for key in keys:
                    store.beat(key, me)
                store.reclaim()
            except OSError:
                # The next beat, or the task's own end, meets the same trouble and reports it.
                continue

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
