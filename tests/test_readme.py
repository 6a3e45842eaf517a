"""The README's Python runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.slow
def test_python_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    accuracy, energy = re.fullmatch(
        r"([\d.]+)% right at ([\d.]+) uJ per inference", capsys.readouterr().out.strip()
    ).groups()
    assert float(accuracy) > 80
    assert float(energy) > 0


def test_commands_it_names_exist():
    from leanspike.cli.commands import COMMANDS

    known = {command.name for command in COMMANDS}
    blocks = re.findall(r"```\n(.*?)```", README.read_text(), flags=re.DOTALL)
    named = set(re.findall(r"^leanspike (\w+)", "".join(blocks), flags=re.MULTILINE))
    assert named
    assert named <= known
