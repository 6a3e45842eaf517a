"""The model beside published figures: `python benchmarks/validation.py [--full] [--out FILE]`.

Prints sections and writes them as JSON. Without --full the published table is compared over its
RLE, mean-density rows in the text's reading; with it, over all 600 in both readings.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from silicon import (
    SENECA_PJ_PER_OPERATION,
    SNE,
    SPINALFLOW,
    seneca_run,
    sne_run,
    spinalflow_run,
)

import leanspike
from leanspike.hardware.semantics import Semantics
from leanspike.paper.comparison import compare_with_paper, published_settings
from leanspike.paper.published import PRUNED_OVER_TERNARY
from leanspike.paper.runs import claim_by_switch, claims_of, paper_architecture, paper_energies

SPARSELOOP = Semantics.preset("sparseloop")
PHYSICAL = Semantics.preset("physical")
READINGS = {"files": False, "text": True}
ACTIVITIES = (0.02, 0.05, 0.1, 0.2, 0.3)


def claims() -> dict[str, Any]:
    """80 % pruning over ternary: both readings, both semantics, several activities."""
    found: dict[str, Any] = {"published": PRUNED_OVER_TERNARY}
    assumed: dict[str, tuple[Semantics, float | None]] = {
        "sparseloop": (SPARSELOOP, None),
        "physical": (PHYSICAL, None),
    }
    for rules, said in ((SPARSELOOP, "sparseloop"), (PHYSICAL, "physical")):
        assumed |= {f"{said} at activity {a}": (rules, a) for a in ACTIVITIES}
    for name, as_text in READINGS.items():
        found[name] = claims_of(paper_architecture(as_text=as_text), assumed)
    return found


def switches() -> dict[str, Any]:
    """Flip each switch alone and compute the claim, in the text's reading."""
    chip = paper_architecture(as_text=True)
    return {
        "sparseloop": claim_by_switch(chip, SPARSELOOP),
        "physical": claim_by_switch(chip, PHYSICAL),
    }


def table(full: bool) -> dict[str, Any]:
    """Compare the published table: rank correlation, order of the formats, scale."""
    settings = [s for s in published_settings() if full or s[:2] == ("RLE", "mean")]
    found: dict[str, Any] = {}
    for name, as_text in READINGS.items():
        if not (full or as_text):
            continue
        chip = paper_architecture(as_text=as_text)
        energies = paper_energies(settings, architecture=chip, semantics=SPARSELOOP)
        result = compare_with_paper(energies)
        found[name] = {
            "rank correlation": {" ".join(k): v for k, v in result.rank_correlation.items()},
            "pruned over ternary": {" ".join(k): v for k, v in result.pruned_over_ternary.items()},
            "published pruned over ternary": {
                " ".join(k): v for k, v in result.published_pruned_over_ternary.items()
            },
            "format order": result.format_order,
            "published format order": result.published_format_order,
            "scale": result.scale,
        }
    return found


def formats() -> dict[str, Any]:
    """Energy of the four formats over RLE's, for the claim's two settings at mean density."""
    found: dict[str, Any] = {}
    for name, as_text in READINGS.items():
        chip = paper_architecture(as_text=as_text)
        for setting, key in (((0.0, 2), "ternary"), ((0.8, 8), "80 % pruned")):
            for rules, said in ((SPARSELOOP, "sparseloop"), (PHYSICAL, "physical")):
                if said == "physical" and not as_text:
                    continue
                energies = paper_energies(
                    [(f, "mean", *setting) for f in ("RLE", "CP", "UOP", "UBM")],
                    architecture=chip, semantics=rules,
                )  # fmt: skip
                rle = energies["RLE", "mean", *setting]
                found[f"{name}, {key}, {said}"] = {s[0]: e / rle for s, e in energies.items()}
    return found


def sne() -> dict[str, Any]:
    """SNE's energy per synaptic operation and its floor."""
    slope, floor = SNE.line
    return {
        "published pJ per operation": SNE.pj_per_operation,
        "published uJ per percent": slope / 100,
        "published floor uJ": floor,
        **sne_run(),
    }


def seneca() -> dict[str, Any]:
    """Price SENECA's synaptic operation."""
    return {
        "published pJ per operation": SENECA_PJ_PER_OPERATION,
        **{f"pJ at activity {a}": seneca_run(activity=a) for a in (0.02, 0.05, 0.2)},
    }


def spinalflow() -> dict[str, Any]:
    """Eyeriss over SpinalFlow."""
    return {
        "published energy_4": SPINALFLOW.energy_of_4_bit_eyeriss,
        "published energy_8": SPINALFLOW.energy_of_8_bit_eyeriss,
        "published time_8": SPINALFLOW.time_of_8_bit_eyeriss,
        **{f"inputs {d:.0%} non-zero": spinalflow_run(density=d) for d in (0.1, 0.5)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all 600 published rows")
    parser.add_argument("--only", help="one section: claims, switches, table, formats, sne, ...")
    parser.add_argument("--out", type=Path, help="JSON file; sections that are there are kept")
    given = parser.parse_args()
    sections: dict[str, Callable[[], dict[str, Any]]] = {
        "claims": claims,
        "switches": switches,
        "table": lambda: table(given.full),
        "formats": formats,
        "sne": sne,
        "seneca": seneca,
        "spinalflow": spinalflow,
    }
    results: dict[str, Any] = {}
    if given.out and given.out.exists():
        results = json.loads(given.out.read_text())
    for name, section in sections.items():
        if given.only in (None, name):
            started = time.perf_counter()
            results[name] = section()
            print(f"{name} ({time.perf_counter() - started:.0f} s)")
            print(json.dumps(results[name], indent=1), flush=True)
            if given.out:
                results["made with"] = {
                    "command": "python benchmarks/validation.py" + " --full" * given.full,
                    "leanspike": leanspike.__version__,
                    "python": platform.python_version(),
                    "date": datetime.now(UTC).date().isoformat(),
                }
                given.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
