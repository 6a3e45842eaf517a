"""Showing how far a study is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class StudyProgress(Protocol):
    """What a study tells whoever watches."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop showing."""
        ...

    def say(self, text: str) -> None:
        """Show one line that stays."""

    def doing(self, text: str) -> None:
        """Show what is being done now."""

    def done(self, finished: int, total: int) -> None:
        """Show how many tasks are finished."""


class PlainProgress:
    """One line per finished task, for logs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._now = ""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""

    def say(self, text: str) -> None:
        """Print one line."""
        print(text, file=self._stream, flush=True)

    def doing(self, text: str) -> None:
        """Remember what is being done, to name it once it is done."""
        self._now = text

    def done(self, finished: int, total: int) -> None:
        """Print the count, the time so far and what was done."""
        elapsed = time.monotonic() - self._started
        self.say(f"[{finished}/{total}] {elapsed:6.0f} s  {self._now}")


class BarProgress:
    """A bar with the time left, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("study", total=None)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""
        self._bar.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, highlight=False)

    def doing(self, text: str) -> None:
        """Name the task beside the bar."""
        self._bar.update(self._task, description=text)

    def done(self, finished: int, total: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=finished, total=total)


def progress() -> StudyProgress:
    """Return the bar where standard error is a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    return BarProgress(console) if console.is_terminal else PlainProgress()
