"""Three actions with their effect, against the prices that they follow from."""

from dataclasses import replace

import pytest

import made_up_study
from leanspike.report import actions, report_text
from leanspike.report.findings.fidelity import fidelity
from leanspike.study import StudyFile
from leanspike.study.results.results import Results


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    return Results.load(
        made_up_study.make(tmp_path_factory.mktemp("default") / "study.db", StudyFile())
    )


def test_the_effects_are_those_of_the_prices(default):
    found = actions(default)
    assert 1 <= len(found) <= 3
    effects = [action.effect for action in found]
    assert effects == sorted(effects)
    assert found[0].what.startswith("Ship ")
    energies = [p.cost("eyeriss_snn", "RLE", "mean").energy_pj for p in default.priced]
    base = energies[[p.point.setting for p in default.priced].index("float")]
    assert any(energy / base - 1 == pytest.approx(effects[0]) for energy in energies)


def test_narrow_membranes_take_the_energy_that_the_study_found(default):
    action = next(each for each in actions(default) if "membranes" in each.what)
    assert action.what == "Store membranes at 8 bits"
    assert action.effect == pytest.approx(made_up_study.NARROW - 1)
    assert "was not tried" in action.note
    older = replace(default, points=tuple(replace(p, narrow_pj=None) for p in default.points))
    assert not any("membranes" in each.what for each in actions(older))


def test_the_text_starts_with_what_to_ship_and_fits_80_columns(default):
    lines = report_text(default).splitlines()
    assert lines[0].startswith("Ship ")
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("event_driven") for line in lines)
    assert any(line.startswith("- Ship ") for line in lines)


def test_what_is_left_out_is_named_with_its_share(default):
    rows = dict(fidelity(default))
    assert set(rows) == {"Counted", "Modelled", "Left out"}
    assert "400 test recordings" in rows["Counted"]
    for name in default.file.hardware.architectures:
        assert f"On {name}: " in rows["Left out"]
