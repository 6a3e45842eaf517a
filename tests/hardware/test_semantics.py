"""Switches: complete, described, and kept apart by name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from leanspike.errors import InputError
from leanspike.hardware.price import semantics_name
from leanspike.hardware.semantics import Semantics

SWITCHES = [item.name for item in fields(Semantics)]
PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_says_what_it_does_and_has_a_section(switch):
    says = next(item.metadata["says"] for item in fields(Semantics) if item.name == switch)
    assert "off:" in says
    page = PAGE.read_text()
    assert f"### `{switch}`" in page
    assert says[1:] in page


@pytest.mark.parametrize("switch", SWITCHES)
def test_flipping_twice_is_nothing(switch):
    rules = Semantics()
    assert rules.flipped(switch) != rules
    assert rules.flipped(switch).flipped(switch) == rules


def test_names_of_presets_and_of_changes():
    assert semantics_name(Semantics()) == "physical"
    assert semantics_name(Semantics.preset("sparseloop")) == "sparseloop"
    assert semantics_name(Semantics.preset("timeloop2022")) == "timeloop2022"
    changed = semantics_name(Semantics().flipped("first_fill"))
    assert changed == "physical with first_fill=True"


def test_unknown_names():
    with pytest.raises(
        InputError, match="found 'real', expected physical, sparseloop, timeloop2022"
    ):
        Semantics.preset("real")
    with pytest.raises(InputError, match="no switch 'membrane'"):
        Semantics().flipped("membrane")
