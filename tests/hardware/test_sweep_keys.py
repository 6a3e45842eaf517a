"""Paths into nested data: what they reach, and what they say when they reach nothing."""

from __future__ import annotations

import pytest

from leanspike.errors import InputError
from leanspike.hardware.sweep import with_key

DATA = {
    "name": "chip",
    "levels": [{"name": "DRAM", "fanout": None}, {"name": "buffer", "depth": 8}],
    "compute": {"energy": {"compute": 0.5}},
}


def test_a_path_reaches_mappings_and_named_items() -> None:
    changed = with_key(DATA, "levels.buffer.depth", 16)
    assert changed["levels"][1] == {"name": "buffer", "depth": 16}
    assert with_key(DATA, "compute.energy.compute", 1)["compute"] == {"energy": {"compute": 1}}
    assert with_key(DATA, "levels.DRAM", {"name": "HBM"})["levels"][0] == {"name": "HBM"}


def test_the_original_stays_as_it_was() -> None:
    with_key(DATA, "levels.buffer.depth", 16)
    assert DATA["levels"][1] == {"name": "buffer", "depth": 8}


def test_a_field_at_its_default_can_be_given() -> None:
    assert with_key(DATA, "levels.buffer.width", 64)["levels"][1]["width"] == 64
    assert with_key(DATA, "levels.DRAM.fanout.x", 4)["levels"][0]["fanout"] == {"x": 4}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("level.buffer.depth", "no 'level' here; did you mean 'levels'"),
        ("levels.bufer.depth", "did you mean 'buffer'"),
        ("levels.3", "no '3' here. Keys: DRAM, buffer"),
        ("name.first", "a plain value"),
    ],
)
def test_a_path_to_nothing_names_what_there_is(path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_key(DATA, path, 1)
