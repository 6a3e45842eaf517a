"""Three actions with their effect, against prices worked out here."""

import pytest

from leanspike.hardware.price import price
from leanspike.hardware.workload.workload import Bits
from leanspike.report import actions, report_text
from leanspike.report.findings.fidelity import fidelity
from leanspike.study import StudyFile
from leanspike.study.results.results import Results


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    from made_up_study import make

    return Results.load(make(tmp_path_factory.mktemp("default") / "study.db", StudyFile()))


def test_the_effects_are_those_of_the_prices(default):
    found = actions(default)
    assert 1 <= len(found) <= 3
    effects = [action.effect for action in found]
    assert effects == sorted(effects)
    assert found[0].what.startswith("Ship ")
    energies = [p.cost("eyeriss_snn", "RLE", "mean").energy_pj for p in default.priced]
    base = energies[[p.point.setting for p in default.priced].index("float")]
    assert any(energy / base - 1 == pytest.approx(effects[0]) for energy in energies)


def test_narrow_membranes_are_priced_again_on_the_same_activity(default):
    action = next(each for each in actions(default) if "membranes" in each.what)
    setting = action.of.removesuffix(" on eyeriss_snn")
    result = next(p for p in default.priced if p.point.setting == setting)
    workload = result.measured.workload
    assert result.measured.has_own_bits
    narrow = workload.replace(
        layers=tuple(x.replace(bits=Bits(**{**dict(x.bits), "state": 8})) for x in workload.layers)
    )
    wide, less = (price(w, "eyeriss_snn", formats="RLE").energy_pj for w in (workload, narrow))
    assert action.effect == pytest.approx(less / wide - 1)
    assert "was not tried" in action.note


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
