"""``leanspike worker``: one more process on a study that was begun."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def worker(
    study: Annotated[Path, typer.Argument(help="The study's folder, seen by all workers.")],
    storage: Annotated[
        str | None,
        typer.Option(
            help="postgresql://..., where the study was begun with it.",
            envvar="LEANSPIKE_STORAGE",
            show_envvar=True,
        ),
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Tries again of a task that fails.")] = 1,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a study that is not begun yet.")
    ] = 0,
    network: Annotated[
        str | None,
        typer.Option(help="The study's own network, as it was begun with: nets.py:make_net."),
    ] = None,
    code: Annotated[
        list[str] | None, typer.Option(help="A function the study's training names; repeatable.")
    ] = None,
) -> None:
    """Take tasks of a study until none is left; start as many workers as there are cores to use.

    A task is done by one worker. Those of a worker that dies are taken up by the others.

    Example: leanspike worker runs/study
    """
    from leanspike.stopping import follow_parent
    from leanspike.study import join_study

    follow_parent()
    outcome = join_study(
        study, storage=storage, retries=retries, wait=wait, network=network, code=code or ()
    )
    typer.echo(", ".join(f"{count} {state}" for state, count in sorted(outcome.counts.items())))
    if outcome.failures:
        raise typer.Exit(1)
