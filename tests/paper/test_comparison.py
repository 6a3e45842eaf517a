import pytest

from leanspike.errors import InputError
from leanspike.paper.comparison import compare_with_paper, published_settings
from leanspike.paper.published import published_energy

pytest.importorskip("scipy")


def test_the_paper_agrees_with_itself() -> None:
    rows = [row for row in published_energy() if row.strategy == "joint"]
    own = {
        (row.format, row.statistic, row.prune_fraction, row.weight_bits): 2 * row.energy_uj
        for row in rows
    }
    assert set(own) == set(published_settings())
    found = compare_with_paper(own)
    assert found.pruned_over_ternary == found.published_pruned_over_ternary
    assert found.pruned_over_ternary["RLE", "mean"] == pytest.approx(1.457, abs=5e-4)
    assert min(found.rank_correlation.values()) > 0.9  # the other strategy's rows differ a little
    assert found.published_format_order["mean"][0] == "RLE"
    assert found.scale == pytest.approx(2, rel=0.02)
    del own["RLE", "mean", 0.8, 8]
    with pytest.raises(InputError, match=r"no energy for \('RLE', 'mean', 0.8, 8\)"):
        compare_with_paper(own)
