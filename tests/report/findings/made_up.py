"""Points and studies made up from few numbers, for tests of what is said of them."""

from leanspike.study import Point, PointResult, StudyFile
from leanspike.study.point_result import Cost, LayerWeights
from leanspike.study.results import Results

READINGS = [("RLE", "mean", None), ("CP", "mean", None), ("RLE", "max", None),
            ("RLE", "mean", "membrane_state")]  # fmt: skip


def point(strategy, bits, sparsity, *, right, energy, flipped=None, seed=0):
    costs = tuple(
        Cost("a", format_, statistic, switch,
             energy * (2 if format_ == "CP" else 1) * (3 if statistic == "max" else 1)
             if switch is None else (flipped or energy), 1, 1, 1, ())
        for format_, statistic, switch in READINGS
    )  # fmt: skip
    layer = LayerWeights("conv1", 8000, bits or 8, sparsity)
    marks = tuple(i < right for i in range(1000))
    return PointResult(Point(strategy, bits, sparsity, seed), marks, 0.9, (layer,), {}, costs, {})


def study(*points, planned=None):
    hardware = {"architectures": ["a"], "formats": ["RLE", "CP"], "statistics": ["mean", "max"]}
    file = StudyFile(hardware=hardware).plain()
    return Results("x.db", file, {}, {}, points, planned or len(points), ())


FLOAT = point("float", None, 0.0, right=950, energy=20e6)
TERNARY = point("quantize", 2, 0.0, right=949, energy=10e6)
EIGHT = point("quantize", 8, 0.0, right=951, energy=20e6)
PRUNED = point("prune", None, 0.8, right=950, energy=14.5e6, flipped=9e6)
BROKEN = point("joint", 2, 0.95, right=600, energy=5e6)
