"""The page of this room: its code runs as it stands."""

import json
import re
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "compress.md"


def test_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) >= 3
    exec(compile("\n".join(blocks), PAGE.name, "exec"), {"__name__": "page"})


def test_the_table_is_that_of_the_result_file():
    root = Path(__file__).parents[2]
    file = root / "benchmarks" / "results" / "compression_accuracy.json"
    page = (root / "docs" / "compress.md").read_text(encoding="utf-8")
    summary = json.loads(file.read_text(encoding="utf-8"))["summary"]
    for name, row in summary.items():
        accuracy = f"{row['test_mean']:.2f} +- {row['test_spread']:.2f} %"
        assert f"| {name} | {row['epochs']} | {row['seeds']} | {accuracy} |" in page
    lost = summary["2 bits"]["test_mean"] - summary["float"]["test_mean"]
    assert f"({lost:.2f} points)" in page
