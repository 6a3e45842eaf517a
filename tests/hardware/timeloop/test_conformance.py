"""Timeloop v3.0.3's own results for fixed mappings, field by field.

``cases/*/input.yaml`` are inputs, ``expected.json`` what Timeloop (commit 6b41058) made of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leanspike.hardware.timeloop.report import timeloop_report

CASES = Path(__file__).parent / "cases"
FOUND = sorted(CASES.glob("*/expected.json"))


def differences(found, expected, path=""):
    """Yield the places where the two differ; energies may by cents, averages by hundredths."""
    if isinstance(expected, dict):
        if not isinstance(found, dict) or found.keys() != expected.keys():
            yield path, found, expected
            return
        for key in expected:
            yield from differences(found[key], expected[key], f"{path}.{key}")
    elif isinstance(expected, (int, float)) and isinstance(found, (int, float)):
        loose = "energy" in path or path.endswith("instances_avg")
        if abs(found - expected) > (0.03 if loose else 0):
            yield path, found, expected
    elif found != expected:
        yield path, found, expected


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.parent.name)
def test_every_field_equals_timeloops(case):
    expected = json.loads(case.read_text())
    expected = {key: expected[key] for key in expected if key not in ("case", "description")}
    found = timeloop_report(case.parent / "input.yaml", semantics="sparseloop")
    assert list(differences(found, expected)) == []
