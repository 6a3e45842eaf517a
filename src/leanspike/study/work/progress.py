"""What a study tells whoever watches, and the plain lines of a log."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO


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

    def follow(self, where: str | Path) -> None:
        """Show the study in a database from now on."""

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

    def follow(self, where: str | Path) -> None:
        """Need nothing from the database."""

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
