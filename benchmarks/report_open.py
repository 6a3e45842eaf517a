"""How long a report of a thousand points takes to open in headless Chromium.

    python benchmarks/report_open.py [--points 1000] [--runs 5] [--out FILE]

A made-up study of that many settings, through the real store: numbers from formulas with noise in
every digit, so that nothing compresses better than in a real one. Measured from the start of the
navigation (from a server on this machine) until the front is drawn and the page answers clicks, and
until every chart and the table are drawn; the median of the runs, each in a fresh browser profile.
Asked: under 2 s and 5 MB.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import asdict
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from statistics import median
from urllib.parse import parse_qs, urlsplit

from leanspike import __version__
from leanspike.report import build_report
from leanspike.study import Point, StudyFile, grid
from leanspike.study.file.study_file import HardwareSection
from leanspike.study.plan.tasks import plan
from leanspike.study.records import (
    MeasureResult,
    PriceResult,
    Provenance,
    StudyData,
    TrainResult,
    read,
)
from leanspike.study.work.pricing import readings
from leanspike.study.work.store import Store

LAYERS = {"conv1": 288, "conv2": 4608, "conv3": 9216, "dense1": 65536, "dense2": 12800}
PARTS = ("DRAM", "shared_glb", "ifmap_spad", "weights_spad", "psum_spad", "adder", "neuron")
TENSORS = {"Weights": 0.3, "Inputs": 0.2, "Outputs": 0.2, "State": 0.25, "-": 0.05}
FORMATS = {"RLE": 1.0, "own": 1.0, "UOP": 1.9, "UBM": 1.05, "CP": 1.1, "none": 2.0}
MAPPING = ["T=20 Q=64 | |", "P=128 | | Q=2", " | S=3 M=8 |", " | |", "R=3 C=2 | |", "M=16 | |"]
SAMPLES = 1000
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1200,900",
)  # fmt: skip
PROBE = """<script>
(async () => {
  const root = document.documentElement;
  const when = async (mark) => {
    while (root.dataset[mark] !== "yes") await new Promise((r) => setTimeout(r, 5));
    return performance.now();
  };
  const ready = await when("ready");
  await fetch(`/seen?ready=${ready}&drawn=${await when("drawn")}`);
})();
</script></body>"""


def large(points: int) -> StudyFile:
    """Return a study of at least so many settings and one seed."""
    fractions = 1
    while True:
        pruning = tuple(round(0.3 + 0.69 * i / fractions, 6) for i in range(fractions))
        compression = {"bits": tuple(range(2, 10)), "pruning": pruning}
        study = StudyFile(name="many points", compression=compression)
        if len(grid(study)) >= points:
            return study
        fractions += 1


def measured(point: Point, draw: random.Random) -> MeasureResult:
    """Make up one point's measurement."""
    bits, pruned = point.weight_bits, point.sparsity
    right = "".join("01"[draw.random() < 0.97 - 0.2 * pruned**4] for _ in range(SAMPLES))
    zeros = [min(0.999, pruned + draw.uniform(0, 0.1)) for _ in LAYERS]
    layers = [
        {"name": name, "weights": n, "bits": bits or 32, "sparsity": zero, "pruned": pruned}
        for (name, n), zero in zip(LAYERS.items(), zeros, strict=True)
    ]
    densities = []
    for layer in layers:
        mean = draw.uniform(0.02, 0.2)
        both = {"mean": mean, "max": 2 * mean}
        weights = dict.fromkeys(("mean", "max"), 1 - layer["sparsity"])
        density = {"weights": weights, "inputs": both, "outputs": both}
        densities.append({"name": layer["name"], "C": 1, "M": layer["weights"], "density": density})
    found = {"right": right, "validation_accuracy": 0.95, "weight_bits": bits, "layers": layers,
             "sha256": "0" * 64, "checkpoint": "best.safetensors",
             "workload": {"layers": densities}}  # fmt: skip
    return read(MeasureResult, found, where="made up")


