"""The README, the pages and the docstrings: their Python runs as it stands and prints what it says.

On a page a line that begins with ``# `` is what the block prints, and so is a text block right
after it; a YAML block that begins with ``# file: NAME`` is that file.
"""

import doctest
import importlib
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PEERS = {path.stem for path in (ROOT / "docs" / "frameworks").glob("*.md")}
SLOW = {"README"}
TOO_LONG = {"study"}  # trains fifteen networks


def write_file(example: Example) -> None:
    first, _, content = example.parsed.partition("\n")
    if first.startswith("# file: "):
        Path(first.removeprefix("# file: ")).write_text(content)


SYBIL = Sybil([PythonCodeBlockParser(), CodeBlockParser("yaml", write_file)])


def pages() -> list:
    slow = (pytest.mark.slow, pytest.mark.timeout(1200))
    marks = {**dict.fromkeys(SLOW, slow), **dict.fromkeys(PEERS, pytest.mark.peer)}
    return [
        pytest.param(path, id=path.stem, marks=marks.get(path.stem, ()))
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        if "```python" in path.read_text(encoding="utf-8") and path.stem not in TOO_LONG
    ]


@pytest.mark.parametrize("page", pages())
def test_python_of_the_page_runs(page, tmp_path, monkeypatch, capsys):
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.manual_seed(0)
    with warnings.catch_warnings():
        if page.stem in PEERS:
            warnings.simplefilter("ignore")  # theirs, on import and in use
            pytest.importorskip(page.stem, exc_type=ImportError)
        document = SYBIL.parse(page)
        for example in document.examples():
            example.evaluate()
    printed = capsys.readouterr().out
    blocks = "".join(re.findall(r"```python\n(.*?)```", document.text, re.DOTALL))
    if said := re.findall(r"^# (.*)$", blocks, re.MULTILINE):
        assert printed.splitlines() == said
    for shown in re.findall(r"```python\n[^`]*```\n\n```text\n(.*?)```", document.text, re.DOTALL):
        assert shown in printed
    assert bool(printed) == ("print(" in blocks)
    if page.stem == "README":
        accuracy, energy = re.fullmatch(
            r"([\d.]+)% right at ([\d.]+) uJ per inference", printed.strip()
        ).groups()
        assert float(accuracy) > 90
        assert float(energy) > 0


def test_commands_the_readme_names_exist():
    from leanspike.cli.main import COMMANDS

    known = {command.name for command in COMMANDS}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\n(.*?)```", readme, flags=re.DOTALL)
    named = set(re.findall(r"^leanspike (\w+)", "".join(blocks), flags=re.MULTILINE))
    assert named
    assert named <= known


def modules() -> list[str]:
    return [
        ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for path in sorted(SOURCE.rglob("*.py"))
        if ">>> " in path.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name):
    module = importlib.import_module(name)
    namespace = {"np": np, **vars(module)}
    assert doctest.testmod(module, extraglobs=namespace).failed == 0
