"""Examples on this side's pages and in its docstrings run and print what they say."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path

import pytest

import leanspike.hardware

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("workloads.md", "formats.md", "components.md", "tutorial-accelerator.md")
PACKAGES = ("components", "density", "formats", "plots", "reference", "validation")
MODULES = ("layer", "spec", "workload", "workload_csv")


@pytest.mark.parametrize("page", PAGES)
def test_page_examples_print_what_they_say(page, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    text = (DOCS / page).read_text()
    for name, content in re.findall(r"```yaml\n# file: (\S+)\n(.*?)```", text, re.DOTALL):
        Path(name).write_text(content)
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    space: dict[str, object] = {"__name__": "__docs__"}
    with contextlib.redirect_stdout(printed):
        for block in blocks:
            exec(compile(block, page, "exec"), space)
    said = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("# ")]
    if said:
        assert printed.getvalue().splitlines() == said
    else:
        assert printed.getvalue()


def names() -> list[str]:
    found = [f"leanspike.hardware.{module}" for module in MODULES]
    for package in PACKAGES:
        path = Path(leanspike.hardware.__path__[0]) / package
        found += [
            f"leanspike.hardware.{package}.{module.name}"
            for module in pkgutil.iter_modules([str(path)])
        ]
    return found


@pytest.mark.parametrize("name", names())
def test_docstring_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
