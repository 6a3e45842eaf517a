"""Points and studies made up from few numbers, for tests of what is said of them."""

import made_up_records as records
from leanspike.study import Point, PointResult, StudyFile
from leanspike.study.records import Cost
from leanspike.study.results.results import Results

READINGS = [("RLE", "mean", None), ("CP", "mean", None), ("RLE", "max", None),
            ("RLE", "mean", "membrane_state")]  # fmt: skip


def point(strategy, bits, sparsity, *, right, energy, flipped=None, seed=0):
    costs = tuple(
        Cost("a", format_, statistic, switch,
             energy * (2 if format_ == "CP" else 1) * (3 if statistic == "max" else 1)
             if switch is None else (flipped or energy), 1, 1, 1, ())
        for format_, statistic, switch in READINGS
    )  # fmt: skip
    layer = records.weights(count=8000, bits=bits or 8, sparsity=sparsity)
    measured = records.measured((i < right for i in range(1000)), [layer])
    return PointResult(
        "measure", Point(strategy, bits, sparsity, seed), measured, 8, costs, classes=10
    )


def study(*points, planned=None):
    hardware = {"architectures": ["a"], "formats": ["RLE", "CP"], "statistics": ["mean", "max"]}
    file = StudyFile(hardware=hardware)
    return results(file, points, planned)


def results(file, points, planned=None):
    count = planned or len(points)
    return Results("x.db", file, records.data(), records.PROVENANCE, points, count, ())


FLOAT = point("float", None, 0.0, right=950, energy=20e6)
TERNARY = point("quantize", 2, 0.0, right=949, energy=10e6)
EIGHT = point("quantize", 8, 0.0, right=951, energy=20e6)
PRUNED = point("prune", None, 0.8, right=950, energy=14.5e6, flipped=9e6)
BROKEN = point("joint", 2, 0.95, right=600, energy=5e6)
