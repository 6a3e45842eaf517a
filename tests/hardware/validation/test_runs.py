import pytest

from leanspike.hardware.semantics import Semantics
from leanspike.hardware.validation.runs import (
    PRUNED,
    TERNARY,
    paper_architecture,
    paper_energies,
    seneca_run,
    sne_run,
)


def test_snes_synaptic_operation_is_priced_within_a_factor_of_three() -> None:
    found = sne_run(steps=100)
    assert 0.221 / 3 < found["pj_per_operation_high"] < 0.221 * 3
    assert 0 < found["floor_share"] < 1


def test_senecas_synaptic_operation_is_priced_within_a_factor_of_three() -> None:
    found = seneca_run(activity=0.2, steps=20)
    assert 2.8 / 3 < found["core"] < 2.8 * 3
    assert min(found.values()) > 0


@pytest.mark.slow
def test_the_papers_text_skips_what_its_files_access() -> None:
    """The claim under both readings, on the two settings it is about."""
    semantics = Semantics.preset("sparseloop")
    settings = [TERNARY, PRUNED]
    files = paper_energies(
        settings, architecture=paper_architecture(as_text=False), semantics=semantics
    )
    text = paper_energies(
        settings, architecture=paper_architecture(as_text=True), semantics=semantics
    )
    for setting in settings:
        assert 0 < text[setting] < files[setting]
    # Constant costs (dense sums, uncompressed outputs) hide what weights cost.
    assert 1 < files[PRUNED] / files[TERNARY] < text[PRUNED] / text[TERNARY]
