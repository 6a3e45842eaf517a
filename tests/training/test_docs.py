"""The examples on this room's and the events' pages, and in their docstrings, run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import leanspike.events
import leanspike.training

ROOT = Path(__file__).parents[2]
MODULES = [
    name
    for package in (leanspike.events, leanspike.training)
    for _, name, _ in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
]


@pytest.mark.parametrize("page", ["events.md", "training.md"])
def test_examples_of_the_page_run_and_print_what_it_says(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {"__name__": "__docs__"})
        printed = capsys.readouterr().out
        for line in re.findall(r"^# (.*)$", block, re.MULTILINE):
            assert line in printed


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    namespace = {**vars(module), "np": importlib.import_module("numpy")}
    assert doctest.testmod(module, extraglobs=namespace).failed == 0
