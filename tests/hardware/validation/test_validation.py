import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.reference import published_energy
from leanspike.hardware.validation import (
    SNE,
    compare_with_paper,
    line_through,
    published_settings,
    rank_correlation,
    relative_error,
    sne_network,
    vgg_quantized,
    vgg_spiking,
)

numbers = st.lists(st.integers(-5, 5), min_size=2, max_size=12)


@given(numbers, st.data())
def test_rank_correlation_is_scipys(first: list[int], data: st.DataObject) -> None:
    scipy = pytest.importorskip("scipy.stats")
    second = data.draw(st.lists(st.integers(-5, 5), min_size=len(first), max_size=len(first)))
    assume(len(set(first)) > 1)
    assume(len(set(second)) > 1)
    expected = scipy.spearmanr(first, second).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)


def test_without_order_there_is_no_rank_correlation() -> None:
    with pytest.raises(InputError, match="no order"):
        rank_correlation([1, 1], [1, 2])
    with pytest.raises(InputError, match="1 values against 2"):
        rank_correlation([1], [1, 2])


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


def test_sne_prints_a_line_with_a_floor() -> None:
    slope, floor = line_through(SNE.activities, SNE.energies_uj)
    assert slope * 0.01 == pytest.approx(48.9, abs=0.1)  # uJ per percent of activity
    assert floor == pytest.approx(21.3, abs=0.1)
    assert np.array(SNE.operations) == pytest.approx([3.62e8, 1.181e9], rel=1e-3)
    assert relative_error(2, 4) == -0.5


def test_networks_of_the_comparisons() -> None:
    sne = sne_network(0.012, steps=100)
    assert sum(layer.accumulates for layer in sne.layers) == 100 * (
        32 * 32 * 16 * 2 * 25 + 16 * 16 * 32 * 16 * 9 + 2048 * 512 + 512 * 11
    )
    assert all(layer.density_of("Inputs") == 0.012 for layer in sne.layers)
    spiking, dense = vgg_spiking(ticks=16, spiking=0.1), vgg_quantized(bits=4, density=0.1)
    effectual = [layer.accumulates * layer.density_of("Inputs") for layer in spiking.layers]
    # One spike stands for one value: both networks have the same work that cannot be skipped.
    assert effectual == pytest.approx([x.accumulates * 0.1 for x in dense.layers])
    assert not any(layer.neurons for layer in dense.layers)
