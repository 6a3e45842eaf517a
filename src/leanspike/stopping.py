"""Stopping on Ctrl-C and on SIGTERM, at moments at which it does no harm."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Set for processes that end when the pipe on their stdin does: their parent holds its other end.
FOLLOWS_PARENT = "LEANSPIKE_FOLLOWS_PARENT"


class Terminated(KeyboardInterrupt):
    """SIGTERM, as from a scheduler or ``kill``: what is being done ends as on Ctrl-C."""


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` inside, so that it is handled as Ctrl-C is.

    Does nothing outside the main thread, or where the program handles SIGTERM itself.
    """
    usual = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def held_back() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the end of the block, such as one training step.

    An exception raised in the middle of compiled code's own calls of Python may crash the
    interpreter. A second signal is not held back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    waiting: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if waiting and callable(handler):
            handler(number, frame)
        waiting.append(number)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])


def follow_parent() -> None:
    """End, as on SIGTERM, once the process that started this one is gone; see `FOLLOWS_PARENT`."""
    if os.environ.pop(FOLLOWS_PARENT, None) is None:
        return

    def wait() -> None:
        try:
            while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 4096):
                pass
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
