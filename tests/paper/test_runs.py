import pytest

from leanspike.hardware.semantics import Semantics
from leanspike.paper.runs import PRUNED, TERNARY, paper_architecture, paper_energies


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
