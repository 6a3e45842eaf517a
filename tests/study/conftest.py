import sys
import warnings
from pathlib import Path

import pytest

import made_up_records as made_up
from leanspike.study.file.study_file import CompressionSection, HardwareSection, StudyFile
from leanspike.study.plan.points import Point
from leanspike.study.plan.tasks import plan
from leanspike.study.records import Cost, LayerPrice
from leanspike.study.results.point_result import PointResult
from leanspike.study.results.results import Results
from leanspike.study.work.store import Store

sys.path.insert(0, str(Path(__file__).parent))  # for `killing`, which these tests share

with warnings.catch_warnings():
    # What lightning's own imports warn of (torchmetrics loads matplotlib styles) is not ours.
    warnings.simplefilter("ignore")
    import lightning.pytorch  # noqa: F401

DATA = made_up.data()


@pytest.fixture
def study():
    """Two seeds of five points each, priced on one reading."""
    return StudyFile(
        name="small",
        compression=CompressionSection(
            recipe="published",
            strategies=("quantize", "cumulative"),
            bits=(2, 4),
            pruning=(0.5,),
            epochs=4,
        ),
        hardware=HardwareSection(
            architectures=("eyeriss_snn",),
            formats=("RLE",),
            statistics=("mean",),
            assumptions=False,
        ),
        seeds=(0, 1),
    )


@pytest.fixture
def tasks(study):
    return plan(study, fingerprint=DATA.fingerprint)


@pytest.fixture
def begin():
    """Open a store and put a study's plan into it."""

    def begun(path, study, **options):
        store = Store(path, create=True, **options)
        tasks = plan(study, fingerprint=DATA.fingerprint)
        store.begin(study, tasks, data=DATA, provenance=made_up.PROVENANCE)
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
        given = result_of(task.needs, made_up.Made) if task.needs else None
        return made_up.Made(task.key, given.key if given else None)


@pytest.fixture
def bench():
    return FakeBench


@pytest.fixture
def results():
    """Make up results of one point on two readings."""
    return made_up_results


def made_up_results(
    right=(True, True, False, True), *, energy=4.0, sha="a", fingerprint="f", **file
):
    """One point on two readings."""
    layer = LayerPrice("conv1", energy, 10, 5, {"DRAM": energy})
    costs = tuple(
        Cost("chip", "RLE", statistic, None, energy, 10, 5e-8, 2e-19, (layer,))
        for statistic in ("mean", "max")
    )
    measured = made_up.measured(right, [made_up.weights()], sha=sha, accuracy=0.7)
    point = PointResult("measure", Point("quantize", 2, 0.0, 0), measured, 8, costs)
    hardware = {"architectures": ["chip"], "formats": ["RLE"], "statistics": ["mean", "max"]}
    study = StudyFile(name="s", hardware=hardware, **file)
    data = made_up.data(fingerprint)
    return Results("x.db", study, data, made_up.PROVENANCE, (point,), 1, ())
