import sys
import warnings
from pathlib import Path

import pytest

from leanspike.study.file import CompressionSection, HardwareSection, StudyFile
from leanspike.study.plan import plan
from leanspike.study.point_result import Cost, LayerCost, LayerWeights, PointResult
from leanspike.study.points import Point
from leanspike.study.results import Results
from leanspike.study.store import Store

sys.path.insert(0, str(Path(__file__).parent))  # for `killing`, which these tests share

with warnings.catch_warnings():
    # What lightning's own imports warn of (torchmetrics loads matplotlib styles) is not ours.
    warnings.simplefilter("ignore")
    import lightning.pytorch  # noqa: F401

DATA = {"name": "made up", "fingerprint": "f" * 64}


@pytest.fixture
def study():
    """Two seeds of five points each, priced on one reading."""
    return StudyFile(
        name="small",
        compression=CompressionSection(
            strategies=("quantize", "cumulative"), bits=(2, 4), pruning=(0.5,), epochs=4
        ),
        hardware=HardwareSection(formats=("RLE",), statistics=("mean",), assumptions=False),
        seeds=(0, 1),
    )


@pytest.fixture
def tasks(study):
    return plan(study, fingerprint=DATA["fingerprint"])


@pytest.fixture
def begin():
    """Open a store and put a study's plan into it."""

    def begun(path, study, **options):
        store = Store(path, create=True, **options)
        tasks = plan(study, fingerprint=DATA["fingerprint"])
        store.begin(study, tasks, data=DATA, provenance={})
        return store

    return begun


class FakeBench:
    """Does any task at once; its result tells the task and what it was given."""

    def __init__(self, wrong=()):
        self.ran = []
        self.wrong = dict(wrong)

    def run(self, task, *, result_of, on_epoch):
        self.ran.append(task.key)
        error = self.wrong.get(task.label)
        if error is not None:
            raise error
        given = result_of(task.needs) if task.needs else None
        return {"key": task.key, "given": given["key"] if given else None}


@pytest.fixture
def bench():
    return FakeBench


@pytest.fixture
def results():
    """Make up results of one point on two readings."""
    return made_up_results


def made_up_results(
    right=(True, True, False, True), *, energy=4.0, sha="a", file=None, fingerprint="f"
):
    """One point on two readings."""
    layer = LayerCost("conv1", energy, 10, 5, {"DRAM": energy})
    costs = tuple(
        Cost("chip", "RLE", statistic, None, energy, 10, 5e-8, 2e-19, (layer,))
        for statistic in ("mean", "max")
    )
    weights = LayerWeights("conv1", 100, 2, 0.5)
    densities = {"mean": 0.1, "max": 0.3}
    activity = {"conv1": {"inputs": densities, "outputs": densities}}
    point = PointResult(
        Point("quantize", 2, 0.0, 0), right, 0.7, (weights,), activity, costs, {"sha256": sha}
    )
    main = {"architectures": ["chip"], "formats": ["RLE"], "statistics": ["mean", "max"]}
    return Results(
        "x.db",
        {"name": "s", "hardware": main, **(file or {})},
        {"fingerprint": fingerprint},
        {},
        (point,),
        1,
        (),
    )
