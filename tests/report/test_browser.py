"""The page in a real browser: a script added to a copy uses it and writes down what it saw."""

import json
import re
import shutil
import subprocess

import pytest

from leanspike.report.build import build_report
from leanspike.report.findings import findings, shipping
from leanspike.report.page import render
from leanspike.report.view import view
from leanspike.study import MainReading, settings

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium (Debian: chromium)")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--virtual-time-budget=20000",
]

DRIVER = """
<script>
addEventListener("load", async () => {
  const seen = {errors: []};
  addEventListener("error", (e) => seen.errors.push(e.message));
  addEventListener("unhandledrejection", (e) => seen.errors.push(String(e.reason)));
  const root = document.documentElement;
  while (root.dataset.ready !== "yes") await new Promise((r) => setTimeout(r, 10));
  seen.ready = performance.now();
  const byId = (id) => document.getElementById(id);
  const put = (id, value, event) => {
    byId(id).value = value;
    byId(id).dispatchEvent(new Event(event));
  };
  const front = byId("front-chart");
  const drawn = async () => {
    while (root.dataset.drawn !== "yes") await new Promise((r) => setTimeout(r, 10));
  };
  await drawn();
  try { ACTIONS } catch (e) { seen.errors.push(String(e)); }
  const out = document.createElement("script");
  out.type = "application/json"; out.id = "seen"; out.textContent = JSON.stringify(seen);
  document.body.append(out);
});
</script></body>"""


def drive(page_text, tmp_path, actions="", *, width=1200, flags=()):
    """Run actions on the page; return what they put into ``seen``."""
    page = tmp_path / "driven.html"
    driver = DRIVER.replace("ACTIONS", actions)
    page.write_text(page_text.replace("</body>", driver), encoding="utf-8")
    line = [BROWSER, *FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},900", "--dump-dom", page.as_uri()]  # fmt: skip
    shown = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r'<script type="application/json" id="seen">(.*?)</script>', shown, re.S)
    assert found, shown[-2000:]
    seen = json.loads(found.group(1))
    assert seen["errors"] == []
    return seen


@pytest.fixture(scope="module")
def page(results):
    return render(view(results), findings(results), shipping(results))


def test_every_chart_is_drawn(page, tmp_path):
    seen = drive(page, tmp_path, """
      const charts = [...document.querySelectorAll(".chart")];
      seen.charts = charts.map((c) => c.querySelectorAll("path").length);
      seen.rows = byId("settings-table").querySelectorAll("tbody tr").length;
    """)  # fmt: skip
    assert len(seen["charts"]) == 12
    assert min(seen["charts"]) > 0
    assert seen["rows"] == 18


def test_hovering_a_point_shows_its_setting(page, tmp_path):
    seen = drive(page, tmp_path, """
      Plotly.Fx.hover(front, [{curveNumber: 2, pointNumber: 0}]);
      await new Promise((r) => setTimeout(r, 200));
      seen.label = front.querySelector(".hoverlayer").textContent;
    """)  # fmt: skip
    assert "quantize 2b" in seen["label"]
    assert "% of the weights are zero" in seen["label"]


def test_clicking_a_point_shows_its_layers(page, tmp_path):
    seen = drive(page, tmp_path, """
      front.emit("plotly_click", {points: [{customdata: "joint 3b 80%"}]});
      seen.caption = byId("layer-table").caption.textContent;
      seen.chosen = byId("setting").value;
    """)  # fmt: skip
    assert seen["chosen"] == "joint 3b 80%"
    assert seen["caption"].startswith("joint 3b 80%")


