"""Make anew what depends on the hardware model: `make results`.

    python benchmarks/results.py [STEP ...] [--again]

Steps, each done unless it was with this very model (their stamps lie in `runs/results`; `--again`
does them anyway):

- `explain`: `explain_published.json`, what each switch of the semantics is worth.
- `validation`: `validation.json`, the model beside silicon and other models.
- `search`: `search.json`, the mapping search beside Timeloop's; times are of an idle machine.
- `gestures`, `nmnist`, `digits`: `claims/NAME-points.csv` and `-layers.csv`, priced anew from their
  stored activity.
- `claims`: `published_table.json`, the published table by our model, and `claims/claims.json` and
  `.md` from it and these. Claims on accuracy need the recordings one by one, which the tables have
  not, and stay as they were judged.
- `trials`: the energies in `gestures_trials.json`, from its stored densities.
- `pages`: tables and tested figures in `docs`, from all of these.

What takes training is not touched, and named at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import leanspike
from leanspike.files import write_whole
from leanspike.hardware.price import price
from leanspike.hardware.workload.layer import Densities

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
DOCS = ROOT / "docs"
STAMPS = ROOT / "runs" / "results"
STUDIES = ("gestures", "nmnist", "digits")
LEFT = """Not made anew, for it takes training (or a browser):
  search_vs_grid.json and its table in docs/study.md: benchmarks/search_vs_grid.py
  default_study.md, its table and its energies of narrow membranes (docs/compress.md): make study
  docs/images/report.png, docs/images/reproduce.png: pictures of pages
Prose that draws conclusions from figures is to be read again: validation.md, semantics.md,
claims.md, gestures.md, search.md, tutorial-accelerator.md."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], help="all by default")
    parser.add_argument("--again", action="store_true", help="also what is done already")
    given = parser.parse_args()
    model = fingerprint()
    for name in given.steps or STEPS:
        stamp = STAMPS / name
        if not given.again and stamp.exists() and stamp.read_text() == model:
            print(f"{name}: done before with this model")
            continue
        print(f"{name} ...", flush=True)
        started = time.perf_counter()
        STEPS[name]()
        write_whole(stamp, model, parents=True)
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    print(LEFT)


def fingerprint() -> str:
    """Return a hash of all that prices depend on."""
    package = Path(leanspike.__file__).parent
    files = sorted(
        path
        for room in ("hardware", "activity")
        for path in (package / room).rglob("*")
        if path.suffix in (".py", ".yaml", ".csv")
    )
    together = hashlib.sha256()
    for path in files:
        together.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    return together.hexdigest()


def prices_of(study: str) -> Path:
    """Return where a study's prices of this model are kept, point by point."""
    return STAMPS / fingerprint()[:16] / f"{study}.json"


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout


def explain() -> None:
    found = json.loads(run("-m", "leanspike", "cost", "published", "--explain", "--json"))
    keys = ("workload", "architecture", "semantics", "energy_pj", "cycles", "explain")
    made = {
        "command": "leanspike cost published --explain --json",
        **made_with(),
        **{key: found[key] for key in keys},
    }
    save("explain_published.json", made)


def made_with() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "version": leanspike.__version__,
        "python": platform.python_version(),
    }


def validation() -> None:
    run("benchmarks/validation.py", "--out", str(RESULTS / "validation.json"))


def search() -> None:
    run("benchmarks/search.py", "--workers", "2", "--save")


def study(name: str) -> Callable[[], None]:
    def step() -> None:
        from reprice import CLAIMS, read, stored_results

        from leanspike.study.results.tables import flat_rows, layer_rows, write_rows

        results = stored_results(name, prices_of(name))
        kept = {(row["architecture"], row["format"], row["statistic"])
                for row in read(f"{name}-layers.csv")}  # fmt: skip
        layers = [
            row
            for row in layer_rows(results)
            if (row["architecture"], row["format"], row["statistic"]) in kept
        ]
        write_rows(flat_rows(results), CLAIMS / f"{name}-points.csv")
        write_rows(layers, CLAIMS / f"{name}-layers.csv")

    return step


