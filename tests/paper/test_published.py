import subprocess
import sys

import pytest

from leanspike.errors import InputError
from leanspike.hardware.workload.workload import Workload
from leanspike.paper.published import (
    INDUCED_SPARSITY,
    PRUNED_80_SPARSITY,
    PRUNED_OVER_TERNARY,
    TERNARY_SPARSITY,
    published_accuracy,
    published_breakdown,
    published_energy,
    published_setting,
)


def sparsity(workload: Workload) -> float:
    sizes = [layer.volume("Weights") for layer in workload.layers]
    kept = [
        layer.density_of("Weights") * size
        for layer, size in zip(workload.layers, sizes, strict=True)
    ]
    return 1 - sum(kept) / sum(sizes)


def test_the_tables_are_whole() -> None:
    rows = published_energy()
    settings = {(row.strategy, row.prune_fraction, row.weight_bits) for row in rows}
    assert len(rows) == 600
    assert len(settings) == 75
    assert settings == set(published_accuracy())
    assert {row.format for row in rows} == {"RLE", "UOP", "UBM", "CP"}
    by = {
        (row.prune_fraction, row.weight_bits): row.energy_uj
        for row in rows
        if (row.format, row.strategy, row.statistic) == ("RLE", "joint", "mean")
    }
    assert by[0.8, 8] / by[0.0, 2] == pytest.approx(PRUNED_OVER_TERNARY, abs=1e-3)
    assert pytest.approx(1.457, abs=1e-3) == PRUNED_OVER_TERNARY
    assert set(published_breakdown()) == {"ternary", "dense_8b", "sparse_8b"}


def test_printed_settings_are_taken_as_printed() -> None:
    ternary, pruned = published_setting(0.0, 2), published_setting(0.8, 8)
    for layer, other in zip(ternary.layers, pruned.layers, strict=True):
        assert layer.density_of("Weights") == pytest.approx(1 - TERNARY_SPARSITY[layer.name])
        assert other.density_of("Weights") == pytest.approx(1 - PRUNED_80_SPARSITY[layer.name])
        assert (layer.bits_of("Weights"), other.bits_of("Weights")) == (2, 8)
    # The bar charts (+-0.01) and the printed network totals tell of nearly the same networks.
    assert sparsity(ternary) == pytest.approx(INDUCED_SPARSITY[2], abs=0.015)
    assert sparsity(pruned) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("fraction", [0.75, 0.85, 0.9, 0.925, 0.95, 0.975])
def test_inferred_pruning_reaches_its_fraction(fraction: float) -> None:
    assert sparsity(published_setting(fraction, 8)) == pytest.approx(fraction, abs=1e-4)


@pytest.mark.parametrize("bits", [3, 4, 6, 8])
def test_inferred_quantization_reaches_what_is_printed(bits: int) -> None:
    assert sparsity(published_setting(0.0, bits)) == pytest.approx(INDUCED_SPARSITY[bits], abs=1e-4)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(InputError, match=r"prune_fraction: found 1\.0"):
        published_setting(1.0, 8)
    with pytest.raises(InputError, match="weight_bits: found 5"):
        published_setting(0.8, 5)


def test_the_published_table_needs_neither_torch_nor_matplotlib():
    code = "import sys, leanspike.paper.published; print({'torch', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
