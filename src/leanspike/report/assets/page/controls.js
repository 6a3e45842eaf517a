// ---- the table
const columns = [
  ["Setting", (s) => s.name, (v) => v],
  ["Accuracy %", accuracyOf, (v) => v.toFixed(2)],
  ["± seeds", (s) => 100 * deviation(s.accuracy), (v) => (v ? v.toFixed(2) : "")],
  ["Energy µJ", (s) => energyOf(cost(s)), (v) => short(v, 4)],
  ["Latency ms", (s) => mean(cost(s).latency) * 1e3, (v) => short(v, 4)],
  ["EDP J·s", (s) => mean(cost(s).edp), (v) => short(v, 4)],
  ["Weights kB", (s) => s.stored_bits / 8000, (v) => short(v, 4)],
  ["Zeros %", (s) => 100 * s.zeros, (v) => short(v)],
];
let order = { column: 3, up: true };
function drawTable() {
  const group = visible().filter((s) => cost(s));
  const of = columns[order.column][1];
  group.sort((a, b) => { const [x, y] = [of(a), of(b)]; return (x < y ? -1 : x > y ? 1 : 0) * (order.up ? 1 : -1); });
  table("settings-table", columns.map((c) => c[0]), group.map((s) => columns.map(([, value, show]) => show(value(s)))));
  const best = new Set(frontOf(points("energy")).map((p) => p.setting.name));
  for (const tr of byId("settings-table").querySelectorAll("tbody tr"))
    tr.classList.toggle("best", best.has(tr.firstChild.textContent));
  byId("settings-table").querySelectorAll("th").forEach((th, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: th.textContent + (i === order.column ? (order.up ? " ▲" : " ▼") : "") });
    button.addEventListener("click", () => { order = { column: i, up: order.column === i ? !order.up : true }; drawTable(); });
    th.replaceChildren(button);
  });
}

// ---- filters
function drawFilters() {
  const chip = (kind, value, text) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "chip", textContent: text });
    const show = () => button.setAttribute("aria-pressed", String(!hidden[kind].has(value)));
    button.dataset[kind] = value;
    button.addEventListener("click", () => {
      if (!hidden[kind].delete(value)) hidden[kind].add(value);
      show(); drawAll();
    });
    if (kind === "strategy") button.style.setProperty("--mark", `var(--${value})`);
    show();
    return button;
  };
  const strategies = STRATEGIES.filter((name) => settings.some((s) => s.strategy === name));
  const widths = [...new Set(settings.map((s) => s.bits))].filter((b) => b !== null).sort((a, b) => a - b);
  byId("filters").replaceChildren("Show:", ...strategies.map((name) => chip("strategy", name, name)),
    ...(widths.length > 1 ? widths.map((b) => chip("bits", b, `${b} bits`)) : []));
}

// The front first; the rest chart by chart, so that the page answers clicks meanwhile.
let pending = [];
const rest = [drawChoices, drawLayers, drawComponents, drawFormats, drawStatistics, drawAssumptions, drawTable];
function drawAll() {
  drawFront(); answerBudget();
  const idle = !pending.length;
  pending = [...rest];
  delete root.dataset.drawn;
  if (idle) setTimeout(drawNext);
}
function drawNext() {
  pending.shift()?.();
  if (pending.length) setTimeout(drawNext);
  else root.dataset.drawn = "yes";
}
function drawPending() { while (pending.length) drawNext(); }

// ---- set up
const dark = matchMedia("(prefers-color-scheme: dark)");
let theme = dark.matches ? "dark" : "light";
const show = () => { root.dataset.theme = theme; drawAll(); };
const readings = Object.keys(settings[0].costs).map((k) => k.split("|"));
fill("architecture", [...new Set(readings.map((r) => r[0]))]);
// Not every architecture is priced in every format and at every statistic.
const here = (i) => [...new Set(readings.filter((r) => r[0] === byId("architecture").value).map((r) => r[i]))];
const formatsHere = () => here(1);
const fillReadings = () => { fill("format", here(1), byId("format").value); fill("statistic", here(2), byId("statistic").value); };
fillReadings();
for (const option of byId("architecture").options) option.textContent = basename(option.value);
const cheap = frontOf(points("energy"));
const shipped = document.querySelector(".headline")?.dataset.setting;
fill("setting", settings.map((s) => s.name), shipped ?? (settings.find((s) => s.strategy === "quantize") ?? (cheap[0]?.setting ?? settings[0])).name);
fill("beside", settings.map((s) => s.name), (shipped ? settings : settings.filter((s) => s.strategy === "prune")).find((s) => s.name !== shipped)?.name ?? settings[0].name);
byId("cost").addEventListener("change", drawFront);
byId("log").addEventListener("change", drawFront);
byId("whole").addEventListener("change", () => { drawFront(); drawChoices(); });
byId("architecture").addEventListener("change", fillReadings);
for (const id of ["architecture", "format", "statistic"]) byId(id).addEventListener("change", drawAll);
for (const id of ["budget-energy", "budget-latency", "budget-size"]) byId(id).addEventListener("input", answerBudget);
for (const id of ["setting", "beside"]) byId(id).addEventListener("change", () => { drawLayers(); drawComponents(); drawAssumptions(); });
byId("per-compute").addEventListener("change", drawComponents);
byId("theme").addEventListener("click", () => { theme = theme === "dark" ? "light" : "dark"; show(); });
dark.addEventListener("change", (event) => { theme = event.matches ? "dark" : "light"; show(); });
let screen = theme;
addEventListener("beforeprint", () => { screen = theme; theme = "light"; show(); drawPending(); });
addEventListener("afterprint", () => { theme = screen; show(); });
drawFilters();
show();
byId("front-chart").on("plotly_legendclick", (event) => {
  const name = event.data[event.curveNumber].name;
  document.querySelector(`.chip[data-strategy="${name}"]`)?.click();
  return false;
});
byId("front-chart").on("plotly_click", (event) => {
  const name = event.points[0].customdata;
  if (!name) return;
  byId("setting").value = name;
  byId("setting").dispatchEvent(new Event("change"));
  byId("layers").scrollIntoView();
});
root.dataset.ready = "yes";
