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
