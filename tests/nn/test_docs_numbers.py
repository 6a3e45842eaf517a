"""Figures on the page about networks are those of the committed result files."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = " ".join((ROOT / "docs" / "nn.md").read_text(encoding="utf-8").split())


def test_a_training_step_beside_spikingjelly() -> None:
    found = json.loads((RESULTS / "train_step.json").read_text(encoding="utf-8"))["results"]
    for row in found:
        ratios = [
            row["ratios"][key] for key in ("to_spikingjelly", "to_spikingjelly_dense", "to_floor")
        ]
        told = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        assert f"| {row['network']}: {row['size']} | {row['threads']} | {told} |" in PAGE


def test_an_epoch_beside_plain_torch() -> None:
    found = json.loads((RESULTS / "epoch.json").read_text(encoding="utf-8"))["results"]
    ours, torchs = (
        [row["epoch_seconds"][name] for row in found] for name in ("leanspike", "plain torch")
    )
    assert f"{ours[0]:.1f} s on one thread and {ours[1]:.1f} s on two" in PAGE
    assert f"against {torchs[0]:.1f} s and {torchs[1]:.1f} s with plain torch" in PAGE


def test_the_memory_of_a_step() -> None:
    found = json.loads((RESULTS / "train_step_memory.json").read_text(encoding="utf-8"))["results"]
    for ours, theirs in zip(found["leanspike"], found["spikingjelly"], strict=True):
        told = f"{theirs['peak_MiB']:,.0f} MiB" + ("" if theirs["measured"] else ", continued")
        ratio = ours["peak_MiB"] / theirs["peak_MiB"]
        assert ours["measured"]
        assert f"| {ours['batch']} | {ours['peak_MiB']:,.0f} MiB | {told} | {ratio:.2f} |" in PAGE
