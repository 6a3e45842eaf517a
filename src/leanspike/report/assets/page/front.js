// ---- the front
function frontOf(points) {
  // Points [cost, accuracy, setting]: by cost, only those that raise the accuracy, no broken one.
  const sorted = points.filter((p) => !p.setting.broken).sort((a, b) => a.x - b.x || b.y - a.y);
  const kept = [];
  for (const point of sorted) if (!kept.length || point.y > kept[kept.length - 1].y) kept.push(point);
  return kept;
}
function points(kind) {
  return visible().flatMap((setting) => {
    const c = cost(setting);
    if (!c) return [];
    const xs = COSTS[kind].of(setting, c);
    return [{ x: mean(xs), dx: deviation(xs), y: accuracyOf(setting), dy: 100 * deviation(setting.accuracy), setting }];
  });
}
const hover = (kind, p) =>
  `<b>${p.setting.name}</b>${p.setting.broken ? `<br>${p.setting.broken}` : ""}<br>${p.y.toFixed(2)} %${p.dy ? ` ± ${p.dy.toFixed(2)}` : ""}` +
  `<br>${short(p.x, 4)} ${COSTS[kind].unit}<br>${short(100 * p.setting.zeros)} % of the weights are zero` +
  `<br>${short(p.setting.stored_bits / 8000)} kB` +
  (p.setting.strategy === "search"
    ? p.setting.layers.map((l) => `<br>${l.name}: ${l.bits} b, ${short(100 * l.zeros)} % zero`).join("") : "");
// The setting to ship, pointed at where it is in view.
function shipArrow(all, log, range) {
  const ship = all.find((p) => p.setting.name === document.querySelector("[data-setting]")?.dataset.setting);
  if (!ship || (range && ship.y < range[0])) return [];
  return [{ x: log ? Math.log10(ship.x) : ship.x, y: ship.y, text: `<b>ship</b>: ${ship.setting.name}`, showarrow: true,
    arrowhead: 2, arrowsize: 0.9, arrowcolor: color("quiet"), ax: 46, ay: 34, xanchor: "left",
    font: { size: 12 }, bgcolor: color("back"), borderpad: 2 }];
}
// Networks that no longer work would squeeze all others into a line: they are left out of
// view until the reader asks for them.
function accuracyRange() {
  const all = visible().map(accuracyOf);
  if (!all.length) return null;
  const best = Math.max(...all);
  const near = all.filter((a) => a >= best - 20);
  if (byId("whole").checked || near.length === all.length) return null;
  const low = Math.min(...near), room = Math.max(0.06 * (best - low), 0.5);
  return [low - 2 * room, best + 2 * room];
}
function drawFront() {
  const kind = byId("cost").value;
  const all = points(kind);
  const range = accuracyRange();
  const below = range ? all.filter((p) => p.y < range[0]).map((p) => p.setting.name) : [];
  byId("hidden-note").textContent = below.length
    ? `Below the chart: ${below.slice(0, 12).join(", ")}${below.length > 12 ? " and others" : ""} (${below.length} of ${all.length}); “all accuracies” shows them.` : "";
  const line = frontOf(all);
  const traces = [{
    x: line.map((p) => p.x), y: line.map((p) => p.y), mode: "lines", name: "front",
    line: { color: color("quiet"), width: 1.5, shape: "hv" }, hoverinfo: "skip",
  }];
  const onFront = new Set(line.map((p) => p.setting.name));
  for (const strategy of STRATEGIES) {
    const group = all.filter((p) => p.setting.strategy === strategy);
    if (!group.length) continue;
    traces.push({
      x: group.map((p) => p.x), y: group.map((p) => p.y), mode: "markers", name: strategy,
      error_x: { array: group.map((p) => p.dx), visible: group.some((p) => p.dx), thickness: 0.8, width: 2 },
      error_y: { array: group.map((p) => p.dy), visible: group.some((p) => p.dy), thickness: 0.8, width: 2 },
      customdata: group.map((p) => p.setting.name), text: group.map((p) => hover(kind, p)),
      hovertemplate: "%{text}<extra></extra>",
      marker: {
        color: color(strategy), symbol: SYMBOLS[strategy],
        size: group.map((p) => (onFront.has(p.setting.name) ? 13 : 9) + (strategy === "float" ? 3 : 0)),
        opacity: group.map((p) => (onFront.has(p.setting.name) ? 1 : 0.75)),
      },
    });
  }
  draw("front-chart", traces, {
    hovermode: "closest", annotations: shipArrow(all, byId("log").checked, range),
    xaxis: { title: { text: COSTS[kind].title }, type: byId("log").checked ? "log" : "linear" },
    yaxis: { title: { text: "Test accuracy (%)" }, ...(range ? { range } : { autorange: true }) },
  });
}
function answerBudget() {
  const limit = (id) => (byId(id).value === "" ? Infinity : Number(byId(id).value));
  const [energy, latency, size] = [limit("budget-energy"), limit("budget-latency"), limit("budget-size")];
  const answer = byId("budget-answer");
  if (![energy, latency, size].some(Number.isFinite)) { answer.textContent = ""; return; }
  const fit = visible().filter((s) => {
    const c = cost(s);
    return c && energyOf(c) <= energy && mean(c.latency) * 1e3 <= latency && s.stored_bits / 8000 <= size;
  });
  if (!fit.length) { answer.textContent = "No setting shown fits."; return; }
  fit.sort((a, b) => accuracyOf(b) - accuracyOf(a) || energyOf(cost(a)) - energyOf(cost(b)));
  const best = fit[0];
  answer.textContent =
    `${best.name}: ${accuracyOf(best).toFixed(2)} % at ${short(energyOf(cost(best)))} µJ, ` +
    `${short(mean(cost(best).latency) * 1e3)} ms, ${short(best.stored_bits / 8000)} kB ` +
    `(${fit.length} of ${visible().length} settings fit)`;
}