def claims() -> None:
    from reprice import CLAIMS, stored_results

    from leanspike.paper.claims import Claim, Judgement, as_markdown
    from leanspike.paper.reproduce import reproduce

    before = {one["text"]: one for one in json.loads((CLAIMS / "claims.json").read_text("utf-8"))}
    with tempfile.TemporaryDirectory() as folder:
        found = reproduce(
            Path(folder), studies=[stored_results(name, prices_of(name)) for name in STUDIES]
        )
    made = {"command": "leanspike reproduce --json", **made_with(), **found.summary}
    save("published_table.json", made)
    kept: list[Claim] = []
    for claim in found.claims:
        if claim.text.endswith("no accuracy"):
            answers = before[claim.text]["answers"]
            claim = replace(claim, answers={t: Judgement(**answers[t]) for t in claim.answers})
        kept.append(claim)
    plain = [
        {
            "text": claim.text,
            "published": claim.published,
            "answers": {k: vars(answer) for k, answer in claim.answers.items()},
        }
        for claim in kept
    ]
    write_whole(CLAIMS / "claims.json", json.dumps(plain, indent=2) + "\n")
    write_whole(CLAIMS / "claims.md", as_markdown(kept) + "\n")


def trials() -> None:
    from reprice import geometry, read, study_file

    from leanspike.study.plan.points import Point

    report, network = load("gestures_trials.json"), geometry("gestures")
    hardware = study_file("gestures").hardware
    weights: dict[str, dict[str, dict[str, str]]] = {}
    for row in read("gestures-layers.csv"):
        bits = int(row["weight_bits"]) if row["weight_bits"] else None
        setting = Point(row["strategy"], bits, float(row["sparsity"]), seed=0).setting
        weights.setdefault(setting, {})[row["layer"]] = row
    for setting, inputs in report["settings"].items():
        for found in inputs.values():
            layers = tuple(
                layer.replace(
                    bits={**dict(layer.bits), "weights": int(weights[setting][layer.name]["bits"])},
                    density=Densities(
                        weights=1 - float(weights[setting][layer.name]["weight_zeros"]),
                        **found["layers"][layer.name],
                    ),
                )
                for layer in network.layers
            )
            found["energy_uj"] = {
                statistic: price(
                    network.replace(layers=layers),
                    hardware.architectures[0],
                    semantics=hardware.semantics,
                    objective=hardware.objective,
                    formats=hardware.formats[0],
                    statistic=statistic,
                ).energy_pj
                * 1e-6
                for statistic in ("mean", "max")
            }
    report["priced"] = made_with()
    save("gestures_trials.json", report)


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / name).read_text("utf-8"))
    return found


def save(name: str, data: Any) -> None:
    write_whole(RESULTS / name, json.dumps(data, indent=1) + "\n")


def pages() -> None:
    """Put the figures that tests tie to result files, and whole tables, into the pages."""
    semantics_page(load("explain_published.json"))
    table_page(load("published_table.json"))
    search_page(load("search.json")["study"])
    claims_page()
    gestures_page(load("gestures_trials.json"))


def edit(page: str, *changes: tuple[str, str]) -> None:
    """Replace patterns, each of which must be there once."""
    path = DOCS / page
    text = path.read_text("utf-8")
    for pattern, new in changes:
        text = replaced(pattern, new, text, page)
    write_whole(path, text)


def replaced(pattern: str, new: str, text: str, where: str) -> str:
    text, times = re.subn(pattern, new, text)
    if times != 1:
        raise SystemExit(f"{where}: {pattern!r} is there {times} times, expected once")
    return text


def semantics_page(found: dict[str, Any]) -> None:
    energy, cycles = found["energy_pj"], found["cycles"]
    path = DOCS / "semantics.md"
    head, *sections = path.read_text("utf-8").split("\n### ")
    total = f"({energy / 1e9:.1f} mJ and {cycles / 1e6:.1f} million cycles"
    head = replaced(r"\([\d.]+ mJ and [\d.]+ million cycles", total, head, "semantics.md")
    by_name = {section.split("\n")[0].strip("`"): i for i, section in enumerate(sections)}
    for flip in found["explain"]:
        name = flip["switch"]
        if name not in by_name:
            raise SystemExit(f"semantics.md: the switch {name} has no section")
        now, then = flip["energy_pj"] / energy - 1, flip["cycles"] / cycles - 1
        sections[by_name[name]] = replaced(
            r"(\| \w+ \| \w+) \| [-+][\d.]+ % \| [-+][\d.]+ % \|",
            rf"\1 | {100 * now:+.1f} % | {100 * then:+.1f} % |",
            sections[by_name[name]],
            f"semantics.md, {name}",
        )
    write_whole(path, "\n### ".join([head, *sections]))


