// The data, what the reader chose of it, and how charts look.
const byId = (id) => document.getElementById(id);
const unpack = async (id) => {
  const text = atob(byId(id).textContent.trim());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
};
const view = JSON.parse(await unpack("view"));
const root = document.documentElement;
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values) => {
  if (values.length < 2) return 0;
  const m = mean(values);
  return Math.sqrt(values.reduce((a, b) => a + (b - m) ** 2, 0) / (values.length - 1));
};
const short = (value, digits = 3) => Number(value.toPrecision(digits)).toString();
const STRATEGIES = ["float", "control", "quantize", "prune", "cumulative", "joint", "search", "own"];
const SYMBOLS = { float: "star", control: "cross", quantize: "circle", prune: "square", cumulative: "triangle-up", joint: "diamond", search: "hexagon", own: "x" };
// Okabe and Ito's palette, then tints of it: told apart with every common colour blindness.
const PARTS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999", "#7a5195", "#4d6a6d"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
const COSTS = {
  energy: { title: "Energy per inference (µJ)", unit: "µJ", of: (s, c) => c.energy.map((v) => v * 1e-6) },
  edp: { title: "Energy-delay product (J·s)", unit: "J·s", of: (s, c) => c.edp },
  latency: { title: "Latency per inference (ms)", unit: "ms", of: (s, c) => c.latency.map((v) => v * 1e3) },
  size: { title: "Weights, stored (kB)", unit: "kB", of: (s) => [s.stored_bits / 8000] },
};
const settings = view.settings;
if (!settings.length) return;
// What the reader filtered out; the charts that compare settings and the table follow.
const hidden = { strategy: new Set(), bits: new Set() };
const visible = () => settings.filter((s) => !hidden.strategy.has(s.strategy) && !hidden.bits.has(s.bits ?? "none"));

// ---- plotly, unpacked from the page itself
const script = document.createElement("script");
script.textContent = await unpack("plotly");
document.head.append(script);

// ---- what the reader chose
const key = (architecture, format, statistic, flipped = "") => [architecture, format, statistic, flipped].join("|");
const reading = () => [byId("architecture").value, byId("format").value, byId("statistic").value];
const cost = (setting, flipped = "") => setting.costs[key(...reading(), flipped)];
// Assumptions are switched on the main reading only.
const mainCost = (setting, flipped = "") =>
  setting.costs[key(view.architectures[0], view.formats[0], view.statistics[0], flipped)];
const energyOf = (c) => mean(c.energy) * 1e-6;
const accuracyOf = (setting) => 100 * mean(setting.accuracy);
const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
const named = (name) => settings.find((s) => s.name === name);
const fill = (id, options, chosen) => {
  byId(id).replaceChildren(...options.map((o) => new Option(o, o, false, o === chosen)));
};
const basename = (path) => path.split("/").pop().replace(/\.ya?ml$/, "");

function layout(extra) {
  const axis = { gridcolor: color("rule"), zerolinecolor: color("rule"), linecolor: color("rule"), automargin: true };
  const { xaxis = {}, yaxis = {}, ...rest } = extra;
  return {
    paper_bgcolor: color("back"), plot_bgcolor: color("back"),
    font: { color: color("ink"), family: "system-ui, sans-serif", size: 13 },
    margin: { l: 60, r: 12, t: 34, b: 48 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: color("panel"), bordercolor: color("rule"), font: { color: color("ink") } },
    colorway: PARTS, xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}
const draw = (id, traces, extra) =>
  Plotly.react(id, traces, layout(extra), { responsive: true, displaylogo: false, displayModeBar: false });
