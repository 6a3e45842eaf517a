import pytest

from leanspike.hardware.semantics import Semantics
from leanspike.hardware.validation.runs import paper_energies, sne_run


def test_snes_synaptic_operation_is_priced_within_a_third() -> None:
    found = sne_run(steps=200)
    assert found["pj_per_operation_high"] == pytest.approx(0.221, rel=0.34)
    assert 0 < found["floor_share"] < 1


@pytest.mark.slow
def test_the_paper_settings_are_priced() -> None:
    semantics = Semantics.preset("sparseloop")
    settings = [("RLE", "mean", 0.0, 2), ("RLE", "mean", 0.8, 8)]
    found = paper_energies(settings, semantics=semantics)
    assert list(found) == settings
    assert found[settings[1]] > found[settings[0]] > 0
