"""Random inputs with Timeloop v3.0.3's own results, or its refusal.

``random_cases.jsonl`` holds one input a line with what Timeloop (commit 6b41058) printed for it, or
why it stopped. They mix levels, arrays, formats, conditions, rows, bandwidths and bypasses freely.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from fields import differences

from leanspike.errors import InputError
from leanspike.hardware.timeloop.report import timeloop_report

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "random_cases.jsonl").read_text().splitlines()
]
PRICED = [case for case in CASES if "expected" in case]
REFUSED = [case for case in CASES if "refused" in case]


def name(case):
    return f"seed{case['seed']}"


@pytest.mark.parametrize("case", PRICED, ids=name)
def test_every_field_equals_timeloops(tmp_path, case):
    path = tmp_path / "input.yaml"
    path.write_text(yaml.safe_dump(case["input"]))
    found = timeloop_report(path)
    found.pop("ignored_keys", None)
    assert list(differences(found, case["expected"])) == []


@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_what_timeloop_refuses_is_refused(tmp_path, case):
    path = tmp_path / "input.yaml"
    path.write_text(yaml.safe_dump(case["input"]))
    with pytest.raises(InputError):
        timeloop_report(path)
