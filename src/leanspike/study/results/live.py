"""The live view of a study on a terminal: how far it is, what runs, and the front so far."""

from __future__ import annotations

import time
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from leanspike.errors import InputError
from leanspike.study.results.tables import Row, digits
from leanspike.study.results.watching import Running, Snapshot, Watcher
from leanspike.study.work.progress import PlainProgress, StudyProgress
from leanspike.study.work.store import worker_name


def progress() -> StudyProgress:
    """Return the live view where standard error is a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return PlainProgress()
    return LiveProgress(console)


#: The database is read so often.
REFRESH_SECONDS = 1.0
#: Rows of the front, and of workers, that are shown.
MOST_ROWS = 8


class LiveProgress:
    """A view that redraws itself on a terminal, from the study's database."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._me = worker_name()
        self._started = time.monotonic()
        self._now = ""
        self._watcher: Watcher | None = None
        self._read_at = 0.0
        self._snapshot: Snapshot | None = None
        self._front: tuple[Row, ...] = ()
        self._live = Live(
            get_renderable=self._draw, console=console, refresh_per_second=2, transient=True
        )

    def __enter__(self) -> LiveProgress:
        """Begin to show."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing, leaving one line of what was done."""
        self._live.stop()
        self._read_at = 0.0
        self._refresh()
        if self._snapshot is not None:
            self._console.print(_heading(self._snapshot, self._elapsed()))
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def follow(self, where: str | Path) -> None:
        """Show the study in a database from now on."""
        self._watcher = Watcher(where)

    def say(self, text: str) -> None:
        """Print a line above the view."""
        self._console.print(text, highlight=False, markup=False)

    def doing(self, text: str) -> None:
        """Say what this process does, with its epoch."""
        self._now = text

    def done(self, finished: int, total: int) -> None:
        """Read the study again at the next redrawing."""
        self._read_at = 0.0

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _refresh(self) -> None:
        if self._watcher is None or time.monotonic() - self._read_at < REFRESH_SECONDS:
            return
        try:
            self._snapshot = self._watcher.snapshot()
            self._front = self._watcher.front()
        except (OSError, InputError):
            # A database that is gone for a moment is the worker's to report; the view waits.
            pass
        self._read_at = time.monotonic()

    def _draw(self) -> RenderableType:
        self._refresh()
        if self._snapshot is None:
            return Text(self._now or "starting")
        parts: list[RenderableType] = [
            _heading(self._snapshot, self._elapsed()),
            _bar(self._snapshot),
            self._workers(self._snapshot.running),
        ]
        if self._front:
            parts.append(_front_table(self._front))
        return Group(*parts)

    def _workers(self, running: tuple[Running, ...]) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        for one in running[:MOST_ROWS]:
            mine = one.worker == self._me
            quiet = f"  (silent for {one.quiet:.0f} s)" if one.quiet > 30 and not mine else ""
            task = self._now if mine and self._now else one.task
            table.add_row(one.worker.partition("@")[0], Text(task + quiet))
        if len(running) > MOST_ROWS:
            table.add_row("", f"and {len(running) - MOST_ROWS} more")
        return table


def _bar(snapshot: Snapshot) -> Table:
    grid = Table.grid()
    grid.add_column(max_width=60)
    grid.add_row(ProgressBar(total=snapshot.total, completed=snapshot.done, width=60))
    return grid


def _heading(snapshot: Snapshot, elapsed: float) -> Text:
    parts = [f"{snapshot.done} of {snapshot.total} tasks", f"{clock(elapsed)} so far"]
    if snapshot.done + snapshot.failed < snapshot.total:
        left = snapshot.seconds_left
        parts.append("time left not known yet" if left is None else f"about {clock(left)} left")
    if snapshot.failed:
        parts.append(f"{snapshot.failed} failed")
    return Text(", ".join(parts), style="bold")


def _front_table(front: tuple[Row, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, title="front so far", title_justify="left", pad_edge=False)
    table.add_column("setting", no_wrap=True)
    for name in ("accuracy %", "energy µJ", "weights kB"):
        table.add_column(name, justify="right")
    # The most accurate ones are what a reader waits for.
    for row in sorted(front, key=lambda one: -one.accuracy.mean)[:MOST_ROWS]:
        table.add_row(
            row.setting.name,
            f"{100 * row.accuracy.mean:.2f}",
            digits(row.energy_pj.mean * 1e-6, 4),
            digits(row.stored_bits.mean / 8000),
        )
    if len(front) > MOST_ROWS:
        table.caption = f"and {len(front) - MOST_ROWS} less accurate ones"
    return table


def clock(seconds: float) -> str:
    """Write a time as people say it.

    >>> clock(42), clock(150), clock(7300), clock(1e6)
    ('42 s', '2 min 30 s', '2 h 1 min', '11 days 13 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"
