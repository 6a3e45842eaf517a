import base64
import gzip
import json
import re
import subprocess
import sys

import pytest

from leanspike.errors import InputError
from leanspike.report import plot
from leanspike.report.build import build_report
from leanspike.report.findings import findings
from leanspike.report.page import render
from leanspike.report.view import view
from leanspike.study import Results, StudyFile


@pytest.fixture(scope="module")
def page(results):
    return render(view(results), findings(results))


def test_one_file_under_5_megabytes_that_asks_for_nothing(page):
    assert len(page.encode()) < 5_000_000
    outside = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(link.startswith("#") for link in outside)
    assert "@import" not in page
    assert "url(" not in page


def test_the_embedded_data_is_the_view(page, results):
    packed = re.search(r'<script type="text/plain" id="view">(.*?)</script>', page, re.S)
    text = gzip.decompress(base64.b64decode(packed.group(1)))
    assert json.loads(text) == json.loads(json.dumps(view(results)))


def test_text_from_the_study_cannot_become_markup(results):
    shown = view(results)
    shown["name"] = shown["data"]["name"] = "</script><script>alert(1)</script>"
    page = render(shown, findings(results))
    assert "<script>alert(1)" not in page
    assert "&lt;/script&gt;" in page


def test_the_findings_are_in_the_page_without_scripts(page, results):
    for finding in findings(results):
        assert finding.title in page


def test_the_same_results_give_the_same_page(page, results):
    assert render(view(results), findings(results)) == page


def test_a_study_without_points_has_a_page(made, tmp_path):
    path = made(StudyFile(), until=1)
    page = build_report(path, tmp_path / "out")
    assert "No point of this study is priced yet" in page.read_text(encoding="utf-8")


def test_a_thousand_points_stay_under_5_megabytes(results):
    shown = view(results)
    shown["settings"] = [
        {**shown["settings"][i % 18], "name": f"setting {i}"} for i in range(1000)
    ]  # fmt: skip
    assert len(render(shown, findings(results)).encode()) < 5_000_000


def test_the_page_and_figures_are_written(database, tmp_path):
    page = build_report(database, tmp_path / "new" / "folder")
    assert page == tmp_path / "new" / "folder" / "report.html"
    assert {each.name for each in page.parent.iterdir()} == {"report.html", "figures"}
    figures = {path.name for path in (page.parent / "figures").iterdir()}
    for name in ("front_energy", "front_size", "choices", "components", "encodings", "assumptions"):
        assert {f"{name}.png", f"{name}.pdf", f"{name}.svg"} <= figures


def test_stored_results_alone_are_read(database, tmp_path):
    before = database.read_bytes()
    build_report(database, tmp_path)
    assert database.read_bytes() == before
    assert Results.load(database).name == "made <up> & quoted"


WITHOUT = """
import sys
from pathlib import Path
class Refused:
    def find_spec(self, name, path, target=None):
        assert name.partition(".")[0] not in ("torch", "numba", "lightning", "optuna"), name
sys.meta_path.insert(0, Refused())
from leanspike.cli.main import run
sys.exit(run(["report", sys.argv[1], "--out", sys.argv[2]]))
"""


def test_a_report_trains_prices_and_compiles_nothing(database, tmp_path):
    line = [sys.executable, "-c", WITHOUT, str(database), str(tmp_path / "out")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_one_line_draws_a_figure(results):
    figure = plot(results)
    (axes,) = figure.axes
    assert axes.get_ylabel() == "Test accuracy (%)"
    assert set(axes.get_legend_handles_labels()[1]) >= {"float", "quantize"}
    with pytest.raises(InputError, match=r"no figure 'fronts'.*front_energy, front_edp"):
        plot(results, "fronts")
