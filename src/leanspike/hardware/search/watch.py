"""Following a search, and stopping it with the best so far: by a time limit or an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from leanspike.errors import InputError


@dataclass(frozen=True)
class SearchProgress:
    """Where a search is.

    Attributes
    ----------
    layers
        The layers that are searched together, by name.
    number, total
        Which of the searches this is, counted from 1, and how many there are.
    declared
        Mappings that the constraints declare for each layer.
    considered
        Those considered so far; mappings that differ in nothing that costs count once.
    energy_pj, cycles
        Of the first layer's best mapping so far; None before there is one.
    """

    layers: tuple[str, ...]
    number: int
    total: int
    declared: int
    considered: int
    energy_pj: float | None = None
    cycles: float | None = None


class Watch:
    """Follows a search and may end it early.

    An interruption (Ctrl-C) ends it with the best mappings so far instead of an error.

    Parameters
    ----------
    show
        Called as each search begins and after every batch of mappings.
    seconds
        Time limit; what is left of it is shared among the searches still to come. A layer without
        any legal mapping so far is searched on until it has one.
    clock
        Seconds; replaced in tests.

    Attributes
    ----------
    stopped
        Whether something was not searched to its end.
    interrupted
        Whether an interruption was why; what was not begun by then is not searched.
    """

    def __init__(
        self,
        show: Callable[[SearchProgress], None] = lambda progress: None,
        *,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if seconds is not None and not seconds > 0:
            raise InputError(f"{seconds} is not above 0", where="time limit")
        self.show = show
        self.stopped = False
        self.interrupted = False
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds
        self._until = float("inf")

    def begin(self, progress: SearchProgress) -> None:
        """Note that a search begins."""
        if self._end is not None:
            now = self._clock()
            left = progress.total - progress.number + 1
            self._until = now + (self._end - now) / left
        self.show(progress)

    def enough(self, progress: SearchProgress, *, found: bool) -> bool:
        """Show a batch's progress; return whether the search ends here.

        Parameters
        ----------
        found
            Whether every layer has a legal mapping.
        """
        self.show(progress)
        if found and self._clock() >= self._until:
            self.stopped = True
            return True
        return False

    def interrupt(self) -> None:
        """Note an interruption."""
        self.stopped = self.interrupted = True
