"""Thinned counts in expectation, against every placement of the non-zeros there is.

The referee places the non-zeros of two small matrices in every possible way, walks the mapping
for each, and averages what is read, skipped and computed.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.actions import FILL, GATED, READ, SKIPPED
from leanspike.hardware.model.evaluate import evaluate
from leanspike.hardware.model.plan import Bits, Plan
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import Uniform
from leanspike.hardware.workload.problem import Problem

BOUNDS = {"M": 2, "N": 2, "K": 2}
ONE = {dim: ((dim, 1),) for dim in BOUNDS}
PROBLEM = Problem.build(
    BOUNDS,
    {"A": (ONE["M"], ONE["K"]), "B": (ONE["N"], ONE["K"]), "Z": (ONE["M"], ONE["N"])},
    written="Z",
)
NONZEROS = {"A": 2, "B": 1}


def matrices(count: int):
    """Every 2 x 2 matrix with ``count`` ones."""
    for places in combinations(range(4), count):
        flat = np.zeros(4, int)
        flat[list(places)] = 1
        yield flat.reshape(2, 2)


def placements():
    return list(product(matrices(NONZEROS["A"]), matrices(NONZEROS["B"])))


def model(mapping: Mapping, outer=(), inner=(), *, formats=False, gates=False):
    kind = "gates" if gates else "skips"
    layout = {"A": "UBM", "B": "UBM"} if formats else {}
    chip = Architecture(
        name="pair",
        levels=[
            {"name": "far", "keeps": ["A", "B", "Z"], kind: outer, "formats": layout},
            {"name": "near", "keeps": ["A", "B", "Z"], kind: inner, "formats": layout},
        ],
    )
    plan = Plan.of(chip, PROBLEM, Bits(dict.fromkeys("ABZ", 8), 8), Semantics())
    models = [Uniform(4, NONZEROS["A"]), Uniform(4, NONZEROS["B"]), Uniform(4, 4)]
    return evaluate(plan, mapping, models, Semantics()).row


def on(target: str, leader: str):
    return [{"target": target, "when_empty": [leader]}]


# The near level holds one row of A (K = 2) and one row of B; rows of B run inside rows of A.
ROWS = Mapping.from_text(PROBLEM.dims, ["M=2 N=2", "K=2"])


def test_scalar_conditions_read_and_compute_only_pairs():
    row = model(ROWS, inner=on("A", "B") + on("B", "A"))
    reads, skipped, computed = [], [], []
    for a, b in placements():
        steps = list(product(range(2), range(2), range(2)))
        reads.append(sum(b[n, k] for m, n, k in steps))
        skipped.append(sum(1 - b[n, k] for m, n, k in steps))
        computed.append(sum(a[m, k] * b[n, k] for m, n, k in steps))
    assert row.data[1, 0, READ] == pytest.approx(np.mean(reads))
    assert row.data[1, 0, READ + SKIPPED] == pytest.approx(np.mean(skipped))
    assert row.computes[0] == pytest.approx(np.mean(computed))


def test_zeros_that_metadata_tells_are_not_touched():
    row = model(ROWS, formats=True)
    fills = [a.sum() for a, _ in placements()]  # each row of A arrives once
    reads = [sum(a[m, k] for m, n, k in product(range(2), repeat=3)) for a, _ in placements()]
    assert row.data[1, 0, FILL] == pytest.approx(np.mean(fills))
    assert row.data[1, 0, READ] == pytest.approx(np.mean(reads))


def test_a_tile_is_left_alone_when_all_it_would_meet_is_zero():
    # A row of A stays while both rows of B pass: it waits for all of B, which is never empty.
    # A row of B stays for one row of A.
    row = model(ROWS, outer=on("B", "A") + on("A", "B"))
    read, skipped, arrived = [], [], []
    for a, _ in placements():
        visits = list(product(range(2), range(2)))
        read.append(sum(2 * a[m].any() for m, n in visits))
        skipped.append(sum(2 * (1 - a[m].any()) for m, n in visits))
        arrived.append(sum(2 * a[m].any() for m, n in visits))
    assert row.data[0, 1, READ] == pytest.approx(np.mean(read))
    assert row.data[0, 1, READ + SKIPPED] == pytest.approx(np.mean(skipped))
    assert row.data[1, 1, FILL] == pytest.approx(np.mean(arrived))
    assert row.data[0, 0, READ + SKIPPED] == pytest.approx(0.0)


def test_conditions_outside_and_inside_do_not_count_twice():
    row = model(ROWS, outer=on("B", "A"), inner=on("B", "A"), formats=True)
    fills, reads, skipped = [], [], []
    for a, b in placements():
        visits = list(product(range(2), range(2)))
        fills.append(sum(b[n].sum() * a[m].any() for m, n in visits))
        steps = product(range(2), repeat=3)
        reads.append(sum(b[n, k] * a[m, k] for m, n, k in steps))
        steps = product(range(2), repeat=3)
        skipped.append(sum(b[n, k] * (1 - a[m, k]) * a[m].any() for m, n, k in steps))
    assert row.data[1, 1, FILL] == pytest.approx(np.mean(fills))
    assert row.data[1, 1, READ] == pytest.approx(np.mean(reads))
    assert row.data[1, 1, READ + SKIPPED] == pytest.approx(np.mean(skipped))


def test_children_that_share_a_read_are_left_alone_together():
    mapping = Mapping.from_text(PROBLEM.dims, ["N=2 | | M=2", "K=2"])
    chip = Architecture(
        name="pair",
        levels=[
            {"name": "far", "keeps": ["A", "B", "Z"], "skips": on("B", "A"), "fanout": {"x": 2}},
            {"name": "near", "keeps": ["A", "B", "Z"]},
        ],
    )
    plan = Plan.of(chip, PROBLEM, Bits(dict.fromkeys("ABZ", 8), 8), Semantics())
    row = evaluate(plan, mapping, [Uniform(4, 1), Uniform(4, 4), Uniform(4, 4)], Semantics()).row
    # Each row of B is read once for both children: skipped only were all of A zero.
    assert row.data[0, 1, READ] == pytest.approx(4.0)
    # With a single non-zero somewhere, that never happens.
    assert row.data[0, 1, READ + SKIPPED] == pytest.approx(0.0)


def test_gating_keeps_the_cycle_and_skipping_frees_it():
    skipping = model(ROWS, inner=on("B", "A"))
    gating = model(ROWS, inner=on("B", "A"), gates=True)
    assert skipping.computes.sum() == pytest.approx(4.0)
    assert gating.data[1, 1, READ + GATED] == pytest.approx(skipping.data[1, 1, READ + SKIPPED])
    assert gating.computes[:2].tolist() == pytest.approx([4.0, 4.0])
