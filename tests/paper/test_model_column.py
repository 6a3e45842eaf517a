import pytest

from leanspike.hardware.semantics import Semantics
from leanspike.paper.columns import Run, _price, _runs, without_zeros
from leanspike.paper.published import published_setting
from leanspike.paper.runs import paper_architecture, paper_energies


@pytest.fixture(scope="module")
def priced():
    runs = [Run(0.0, 2, "RLE", "mean"), Run(0.0, 2, "RLE", "mean", dense=True)]
    return _price(runs, paper_architecture(as_text=True), Semantics())


def test_energies_are_those_of_the_validation(priced):
    setting = ("RLE", "mean", 0.0, 2)
    other = paper_energies(
        [setting], architecture=paper_architecture(as_text=True), semantics=Semantics()
    )
    one = priced[Run(0.0, 2, "RLE", "mean")]
    assert one.energy_mj * 1e3 == pytest.approx(other[setting])


def test_components_per_accumulate_add_up_to_the_energy(priced):
    for one in priced.values():
        computes = sum(layer.cost.computes["actual"] for layer in one.layers)
        total = sum(one.per_compute().values()) * computes * 1e-9
        assert total == pytest.approx(one.energy_mj)


def test_zeros_are_counted_over_all_weights(priced):
    layers = published_setting(0.0, 2).layers
    kept = sum(layer.density_of("Weights") * layer.volume("Weights") for layer in layers)
    every = sum(layer.volume("Weights") for layer in layers)
    assert priced[Run(0.0, 2, "RLE", "mean")].zeros == pytest.approx(1 - kept / every)
    assert priced[Run(0.0, 2, "RLE", "mean", dense=True)].zeros == 0


def test_without_zeros_only_the_weights_change():
    before, after = published_setting(0.8, 8), without_zeros(published_setting(0.8, 8))
    for one, other in zip(before.layers, after.layers, strict=True):
        assert other.density_of("Weights") == 1
        assert other.density_of("Inputs") == one.density_of("Inputs")


def test_every_run_is_priced_once():
    assert len(_runs()) == len(set(_runs()))
