"""Comparing a report with Timeloop's results, field by field."""

from __future__ import annotations


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
