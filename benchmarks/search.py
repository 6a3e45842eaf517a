"""The mapping search beside Timeloop's mapper, and the published study's 6,600 searches.

`python benchmarks/search.py` prints both; `--save` keeps them under benchmarks/results. Timeloop's
side (timeloop_mapper_best.csv) was measured once with its v3.0.3 on the same architecture,
energies and constraints: the best mapping of a random-pruned search of 20 to 45 CPU seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.case import Case
from leanspike.hardware.search.exhaustive import SearchResult, search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer
from leanspike.paper.published import published_energy, published_setting

HERE = Path(__file__).parent
FORMATS = ("UOP", "UBM", "CP", "RLE")
TIMELOOP_FORMATS = {"B": "UBM", "": None}
BOUNDS = ("T", "C", "M", "P", "Q", "R", "S")
# Timeloop's constraints give Q to the columns where it fits them.
COLUMNS = 32


@cache
def chip(columns_take_q: bool, saf: str, form: str | None) -> Architecture:
    """Return the benchmark's architecture with one row's format and sparse optimization."""
    base = Architecture.load(HERE / "eyeriss_timeloop.yaml").with_formats(form or "U")
    levels = []
    for level in base.levels:
        changes: dict[str, object] = {}
        if level.name == "shared_glb" and columns_take_q:
            changes["x"] = level.x.model_copy(update={"factors": {"Q": 0}})
        if saf != "skipping":
            changes |= {"skips": (), "gates": level.skips if saf == "gating" else ()}
        levels.append(level.model_copy(update=changes))
    return base.model_copy(update={"levels": tuple(levels)})


def compile_case(layer: Layer, saf: str, form: str | None) -> Case:
    semantics = Semantics.preset("sparseloop")
    case = Case.of(layer, chip(layer.Q <= COLUMNS, saf, form), semantics)
    # Without any sparse optimization Timeloop ignores densities.
    return replace(case, dense=True) if not saf else case


@dataclass(frozen=True)
class Row:
    """One search beside Timeloop's."""

    layer: str
    form: str
    ours: SearchResult
    cpu_seconds: float
    timeloop: dict[str, str]

    @property
    def ratio(self) -> float:
        """Our EDP over Timeloop's, at the 0.01 uJ to which Timeloop prints an energy."""
        printed = round(self.ours.energy_pj * 1e-6, 2)
        theirs = float(self.timeloop["energy_uJ"]) * int(self.timeloop["cycles"])
        return printed * self.ours.cycles / theirs


