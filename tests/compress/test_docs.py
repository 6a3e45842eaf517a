"""The page of this room says what the result file says."""

import json
from pathlib import Path


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


def test_what_to_use_when_is_what_the_recipes_measure():
    root = Path(__file__).parents[2]
    file = root / "benchmarks" / "results" / "frontier.json"
    page = (root / "docs" / "compress.md").read_text(encoding="utf-8")
    table = json.loads(file.read_text(encoding="utf-8"))["table"]
    first = page[: page.index("## Step by step")]
    for name, row in table.items():
        spread = "" if row["spread"] is None else f" +- {row['spread']:.2f}"
        assert f"| {row['test']:.2f} % | {row['below']:.2f}{spread} |" in page
        recipe, _, target = name.partition(": ")
        if recipe in ("best", "one-shot") and f"| `{target}` |" in first:
            how = f"`{target}`" + (" and `--recipe one-shot`" if recipe == "one-shot" else "")
            assert f"| {how} | {row['below']:.2f}" in first
