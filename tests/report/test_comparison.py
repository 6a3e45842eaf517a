"""Two studies beside each other, as a page."""

import pytest

from leanspike.cli.main import run
from leanspike.report.comparison import build_comparison, headline
from leanspike.study import Results, StudyFile
from leanspike.study.results.difference import Difference, SettingChange


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    from made_up_study import make

    made = []
    for name, bits in (("before", (2, 8)), ("<after>", (2, 4))):
        path = tmp_path_factory.mktemp("compared") / "study.db"
        make(path, StudyFile(name=name, compression={"bits": bits, "control": False}))
        made.append(path)
    return made


def test_the_page_has_what_was_asked_and_what_came_of_it(studies, tmp_path):
    first, second = map(Results.load, studies)
    page = build_comparison(first, second, tmp_path / "new" / "diff.html").read_text("utf-8")
    assert "compression.bits" in page
    assert "Only in before: quantize 8b" in page
    assert "<after>" not in page
    assert "<svg" in page
    pruned = next(p for p in first.priced if p.point.setting == "prune 80%")
    energy = pruned.cost("eyeriss_snn", "RLE", "mean")
    assert f"{energy.energy_pj * 1e-6:.4g} →" in page
    again = build_comparison(first, second, tmp_path / "again.html").read_text("utf-8")
    assert again == page


def test_the_headline_counts_what_is_beyond_noise():
    def change(name, gain, noise, energy):
        return SettingChange(name, (0.9, 0.9 + gain), noise, (100.0, energy), False)

    def of(*changes):
        return headline(Difference({}, (), (), changes))

    assert of() == "The studies have no setting in common."
    both = of(change("a", 0.02, 0.01, 80.0), change("b", -0.005, 0.01, 103.0))
    assert both == (
        "Of 2 settings in both studies: 1 more accurate and 0 less, beyond noise; energies change "
        "by -20 to +3 %."
    )
    assert "no accuracy changes beyond noise; no energy changes by 1 %" in of(
        change("a", 0.001, 0.01, 100.5)
    )
    assert "cannot be compared" in of(change("a", 0.1, None, 100.0))


def test_the_command_writes_it(studies, tmp_path, capsys):
    out = tmp_path / "diff.html"
    assert run(["diff", *map(str, studies), "--out", str(out)]) == 0
    assert f"page: {out}" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