def beside_timeloop() -> list[Row]:
    rows = []
    with (HERE / "timeloop_mapper_best.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    # The first search compiles (or loads) the kernels; that is no part of a search.
    for timed, given in [(False, read[0]), *((True, one) for one in read)]:
        layer = Layer(
            name=given["layer"],
            **{bound: int(given[bound]) for bound in BOUNDS},
            density={
                "weights": float(given["weight_density"]),
                "inputs": float(given["input_density"]),
                # The file's inputs say 0.1 for outputs wherever inputs are sparse.
                "outputs": float(given["input_density"]),
            },
        )
        form = TIMELOOP_FORMATS.get(given["format"], given["format"])
        started = time.process_time()
        found = search_cases([compile_case(layer, given["saf"], form)])[0]
        spent = time.process_time() - started
        if timed:
            rows.append(Row(given["layer"], form or "dense", found, spent, given))
    return rows


@cache
def published_layers(fraction: float, bits: int) -> dict[str, Layer]:
    return {layer.name: layer for layer in published_setting(fraction, bits).layers}


def study_layer(name: str) -> tuple[str, int, int, int, float]:
    """Search one layer under every setting, format and statistic of the published study.

    Weight densities are those of the published settings; the study prints no activities, so each
    setting gets its own near 0.1 (mean) and 0.3 (maximum), and nothing is shared that a real
    study would not share. Counted are legal mappings, each of which the result is known to be no
    worse than; those with equal counts are priced once, and counted so as well.
    """
    started = time.process_time()
    keys = sorted({(r.strategy, r.prune_fraction, r.weight_bits) for r in published_energy()})
    cases = []
    for number, (_, fraction, bits) in enumerate(keys):
        layers = published_layers(fraction, bits)
        for base in (0.1, 0.3):
            activity = base * (0.8 + 0.4 * number / len(keys))
            weights = layers[name].density.weights.mean
            layer = layers[name].replace(
                density={"weights": weights, "inputs": activity, "outputs": activity}
            )
            cases += [compile_case(layer, "skipping", form) for form in FORMATS]
    results = search_cases(cases)
    mappings = sum(result.mappings_legal for result in results)
    priced = sum(result.mappings_priced for result in results)
    return name, len(results), mappings, priced, time.process_time() - started


def study(workers: int) -> dict[str, float]:
    names = [layer.name for layer in published_setting(0.0, 8).layers]
    # The longest first, so that two workers end together.
    largest = ["Conv2", "Dense1", "TCJA12", "TCJA22", "Conv3", "Conv4", "Conv5"]
    names.sort(key=lambda name: largest.index(name) if name in largest else len(largest))
    started = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        done = list(pool.map(study_layer, names))
    seconds = time.perf_counter() - started
    cpu = sum(spent for *_, spent in done)
    for name, searches, mappings, _, spent in done:
        print(f"  {name:8s} {searches:5d} searches {mappings:11d} mappings {spent:7.2f} CPU s")
    own, children = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "searches": sum(searches for _, searches, *_ in done),
        "mappings": sum(mappings for _, _, mappings, *_ in done),
        "mappings_priced_one_by_one": sum(priced for *_, priced, _ in done),
        "study_seconds": round(seconds, 2),
        "study_cpu_seconds": round(cpu, 2),
        "mappings_per_cpu_second": round(sum(mappings for _, _, mappings, *_ in done) / cpu),
        "priced_one_by_one_per_cpu_second": round(sum(priced for *_, priced, _ in done) / cpu),
        # Pages that the forked workers share with the parent are counted once for each.
        "peak_MiB": round(own + workers * children),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", action="store_true", help="keep the figures as JSON")
    arguments = parser.parse_args()
    rows = beside_timeloop()
    print("layer     format  W dens.  EDP (J x cycles)  Timeloop's  ratio  CPU s  Timeloop's")
    for row in rows:
        theirs = row.timeloop
        print(
            f"{row.layer:9s} {row.form:6s} {theirs['saf'][:4]:4s} "
            f"{theirs['weight_density']:>4s} {row.ours.edp:17.6f} "
            f"{float(theirs['edp_J_cycles']):11.6f} {row.ratio:6.3f} {row.cpu_seconds:6.2f} "
            f"{float(theirs['search_cpu_s']):11.2f}"
        )
    worst = max(row.ratio for row in rows)
    slowest = max(row.cpu_seconds for row in rows)
    print(f"{len(rows)} rows: largest EDP ratio {worst:.4f}, most CPU seconds {slowest:.2f}")
    print("The published study's searches:")
    figures = study(arguments.workers)
    if arguments.save:
        save(rows, figures, arguments.workers)
    print(
        f"study_seconds={figures['study_seconds']} "
        f"mappings_per_cpu_second={figures['mappings_per_cpu_second']} "
        f"peak_MiB={figures['peak_MiB']}"
    )


def save(rows: list[Row], figures: dict[str, float], workers: int) -> None:
    kept = {
        "command": f"python benchmarks/search.py --workers {workers} --save",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {name: version(name) for name in ("leanspike", "numpy", "numba")}
        | {"python": platform.python_version()},
        "machine": f"{platform.machine()}, {workers} cores",
        "study": figures,
        "timeloop": [
            {
                "layer": row.layer,
                "format": row.form,
                "saf": row.timeloop["saf"],
                "weight_density": float(row.timeloop["weight_density"]),
                "edp_J_cycles": row.ours.edp,
                "timeloop_edp_J_cycles": float(row.timeloop["edp_J_cycles"]),
                "ratio": round(row.ratio, 6),
                "cpu_seconds": round(row.cpu_seconds, 3),
                "timeloop_cpu_seconds": float(row.timeloop["search_cpu_s"]),
                "mappings_total": row.ours.mappings_total,
                "mappings_legal": row.ours.mappings_legal,
                "mapping": row.ours.mapping.to_text(),
            }
            for row in rows
        ],
    }
    path = HERE / "results" / "search.json"
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"kept in {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
