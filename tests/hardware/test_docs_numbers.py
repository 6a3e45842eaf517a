"""Figures in the docs are those of the committed result files."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def test_the_effect_of_every_switch() -> None:
    found = json.loads((RESULTS / "explain_published.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    stated = f"{found['energy_pj'] / 1e9:.1f} mJ and {found['cycles'] / 1e6:.1f} million cycles"
    assert stated in page
    for flip in found["explain"]:
        section = page.split(f"### `{flip['switch']}`")[1].split("### ")[0]
        energy, cycles = re.findall(r"([+-]\d+\.\d) %", section)[-2:]
        assert energy == f"{100 * (flip['energy_pj'] / found['energy_pj'] - 1):+.1f}"
        assert cycles == f"{100 * (flip['cycles'] / found['cycles'] - 1):+.1f}"


def test_the_published_table() -> None:
    found = json.loads((RESULTS / "published_table.json").read_text(encoding="utf-8"))
    claims = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for step in found["ablation"]:
        energies = f"{step['ternary_mJ']:.2f} mJ | {step['pruned_mJ']:.2f} mJ"
        assert f"| {step['change']} | {energies} | {step['ratio']:.3f} |" in claims
    validation = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    for reading in ("fitted", "unfitted"):
        for name, one in found[reading].items():
            assert (
                f"| {name} | {reading} | {one['ratio_80_over_ternary']:.3f} "
                f"| {found['published']['ratio_80_over_ternary'][name]:.3f} "
                f"| {one['rank_correlation_mean']:.3f} | {one['rank_correlation_max']:.3f} "
                f"| {100 * one['mare_mean']:.1f} % | {100 * one['mare_max']:.1f} % |"
            ) in validation
    fitted = found["fitted"]["RLE"]["ratio_80_over_ternary"]
    known = found["published"]["ratio_80_over_ternary"]["RLE"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"({fitted:.3f} against {known:.3f})" in readme
    for text in found["unexplained"]:
        assert f"- {text[0].upper()}{text[1:]}" in " ".join(validation.split())


def test_the_speed_of_the_search() -> None:
    found = json.loads((RESULTS / "search.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
    study = found["study"]
    took = f"{study['study_seconds']:.1f} s, {study['study_cpu_seconds']:.1f} CPU s"
    assert f"| {study['searches']:,} searches | {took} |" in page
    for stated, key in (
        ("mappings decided per CPU second", "mappings_per_cpu_second"),
        ("of these priced one by one", "priced_one_by_one_per_cpu_second"),
    ):
        assert f"| {stated} | {study[key] / 1e6:.2f} M |" in page
    assert f"| peak memory | {study['peak_MiB']} MiB |" in page
    assert max(row["ratio"] for row in found["timeloop"]) <= 1.0001