def test_the_budget_box_finds_the_best_that_fits(page, tmp_path, results):
    main = MainReading.of(results)
    groups = settings(results.priced)
    energies = {g.name: g.over_seeds(lambda r: main.cost(r).energy_pj).mean * 1e-6 for g in groups}
    budget = sorted(energies.values())[8] * 1.0001
    fit = [g for g in groups if energies[g.name] <= budget]
    best = max(fit, key=lambda g: (round(g.accuracy.mean, 9), -energies[g.name]))
    seen = drive(page, tmp_path, f"""
      put("budget-energy", "{budget}", "input");
      seen.energy = byId("budget-answer").textContent;
      put("budget-size", "0.001", "input");
      seen.none = byId("budget-answer").textContent;
    """)  # fmt: skip
    assert seen["energy"].startswith(f"{best.name}: {100 * best.accuracy.mean:.2f} %")
    assert f"({len(fit)} of 18 settings fit)" in seen["energy"]
    assert seen["none"] == "No setting shown fits."


def test_the_answer_comes_first_and_is_pointed_at(page, tmp_path, results):
    ship = shipping(results)
    seen = drive(page, tmp_path, """
      seen.first = document.querySelector("main section").textContent;
      seen.arrow = front.layout.annotations[0].text;
      byId("log").click();
      seen.log = front.layout.annotations[0].x;
    """)  # fmt: skip
    assert ship.headline in seen["first"]
    assert ship.setting in seen["arrow"]
    group = next(g for g in settings(results.priced) if g.name == ship.setting)
    main = MainReading.of(results)
    energy = group.over_seeds(lambda r: main.cost(r).energy_pj).mean * 1e-6
    assert 10 ** seen["log"] == pytest.approx(energy, rel=1e-4)


def test_clicks_filter_charts_table_and_budget(page, tmp_path):
    seen = drive(page, tmp_path, """
      const rows = () => byId("settings-table").querySelectorAll("tbody tr").length;
      const names = () => front.data.map((trace) => trace.name);
      const chip = (kind, value) => document.querySelector(`.chip[data-${kind}="${value}"]`);
      seen.all = [rows(), names()];
      chip("strategy", "joint").click();
      await drawn();
      seen.joint = [rows(), names(), chip("strategy", "joint").getAttribute("aria-pressed")];
      chip("bits", "8").click();
      await drawn();
      seen.bits = rows();
      put("budget-energy", "1e9", "input");
      seen.budget = byId("budget-answer").textContent;
      for (const button of document.querySelectorAll('.chip[aria-pressed="true"]')) button.click();
      await drawn();
      seen.none = rows();
      for (const button of document.querySelectorAll(".chip")) button.click();
      await drawn();
      seen.again = rows();
    """)  # fmt: skip
    assert seen["all"][0] == seen["again"] == 18
    assert seen["joint"][0] == 12
    assert set(seen["all"][1]) - set(seen["joint"][1]) == {"joint"}
    assert seen["joint"][2] == "false"
    assert seen["bits"] == 12 - 1 - 2  # quantize 8b and both cumulative 8b
    assert "of 9 settings fit" in seen["budget"]
    assert seen["none"] == 0


def test_a_click_on_a_point_shows_its_layers(page, tmp_path):
    seen = drive(page, tmp_path, """
      front.emit("plotly_click", { points: [{ customdata: "joint 2b 95%" }] });
      seen.setting = byId("setting").value;
      seen.caption = byId("layer-table").querySelector("caption").textContent;
      front.emit("plotly_legendclick", { data: front.data, curveNumber: 1 });
      seen.names = front.data.map((trace) => trace.name);
    """)  # fmt: skip
    assert seen["setting"] == "joint 2b 95%"
    assert "joint 2b 95%" in seen["caption"]
    assert "float" not in seen["names"]


def test_other_costs_readings_and_log_axes(page, tmp_path):
    seen = drive(page, tmp_path, """
      seen.energy = front.layout.xaxis.title.text;
      const before = front.data[1].x[0];
      put("format", "CP", "change");
      seen.ratio = front.data[1].x[0] / before;
      put("cost", "size", "change");
      seen.size = front.layout.xaxis.title.text;
      byId("log").click();
      seen.axis = front.layout.xaxis.type;
    """)  # fmt: skip
    assert "Energy" in seen["energy"]
    assert seen["ratio"] == pytest.approx(1.25, rel=1e-4)
    assert "kB" in seen["size"]
    assert seen["axis"] == "log"


