"""The table of sub-commands: what each is for and which module holds it.

A module is imported only when its command is called, so that ``leanspike cost`` never pays for
torch and a command whose optional packages are missing does not stop the others.


The ``leanspike`` command: finds the sub-command, and turns errors into one message.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer

from leanspike import __version__
from leanspike.errors import InputError
from leanspike.stopping import Terminated, stopping_on_sigterm


@dataclass(frozen=True)
class Command:
    """A sub-command: ``module`` holds a function or a ``typer.Typer`` named as the command.

    A hyphen in the name is an underscore in the attribute.
    """

    name: str
    module: str
    summary: str

    def load(self) -> Any:
        """Import the module and return the command's function or group."""
        return getattr(import_module(self.module), self.name.replace("-", "_"))


COMMANDS: tuple[Command, ...] = (
    Command("study", "leanspike.cli.study", "Train, compress, measure and price a whole grid."),
    Command("worker", "leanspike.cli.worker", "Work on a study beside other workers."),
    Command("report", "leanspike.cli.report", "Build the HTML report of a study's results."),
    Command("results", "leanspike.cli.results", "Show or export a study's results."),
    Command("diff", "leanspike.cli.results", "Compare two studies."),
    Command("extract", "leanspike.cli.extract", "Take a setting's network out of a study."),
    Command("check", "leanspike.cli.check", "Check a study against requirements."),
    Command("reproduce", "leanspike.cli.reproduce", "Judge the published study's claims."),
    Command("train", "leanspike.cli.train", "Train one float network."),
    Command("compress", "leanspike.cli.compress", "Quantize and prune a trained network."),
    Command("profile", "leanspike.cli.profile", "Measure a network's activity as a workload."),
    Command("cost", "leanspike.cli.cost", "Price a workload on an accelerator."),
    Command("search", "leanspike.cli.search", "Find the best mapping of a layer."),
    Command("sweep", "leanspike.cli.search", "Price variants of an architecture."),
    Command("data", "leanspike.cli.data", "Turn recordings into frames, and describe them."),
    Command("presets", "leanspike.cli.presets", "List what can be given by name."),
)


#: The extra that brings each optional package (see pyproject.toml).
_EXTRAS = {
    "torch": "train",
    "lightning": "train",
    "tonic": "train",
    "safetensors": "train",
    "sklearn": "train",
    "optuna": "study",
    "sqlalchemy": "study",
    "pyarrow": "study",
    "pandas": "study",
    "psycopg": "postgres",
    "plotly": "report",
    "jinja2": "report",
    "nir": "interop",
    "nirtorch": "interop",
}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"leanspike {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="And exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; works anywhere.")
    ] = False,
) -> None:
    """Find out what quantizing and pruning a spiking neural network's weights buys on hardware.

    Example: leanspike study --out runs/first
    """


def _placeholder(command: Command) -> Callable[[], None]:
    def described() -> None:
        pass

    described.__doc__ = command.summary
    return described


def build_app(wanted: str | None = None) -> typer.Typer:
    """Return the application with every command listed and only ``wanted`` imported.

    Raises
    ------
    ModuleNotFoundError
        When the wanted command's module needs a package that is not installed.
    """
    app = typer.Typer(
        name="leanspike",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for command in COMMANDS:
        content = command.load() if command.name == wanted else _placeholder(command)
        if isinstance(content, typer.Typer):
            app.add_typer(content, name=command.name)
        else:
            app.command(command.name)(content)
    return app


def _fail(message: str, status: int) -> int:
    print(f"leanspike: {message}", file=sys.stderr)
    return status


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status.

    0 done; 1 the system failed (disk, permission) or an internal error; 2 the input cannot be
    used; 130 interrupted, 143 terminated. ``--debug``, anywhere in the line, lets the traceback
    through.
    """
    arguments = list(arguments)
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    wanted = next((argument for argument in rest if not argument.startswith("-")), None)
    try:
        build_app(wanted)(args=rest, prog_name="leanspike")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return _stopped(stop) if code == 130 else code
    except KeyboardInterrupt as stop:
        if debug:
            raise
        return _stopped(stop)
    except Exception as error:
        if debug:
            raise
        return _explain(error)
    return 0


def _stopped(stop: BaseException) -> int:
    """Say what stopped the command; typer puts its own exceptions around the signal's."""
    cause: BaseException | None = stop
    while cause is not None and not isinstance(cause, Terminated):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return _fail("interrupted; what is done is kept", 130)
    return _fail("terminated; what is done is kept", 143)


def _explain(error: Exception) -> int:
    if isinstance(error, InputError):
        return _fail(str(error), 1 if isinstance(error, OSError) else 2)
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = error.name.split(".")[0]
        if package in _EXTRAS:
            extra = _EXTRAS[package]
            return _fail(
                f"this command needs the package {package}, which is not installed. "
                f"Install it with: pip install 'leanspike[{extra}]'",
                2,
            )
    if isinstance(error, OSError):
        return _fail(_describe(error), 1)
    return _fail(
        f"internal error, {type(error).__name__}: {error}. "
        "Run again with --debug for the traceback, and please report it",
        1,
    )


def main() -> None:
    """Entry point of the ``leanspike`` script; shows what the package logs, such as compiling."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("leanspike: %(message)s"))
    log = logging.getLogger("leanspike")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    with stopping_on_sigterm():
        status = run(sys.argv[1:])
    if status in (130, 143):
        # At once: threads of compiled code that were interrupted may crash what Python does last.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