def table_page(found: dict[str, Any]) -> None:
    """Put the walk and the scores of the published table into claims.md and validation.md."""
    walk = [
        "| change, on top of those above | ternary | 80 % pruned | ratio | alone |",
        "|---" * 5 + "|",
    ]
    for step in found["ablation"]:
        alone = "" if step["alone"] is None else f"{step['alone']:.3f}"
        energies = f"{step['ternary_mJ']:.2f} mJ | {step['pruned_mJ']:.2f} mJ"
        walk.append(f"| {step['change']} | {energies} | {step['ratio']:.3f} | {alone} |")
    edit("claims.md", (r"\| change, (?:.*\n\|)*.*", "\n".join(walk)))
    rows = [
        "| format | reading | ratio | published | rank, mean | rank, maximum | error, mean "
        "| error, maximum |",
        "|---" * 8 + "|",
    ]  # fmt: skip
    for reading in ("fitted", "unfitted"):
        for name, one in found[reading].items():
            rows.append(
                f"| {name} | {reading} | {one['ratio_80_over_ternary']:.3f} "
                f"| {found['published']['ratio_80_over_ternary'][name]:.3f} "
                f"| {one['rank_correlation_mean']:.3f} | {one['rank_correlation_max']:.3f} "
                f"| {100 * one['mare_mean']:.1f} % | {100 * one['mare_max']:.1f} % |"
            )
    edit("validation.md", (r"\| format \| reading (?:.*\n\|)*.*", "\n".join(rows)))


def search_page(study: dict[str, Any]) -> None:
    took = f"{study['study_seconds']:.1f} s, {study['study_cpu_seconds']:.1f} CPU s"
    edit(
        "search.md",
        (r"\| [\d,]+ searches \| [^|]* \|", f"| {study['searches']:,} searches | {took} |"),
        (r"\| mappings decided per CPU second \| [^|]* \|",
         f"| mappings decided per CPU second | {study['mappings_per_cpu_second'] / 1e6:.2f} M |"),
        (r"\| of these priced one by one \| [^|]* \|",
         "| of these priced one by one | "
         f"{study['priced_one_by_one_per_cpu_second'] / 1e6:.2f} M |"),
        (r"\| peak memory \| [^|]* \|", f"| peak memory | {study['peak_MiB']} MiB |"),
    )  # fmt: skip


def claims_page() -> None:
    told = (RESULTS / "claims" / "claims.md").read_text("utf-8")
    table = "\n".join(line for line in told.splitlines() if line.startswith("|"))
    edit("claims.md", (r"\| claim \|(?:.*\n\|)*.*", table.replace("\\", r"\\")))


def gestures_page(trials: dict[str, Any]) -> None:
    from reprice import read

    main = {
        (row["strategy"], row["weight_bits"], float(row["sparsity"])): row
        for row in read("gestures-points.csv")
        if (row["format"], row["statistic"], row["assumption"]) == ("RLE", "mean", "")
    }
    rows = {
        "float, priced at 8 bits": ("float", "", 0.0),
        "8 bits": ("quantize", "8", 0.0),
        "4 bits": ("quantize", "4", 0.0),
        "3 bits": ("quantize", "3", 0.0),
        r"\*\*ternary\*\*": ("quantize", "2", 0.0),
        "75 % pruned": ("prune", "", 0.75),
        "80 % pruned": ("prune", "", 0.8),
        "75 % pruned, 8 bits, jointly": ("joint", "8", 0.75),
    }
    changes = []
    for label, key in rows.items():
        energy, edp = float(main[key]["energy_pj"]) * 1e-6, float(main[key]["edp_js"]) * 1e9
        bold = "**" if "ternary" in label else ""
        cells = f"{bold}{energy:,.0f} µJ{bold} | {bold}{edp:,.0f} nJ s{bold}"
        changes.append((rf"(\n\| {label} \| [^|]* \|) [^|]* \| [^|]* \|", rf"\1 {cells} |"))
    for setting in ("quantize 8b", "quantize 2b"):
        for statistic in ("mean", "max"):
            cells = " | ".join(
                f"{one['energy_uj'][statistic]:,.0f} µJ"
                for one in trials["settings"][setting].values()
            )
            label = f"energy, {setting}, {statistic} density"
            changes.append((rf"\| {label} \| [^\n]*", f"| {label} | {cells} |"))
    edit("gestures.md", *changes)


STEPS: dict[str, Callable[[], None]] = {
    "explain": explain,
    "validation": validation,
    "search": search,
    **{name: study(name) for name in STUDIES},
    "claims": claims,
    "trials": trials,
    "pages": pages,
}

if __name__ == "__main__":
    main()