def priced(found: MeasureResult, hardware: HardwareSection, draw: random.Random) -> PriceResult:
    """Make up one point's costs in every reading."""
    bits = found.weight_bits or hardware.unquantized_bits
    costs = []
    for reading in readings(hardware):
        layers = []
        for layer in found.layers:
            scale = layer.weights * bits * (1.1 - layer.sparsity) * FORMATS[reading.format]
            parts = {part: scale * draw.uniform(0.5, 1.5) for part in PARTS}
            energy = sum(parts.values())
            layers.append({"name": layer.name, "energy_pj": energy,
                           "cycles": scale * draw.uniform(0.5, 1.5), "computes": scale / 3,
                           "components": parts, "mapping": MAPPING,
                           "tensors": {k: energy * v for k, v in TENSORS.items()}})  # fmt: skip
        energy = sum(layer["energy_pj"] for layer in layers)
        cycles = sum(layer["cycles"] for layer in layers)
        costs.append({**asdict(reading), "energy_pj": energy, "cycles": cycles,
                      "latency_s": cycles * 5e-9, "edp_js": energy * cycles * 5e-21,
                      "layers": layers})  # fmt: skip
    return read(PriceResult, {"costs": costs}, where="made up")


def fill(path: Path, study: StudyFile) -> int:
    """Write the study's database; return how many points it has."""
    draw = random.Random(0)
    data = StudyData("made-up", "ab" * 32, 10, (2, 34, 34), 10, (1200, 200, SAMPLES))
    provenance = Provenance(__version__, None, platform.python_version(), {}, "made up")
    store = Store(path, create=True)
    store.begin(study, plan(study, fingerprint=data.fingerprint), data=data, provenance=provenance)
    points = 0
    while (task := store.claim("benchmark:1")) is not None:
        recipe = task.recipe
        if isinstance(recipe, Point):
            result, points = measured(recipe, draw), points + 1
        elif isinstance(recipe, HardwareSection):
            result = priced(store.result(task.needs, MeasureResult), recipe, draw)
        else:
            result = TrainResult("best.safetensors", "0" * 64, 0, 0.95, (), recipe)
        store.finish(task.key, "benchmark:1", result, seconds=0)
    store.close()
    return points


def opening_ms(browser: str, page: str, folder: Path) -> tuple[float, float]:
    """Open a page in a fresh browser; return when it answered and when all of it was drawn."""
    seen: Queue[tuple[float, float]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/seen":
                times = parse_qs(asked.query)
                seen.put((float(times["ready"][0]), float(times["drawn"][0])))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode() if asked.path == "/" else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    line = [browser, *FLAGS, f"--user-data-dir={folder}", "--remote-debugging-port=0", address]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return seen.get(timeout=120)
    except Empty:
        raise SystemExit("the page was not ready within two minutes") from None
    finally:
        process.terminate()
        process.wait()
        server.shutdown()


def main() -> None:
    """Build, open, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("needs Chromium (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        points = fill(folder / "study.db", large(options.points))
        started = time.perf_counter()
        page = build_report(folder, folder)
        building = time.perf_counter() - started
        size = page.stat().st_size
        text = page.read_text(encoding="utf-8")
        probed = text.replace("</body>", PROBE)
        times = [opening_ms(browser, probed, folder / f"p{i}") for i in range(options.runs)]
    version = subprocess.run([browser, "--version"], capture_output=True, text=True, check=True)
    result = {
        "points": points,
        "page_megabytes": round(size / 1e6, 3),
        "open_seconds": round(median(ready for ready, _ in times) / 1000, 3),
        "all_drawn_seconds": round(median(drawn for _, drawn in times) / 1000, 3),
        "open_seconds_each": [round(ready / 1000, 3) for ready, _ in times],
        "build_seconds": round(building, 1),
        "made with": {
            "command": f"python benchmarks/report_open.py --points {options.points}"
            f" --runs {options.runs}",
            "leanspike": __version__,
            "python": platform.python_version(),
            "browser": version.stdout.strip(),
            "date": date.today().isoformat(),
        },
    }
    print(json.dumps(result, indent=1))
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"open_seconds={result['open_seconds']} page_megabytes={result['page_megabytes']}")


if __name__ == "__main__":
    main()
