"""Requirements on a study, against the rows they are checked on."""

import pytest

from leanspike.cli.main import run
from leanspike.study import StudyFile
from leanspike.study.results.check import check, parse_requirement
from leanspike.study.results.results import Results
from leanspike.study.results.tables import setting_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from made_up_study import make

    path = tmp_path_factory.mktemp("checked")
    make(path / "study.db", StudyFile())
    return path


@pytest.fixture(scope="module")
def results(folder):
    return Results.load(folder)


def asked(**texts):
    return [parse_requirement(name, text) for name, text in texts.items()]


def test_the_least_energy_that_meets_everything_passes(results):
    rows = setting_rows(results)
    bound = sorted(row.accuracy.mean for row in rows)[len(rows) // 2]
    found = check(results, asked(accuracy=f">= {100 * bound} %", energy="<= 1 J"))
    fits = [row for row in rows if row.accuracy.mean >= bound]
    assert found.passed.setting == min(fits, key=lambda row: row.energy_pj.mean).setting
    assert str(found).startswith(f"passed: {found.passed.setting.name}")


def test_the_nearest_is_named_where_none_does(results):
    least = min(row.energy_pj.mean for row in setting_rows(results))
    found = check(results, asked(energy=f"<= {least / 2e6} uJ"))
    assert found.passed is None
    assert found.nearest.energy_pj.mean == least
    assert "none meets energy" in str(found)
    assert f"energy {least / 1e6:.4g} uJ" in str(found)


def test_one_setting_alone(results):
    energy = next(r.energy_pj.mean for r in setting_rows(results) if r.setting.name == "float")
    assert check(results, asked(energy=f"<= {energy} pJ"), setting="float").passed is not None
    assert check(results, asked(energy=f"<= {0.99 * energy} pJ"), setting="float").passed is None


def test_the_command_exits_with_what_it_found(folder, capsys):
    assert run(["check", str(folder), "--accuracy", ">= 1 %"]) == 0
    assert capsys.readouterr().out.startswith("passed: ")
    assert run(["check", str(folder), "--energy", "<= 1 pJ"]) == 1
    assert capsys.readouterr().out.startswith("failed: none meets energy <= 1 pJ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to check"),
        (["--energy", "50"], "energy: found '50', expected <= or >=, a number and a unit"),
        (["--energy", "<= 50 mW"], "energy: found the unit 'mW'"),
        (["--accuracy", ">= 95"], "accuracy: found '>= 95'"),
        (["--energy", "<= 1 J", "--setting", "best"], "no setting 'best' is priced"),
    ],
)
def test_what_cannot_be_checked_is_named(folder, capsys, arguments, message):
    assert run(["check", str(folder), *arguments]) == 2
    assert message in capsys.readouterr().err
