"""Against the metadata capacities in the fixed Timeloop v3.0.3 cases."""

from math import ceil, floor

import pytest

from leanspike.hardware.sparseloop.formats import (
    CP,
    RLE,
    UBM,
    UOP,
    U,
    metadata_words,
    payload_words,
)
from leanspike.hardware.sparsity.density import FixedStructured


def p_nonempty(density: float, size: int) -> float:
    return float(1 - FixedStructured(density).p_empty(size))


def test_conv4_spads_of_ey1_conv4_rle_skip() -> None:
    # 192 weights at 0.32: rank0 metadata 63; 24 inputs at 0.1: 3.
    weights = metadata_words(RLE, 1, 192, p_nonempty(0.32, 192), p_nonempty(0.32, 1))
    inputs = metadata_words(RLE, 1, 24, p_nonempty(0.1, 24), p_nonempty(0.1, 1))
    assert weights == pytest.approx(61.44)
    assert ceil(weights) in (62, 63)
    assert ceil(inputs) == 3


@pytest.mark.parametrize(
    ("code", "metadata", "payload"),
    [
        (U, 0, 0),
        (UOP, 0, 4 * 0.5 * 9),
        (UBM, 4 * 0.5 * 8, 4 * 0.5 * 2),
        (CP, 4, 4),
        (RLE, 3.2, 3.2),
    ],
)
def test_rules(code: int, metadata: float, payload: float) -> None:
    assert metadata_words(code, 4, 8, 0.5, 0.2) == pytest.approx(metadata)
    assert payload_words(code, 4, 8, 0.5, 0.2) == pytest.approx(payload)
    assert floor(metadata_words(code, 4, 8, 0.0, 0.2)) == 0
