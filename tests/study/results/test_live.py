import io

import pytest
from rich.console import Console

import made_up_records as made_up
from leanspike.study import StudyFile
from leanspike.study.plan.tasks import Task
from leanspike.study.records import TrainRecipe
from leanspike.study.results.live import LiveProgress, clock, progress
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.store import Store, worker_name


@pytest.fixture
def where(tmp_path):
    store = Store(tmp_path / "study.db", create=True)
    tasks = [
        Task(f"k{i}", "train", f"label {i}", None, None, TrainRecipe(0, ({"epochs": 1},)))
        for i in range(3)
    ]
    store.begin(StudyFile(), tasks, data=made_up.data(), provenance=made_up.PROVENANCE)
    first = store.claim(worker_name())
    store.finish(first.key, worker_name(), made_up.Made(), seconds=1.0)
    store.claim(worker_name())
    store.claim("elsewhere:7")
    store.close()
    return tmp_path / "study.db"


def shown(where, *, width=100):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    live = LiveProgress(console)
    live.follow(where)
    live.doing("train float, seed 0, epoch 3")
    console.print(live._draw())
    live._watcher.close()
    return console.file.getvalue()


def test_how_far_what_runs_and_time_left_are_shown(where):
    text = shown(where)
    assert "1 of 3 tasks" in text
    assert "about 0 s left" in text
    assert worker_name().partition("@")[0] in text
    assert "train float, seed 0, epoch 3" in text
    assert "elsewhere:7" in text
    assert "train label 2" in text


@pytest.mark.parametrize("width", [30, 60, 200])
def test_it_fits_the_terminal(where, width):
    assert all(len(line) <= width for line in shown(where, width=width).splitlines())


def test_one_line_stays_when_it_ends(where):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    live = LiveProgress(console)
    live.follow(where)
    with live:
        live.say("a line [that] stays")
    text = console.file.getvalue()
    assert "a line [that] stays" in text
    assert "1 of 3 tasks" in text.splitlines()[-1]


def test_a_database_that_is_gone_for_a_moment_stops_nothing(where):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    live = LiveProgress(console)
    live.follow(where)
    where.unlink()
    where.mkdir()
    live.done(1, 3)
    live._draw()
    live._watcher.close()


def test_without_a_terminal_lines_are_printed(monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert isinstance(progress(), PlainProgress)  # pytest captures standard error


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (90000, "25 h 0 min")],
)
def test_times_are_written_as_people_say_them(seconds, text):
    assert clock(seconds) == text
