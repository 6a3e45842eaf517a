"""Timeloop v3.0.3's own results for fixed mappings, field by field.

``cases/*/input.yaml`` are inputs, ``expected.json`` what Timeloop (commit 6b41058) made of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fields import differences

from leanspike.hardware.timeloop.report import timeloop_report

CASES = Path(__file__).parent / "cases"
FOUND = sorted(CASES.glob("*/expected.json"))


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.parent.name)
def test_every_field_equals_timeloops(case):
    expected = json.loads(case.read_text())
    expected = {key: expected[key] for key in expected if key not in ("case", "description")}
    found = timeloop_report(case.parent / "input.yaml", semantics="sparseloop")
    assert list(differences(found, expected)) == []


def test_a_tile_that_always_holds_something_is_sent_to_every_instance():
    """Timeloop takes the smallest occupancy's probability, here 1 for two of two values, for that
    of an empty tile, and sends none: its ``instances_avg`` is 0. All else is equal.
    """
    case = Path(__file__).parent / "hypergeometric_min"
    expected = json.loads((case / "expected.json").read_text())
    expected = {key: expected[key] for key in expected if key not in ("case", "description")}
    stated = list(differences(timeloop_report(case / "input.yaml"), expected))
    assert (".counts.GLB.A.instances_avg", 1.0, 0) in stated
    assert all("energy" in path or path.endswith("instances_avg") for path, _, _ in stated)