def test_broken_networks_are_out_of_view_until_asked_for(results, tmp_path):
    shown = view(results)
    shown["settings"][5] = {**shown["settings"][5], "accuracy": [0.1, 0.1, 0.1]}
    broken = shown["settings"][5]["name"]
    seen = drive(render(shown, findings(results)), tmp_path, """
      seen.before = front.layout.yaxis.range[0];
      seen.note = byId("hidden-note").textContent;
      byId("whole").click();
      seen.after = front.layout.yaxis.range[0];
      seen.none = byId("hidden-note").textContent;
    """)  # fmt: skip
    assert seen["before"] > 80
    assert broken in seen["note"]
    assert seen["after"] < 10
    assert seen["none"] == ""


def test_dark_and_light(page, tmp_path):
    actions = """
      const back = () => getComputedStyle(document.body).backgroundColor;
      seen.before = [root.dataset.theme, back(), front.layout.paper_bgcolor];
      byId("theme").click();
      seen.after = [root.dataset.theme, back(), front.layout.paper_bgcolor];
    """
    light = ["light", "rgb(255, 255, 255)", "#ffffff"]
    dark = ["dark", "rgb(20, 23, 27)", "#14171b"]
    assert drive(page, tmp_path, actions) | {"ready": 0} == {
        "errors": [], "ready": 0, "before": light, "after": dark,
    }  # fmt: skip
    preferring = drive(page, tmp_path, actions, flags=["--blink-settings=preferredColorScheme=0"])
    assert preferring["before"] == dark


def test_paper_is_white_and_the_screen_is_as_before(page, tmp_path):
    seen = drive(page, tmp_path, """
      if (root.dataset.theme !== "dark") byId("theme").click();
      await drawn();
      dispatchEvent(new Event("beforeprint"));
      seen.printed = [root.dataset.theme, root.dataset.drawn];
      dispatchEvent(new Event("afterprint"));
      seen.after = root.dataset.theme;
    """)  # fmt: skip
    assert seen["printed"] == ["light", "yes"]  # nothing is left to draw
    assert seen["after"] == "dark"


@pytest.mark.parametrize("width", [500, 768, 1600])
def test_nothing_is_wider_than_the_window(page, tmp_path, width):
    seen = drive(page, tmp_path, """
      seen.page = root.scrollWidth; seen.window = innerWidth;
    """, width=width)  # fmt: skip
    assert seen["page"] <= seen["window"]


def test_the_table_is_sorted_by_a_click(page, tmp_path):
    seen = drive(page, tmp_path, """
      const rows = () => [...document.querySelectorAll("#settings-table tbody tr")];
      const column = (i) => rows().map((row) => parseFloat(row.children[i].textContent));
      seen.energy = column(3);
      document.querySelectorAll("#settings-table th button")[1].click();
      seen.accuracy = column(1);
    """)  # fmt: skip
    assert seen["energy"] == sorted(seen["energy"])
    assert seen["accuracy"] == sorted(seen["accuracy"])


def test_a_thousand_settings_are_drawn(results, tmp_path):
    shown = view(results)
    shown["settings"] = [
        {**shown["settings"][i % 18], "name": f"setting {i}"} for i in range(1000)
    ]  # fmt: skip
    seen = drive(render(shown, findings(results)), tmp_path, """
      seen.rows = byId("settings-table").querySelectorAll("tbody tr").length;
    """)  # fmt: skip
    assert seen["rows"] == 1000


def test_the_written_file_works_from_disk(database, tmp_path):
    page = build_report(database, tmp_path)
    assert drive(page.read_text(encoding="utf-8"), tmp_path)["ready"] > 0
