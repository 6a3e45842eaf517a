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


def test_the_claim_of_the_published_study() -> None:
    found = json.loads((RESULTS / "validation.json").read_text(encoding="utf-8"))["claims"]
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    for reading, given in (("text", "text's"), ("files", "files'")):
        for semantics in ("sparseloop", "physical"):
            assert f"| {given} reading, `{semantics}` | {found[reading][semantics]:.2f} |" in page


def test_the_switches_that_explain_it() -> None:
    found = json.loads((RESULTS / "validation.json").read_text(encoding="utf-8"))["switches"]
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert f"`membrane_state` off gives **{found['physical']['membrane_state']:.2f}**" in page
    stated = f"`exact_leader` on gives **{found['sparseloop']['exact_leader']:.2f}**"
    assert stated in " ".join(page.split())


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
