"""A search that is followed, and ended early with the best so far."""

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.model.case import Case
from leanspike.hardware.search import Watch, search
from leanspike.hardware.search.exhaustive import search_each
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

CHIP = Architecture(
    name="two levels",
    levels=[
        {"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"],
         "energy": {"read": 100, "update": 100}},
        {"name": "buffer", "keeps": ["Weights", "Inputs", "Outputs"], "depth": 64,
         "width": 8, "energy": {"read": 1, "update": 1}},
    ],
)  # fmt: skip
LAYERS = (Layer(name="one", C=24, M=12, P=4), Layer(name="two", C=8, M=4, P=2))


def cases():
    return [Case.of(layer, CHIP, Semantics.preset("physical")) for layer in LAYERS]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Batches of a few mappings, so that a small map space has several."""
    import leanspike.hardware.search.groups as groups
    import leanspike.hardware.search.walks as walks

    monkeypatch.setattr(groups, "_BATCH", 16)
    blocks = walks.Walk.blocks
    monkeypatch.setattr(walks.Walk, "blocks", lambda self, case: blocks(self, case, rows=16))


def test_a_followed_search_finds_the_same_and_shows_how_it_came_there():
    shown = []
    found = search_each(cases(), "energy", Watch(shown.append))
    for result, layer in zip(found, LAYERS, strict=True):
        assert result.complete
        assert result.energy_pj == search(layer, CHIP, objective="energy").energy_pj
    first = [each for each in shown if each.layers == ("one",)]
    assert (first[0].number, first[0].total, first[0].considered) == (1, 2, 0)
    assert first[0].declared == found[0].mappings_total > 0
    considered = [each.considered for each in first]
    assert len(first) > 3
    assert considered == sorted(considered)
    best = [each.energy_pj for each in first if each.energy_pj is not None]
    assert best == sorted(best, reverse=True)
    assert best[-1] == found[0].energy_pj


def test_a_time_limit_is_shared_and_gives_the_best_so_far():
    shown, clock = [], iter(float(n) for n in range(10_000))
    # A second passes whenever the clock is read: 4 for two searches leave each about 2.
    watch = Watch(shown.append, seconds=4.0, clock=lambda: next(clock))
    found = search_each(cases(), "energy", watch)
    assert watch.stopped
    assert not watch.interrupted
    for result, layer in zip(found, LAYERS, strict=True):
        last = [each for each in shown if each.layers == (layer.name,)][-1]
        assert result.energy_pj == last.energy_pj
        assert result.energy_pj >= search(layer, CHIP, objective="energy").energy_pj
        assert result.case.cost(result.mapping).energy_pj == pytest.approx(result.energy_pj)
    assert not found[0].complete


def test_an_interruption_keeps_the_best_and_names_what_was_not_searched():
    def show(progress):
        if progress.energy_pj is not None:
            raise KeyboardInterrupt

    watch = Watch(show)
    one, two = search_each(cases(), "energy", watch)
    assert watch.interrupted
    assert not one.complete
    assert one.energy_pj > 0
    assert isinstance(two, InputError)
    assert str(two) == "two: interrupted before a legal mapping was found"


def test_without_a_watch_an_interruption_stays_one(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("leanspike.hardware.search.exhaustive._search_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search_each(cases(), "energy")


def test_a_limit_must_be_above_nothing():
    with pytest.raises(InputError, match="time limit: 0 is not above 0"):
        Watch(seconds=0)
