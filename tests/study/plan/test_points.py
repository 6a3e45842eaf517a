from hypothesis import given
from hypothesis import strategies as st

from leanspike.study.file.study_file import CompressionSection, StudyFile
from leanspike.study.plan.points import Point, grid


def test_the_default_grid_point_by_point():
    names = [point.setting for point in grid(StudyFile())]
    assert names == [
        "float",
        "control",
        *[f"quantize {b}b" for b in (2, 3, 8)],
        "prune 80%",
        "prune 95%",
        *[f"{s} {b}b {p}%" for s in ("cumulative",) for p in (80, 95) for b in (2, 3, 8)],
    ]


@given(
    bits=st.lists(st.integers(1, 16), min_size=1, max_size=4, unique=True),
    pruning=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4, unique=True),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
)
def test_size_and_distinctness(bits, pruning, seeds):
    study = StudyFile(compression=CompressionSection(bits=bits, pruning=pruning), seeds=seeds)
    points = grid(study)
    b, p = len(bits), len(pruning)
    assert len(points) == len(seeds) * (2 + b + p + b * p)
    assert len(set(points)) == len(points)


def test_names_are_fit_for_files():
    assert Point("joint", 2, 0.925, seed=3).name == "joint-2b-92.5-s3"
    assert Point("float", None, 0.0, seed=0).name == "float-s0"
