import pytest

from leanspike.paper.column import NETWORKS
from leanspike.paper.columns import own_column
from leanspike.study import MainReading, StudyFile, settings
from leanspike.study.results.results import Results


@pytest.fixture(scope="module")
def own(results):
    return own_column(results)


def test_marks_are_the_means_over_seeds(own, results):
    main = MainReading.of(results)
    group = next(g for g in settings(results.priced) if g.name == "joint 2b 80%")
    mark = own.mark("joint", 2, 0.8)
    energies = [main.cost(result).energy_pj for result in group.results]
    assert mark.accuracy == pytest.approx(group.accuracy.mean)
    assert mark.energy == pytest.approx(sum(energies) / 3 * 1e-6)
    assert len(own.marks) == 17  # every setting but the float network


def test_lines_have_every_reading_in_order(own):
    assert [step.at for step in own.lines["quantize", "RLE", "mean"]] == [2, 3, 8]
    assert [step.at for step in own.lines["prune", "UOP", "max"]] == [0.8, 0.95]
    # of the made-up study: CP takes 1.25 times what RLE does
    rle, cp = (own.at("quantize", name, "mean", 2).energy for name in ("RLE", "CP"))
    assert cp / rle == pytest.approx(1.25)


def test_dense_networks_take_more_energy_with_more_bits(own):
    for format_ in ("RLE", "UOP"):
        energies = own.dense[format_]
        assert list(energies) == [2, 3, 8]
        assert energies[2] < energies[8]


def test_the_three_networks_are_taken_apart(own):
    assert tuple(own.breakdown) == NETWORKS
    for parts in own.breakdown.values():
        assert parts["DRAM"] == max(parts.values())


def test_what_was_not_tried_is_empty(made):
    column = own_column(Results.load(made(StudyFile(), until=1)))
    assert column.marks == ()
    assert not column.breakdown
