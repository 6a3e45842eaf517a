import json
import subprocess
import sys

import pytest
import typer

from leanspike import __version__
from leanspike.cli import main
from leanspike.cli.main import Command
from leanspike.errors import InputError


@pytest.fixture
def command(monkeypatch):
    """Put one command, made from a function, into the table."""

    def put(function):
        monkeypatch.setattr(Command, "load", lambda self: function)
        monkeypatch.setattr(main, "COMMANDS", (Command("do", "nowhere", "Do it."),))

    return put


def raising(error):
    def do() -> None:
        raise error

    return do


def test_version(capsys):
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"leanspike {__version__}\n"


def test_help_lists_every_command_and_imports_none(capsys):
    assert main.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for each in main.COMMANDS:
        assert each.name in shown
        assert each.summary in shown


def test_importing_the_command_line_needs_no_torch():
    code = "import sys, leanspike.cli.main; print('torch' in sys.modules, 'optuna' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("no", where="a.yaml, bits"), 2, "leanspike: a.yaml, bits: no\n"),
        (OSError(28, "No space left on device", "x.db"), 1, "x.db: No space left on device"),
        (PermissionError(13, "Permission denied", "/out"), 1, "/out: Permission denied"),
        (ModuleNotFoundError("gone", name="torch"), 2, "pip install 'leanspike[train]'"),
        (ModuleNotFoundError("gone", name="optuna.storages"), 2, "leanspike[study]"),
        (ModuleNotFoundError("gone", name="plotly"), 2, "leanspike[report]"),
        (RuntimeError("bug"), 1, "RuntimeError: bug"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_is_one_line_and_a_status(command, capsys, error, status, message):
    command(raising(error))
    assert main.run(["do"]) == status
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("line", [["--debug", "do"], ["do", "--debug"]])
def test_debug_lets_the_traceback_through(command, line):
    command(raising(InputError("no")))
    with pytest.raises(InputError, match="no"):
        main.run(line)


def test_a_missing_package_stops_only_its_own_command(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)  # import torch raises ModuleNotFoundError

    def load(self):
        import torch  # noqa: F401

    monkeypatch.setattr(Command, "load", load)
    assert main.run(["train"]) == 2
    assert "leanspike[train]" in capsys.readouterr().err
    assert main.run(["--help"]) == 0


def test_a_group_is_a_typer_application(command, capsys):
    group = typer.Typer()

    @group.command()
    def inner() -> None:
        typer.echo("inner ran")

    @group.command()
    def other() -> None:
        """Another."""

    command(group)
    assert main.run(["do", "inner"]) == 0
    assert capsys.readouterr().out == "inner ran\n"


def test_unknown_command_and_unknown_option_are_usage_errors(command, capsys):
    command(lambda: None)
    assert main.run(["dont"]) == 2
    assert "dont" in capsys.readouterr().err
    assert main.run(["do", "--nope"]) == 2
    assert "--nope" in capsys.readouterr().err


def test_compress_reaches_what_is_asked_for_in_one_command(tmp_path, capsys):
    floats, out = str(tmp_path / "float"), str(tmp_path / "ternary")
    small = ["--limit", "60", "--steps", "3", "--channels", "2", "--epochs", "1"]
    assert main.run(["train", *small, "--out", floats]) == 0
    capsys.readouterr()
    reach = ["--reach", "ternary, 80 %", "--epochs", "2", "--json"]
    assert main.run(["compress", floats, *reach, "--out", out]) == 0
    assert json.loads(capsys.readouterr().out)["weight_sparsity"] >= 0.8
    for wrong, what in (
        (["--reach", "95"], "not understood"),
        (["--reach", "95 %", "--bits", "2"], "Leave out --bits"),
        (["--reach", "95 %", "--recipe", "better"], "there are best, fast"),
        ([], "--reach"),
    ):
        assert main.run(["compress", floats, *wrong, "--out", out]) == 2
        assert what in capsys.readouterr().err
