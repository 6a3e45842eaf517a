"""What ``cost``, ``search`` and ``sweep`` share: options that change the model, and following a
search on the terminal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.console import Console

from leanspike.errors import InputError

if TYPE_CHECKING:
    from leanspike.hardware.architecture import Architecture
    from leanspike.hardware.search import SearchProgress, Watch
    from leanspike.hardware.semantics import Semantics

ArchitectureName = Annotated[
    str, typer.Option("--architecture", "-a", help="Architecture: a preset or a YAML file.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change the architecture: levels.buffer.depth=8192. Repeatable."),
]
Flips = Annotated[
    list[str] | None,
    typer.Option("--flip", help="Turn one assumption of the model around. Repeatable."),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(help="Seconds to search for; then the best so far. Ctrl-C does the same."),
]

#: Seconds between two lines where there is no terminal to redraw, and after which the first comes
#: unless there are many mappings.
LINE_SECONDS, FIRST_SECONDS, MANY = 5.0, 1.0, 1_000_000


def changed(name: str, changes: list[str] | None) -> Architecture:
    """Return an architecture with keys changed as ``--set`` asks for.

    Raises
    ------
    InputError
        When a change is not ``key=value``, a key does not exist or a value does not fit it.
    """
    from leanspike.hardware.sweep import varied

    values = {}
    for text in changes or ():
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError(
                f"found {text!r}, expected key=value", where="--set",
                remedy="Such as: --set levels.buffer.depth=8192",
            )  # fmt: skip
        try:
            values[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise InputError(f"{value!r} is no YAML value", where=f"--set {key}") from None
    return varied(name, values)


def flipped(semantics: str, flips: list[str] | None) -> Semantics:
    """Return semantics by name, with switches turned around.

    Raises
    ------
    InputError
        When there is no such preset or switch.
    """
    from leanspike.hardware.semantics import Semantics

    rules = Semantics.preset(semantics)
    for switch in flips or ():
        rules = rules.flipped(switch)
    return rules


@contextmanager
def following(seconds: float | None = None) -> Iterator[Watch]:
    """Follow a search on standard error: a line that is redrawn, or one now and then."""
    from leanspike.hardware.search import Watch

    console = Console(stderr=True)
    following_line = {"at": time.monotonic() + FIRST_SECONDS}
    with console.status("counting mappings") as status:

        def show(progress: SearchProgress) -> None:
            text = searched(progress)
            if console.is_terminal:
                status.update(text)
                return
            now, many = time.monotonic(), not progress.considered and progress.declared > MANY
            if now >= following_line["at"] or many:
                following_line["at"] = now + LINE_SECONDS
                typer.echo(text, err=True)

        watch = Watch(show, seconds=seconds)
        yield watch
    if watch.stopped:
        typer.echo("stopped early: these are the best mappings so far", err=True)


def searched(progress: SearchProgress) -> str:
    """Put a search's progress into one line of at most 80 columns."""
    name = progress.layers[0] + (f" +{len(progress.layers) - 1}" if progress.layers[1:] else "")
    text = f"{progress.number}/{progress.total} {name[:16]}: {progress.declared:,} mappings"
    if progress.considered:
        text += f", {progress.considered:,} seen"
    if progress.energy_pj is not None:
        text += f", best {progress.energy_pj / 1e6:.4g} uJ"
    return text


def one_of(name: str, value: str, known: tuple[str, ...]) -> Any:
    """Return the value of an option, for a parameter that takes only these; refuse others."""
    if value not in known:
        raise InputError(f"found {value!r}, expected {' or '.join(known)}", where=f"--{name}")
    return value
