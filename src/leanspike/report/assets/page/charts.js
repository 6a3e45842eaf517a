// ---- what each choice costs
function drawChoices() {
  const lines = [];
  const fractions = [...new Set(settings.map((s) => s.sparsity))].sort((a, b) => a - b);
  for (const strategy of ["quantize", "cumulative", "joint"])
    for (const fraction of fractions) {
      const group = visible()
        .filter((s) => s.strategy === strategy && s.sparsity === fraction && cost(s))
        .sort((a, b) => a.bits - b.bits);
      if (group.length) lines.push({ strategy, fraction, group });
    }
  const single = visible().filter((s) => (s.strategy === "float" || s.strategy === "prune") && cost(s));
  const at = view.file.hardware.unquantized_bits;
  // Room for a long legend below, three names to a row, so that the plots keep their height.
  const rows = Math.ceil((lines.length + new Set(single.map((s) => s.strategy)).size) / 3);
  for (const id of ["choice-accuracy", "choice-energy"])
    byId(id).style.height = `${340 + 30 * Math.max(0, rows - 3)}px`;
  const panel = (id, of, spread, title) => {
    const traces = lines.map(({ strategy, fraction, group }) => ({
      x: group.map((s) => s.bits), y: group.map(of), mode: "lines+markers",
      name: fraction ? `${strategy} ${short(100 * fraction)} %` : strategy,
      error_y: { array: group.map(spread), visible: group.some(spread), thickness: 1, width: 2 },
      line: { color: color(strategy), dash: DASHES[fractions.indexOf(fraction) % DASHES.length] },
      marker: { symbol: SYMBOLS[strategy], size: 8 }, hovertemplate: "%{fullData.name}, %{x} bits: %{y:.4g}<extra></extra>",
    }));
    single.forEach((s, i) =>
      traces.push({
        x: [at], y: [of(s)], mode: "markers", name: s.strategy, legendgroup: s.strategy,
        showlegend: single.findIndex((other) => other.strategy === s.strategy) === i,
        marker: { symbol: SYMBOLS[s.strategy], size: 10, color: color(s.strategy) },
        hovertemplate: `${s.name}: %{y:.4g}<extra></extra>`,
      }));
    draw(id, traces, {
      title: { text: title, font: { size: 14 } }, showlegend: id === "choice-energy",
      legend: { orientation: "h", y: -0.32, yanchor: "top", x: 0, font: { size: 11 } },
      xaxis: { title: { text: "Bits per weight" }, type: "category",
        categoryorder: "array", categoryarray: [...new Set([...lines.flatMap((l) => l.group.map((s) => s.bits)), at])].sort((a, b) => a - b) },
      yaxis: id === "choice-energy" ? { rangemode: "tozero" } : accuracyRange() ? { range: accuracyRange() } : { autorange: true },
    });
  };
  panel("choice-accuracy", accuracyOf, (s) => 100 * deviation(s.accuracy), "Test accuracy (%)");
  panel("choice-energy", (s) => energyOf(cost(s)), (s) => deviation(cost(s).energy) * 1e-6, "Energy per inference (µJ)");
}

// ---- layers
const pair = () => [named(byId("setting").value), named(byId("beside").value)];
const componentNames = () => [...new Set(settings.flatMap((s) => Object.keys(cost(s)?.components ?? {})))];
function drawLayers() {
  const [one, other] = pair();
  const names = componentNames();
  const stacks = [one, other].filter((s, i) => i === 0 || s !== one);
  const traces = [];
  names.forEach((name, i) => stacks.forEach((s, half) => {
    const layers = cost(s)?.layers ?? [];
    const y = layers.map((layer) => (layer.components[name] ?? 0) * 1e-6);
    traces.push({ type: "bar", name, legendgroup: name, showlegend: half === 0, x: layers.map((l) => l.name), y,
      xaxis: half ? "x2" : "x", marker: { color: PARTS[i % PARTS.length] },
      visible: stacks.some((o) => cost(o)?.components[name] > 0),
      hovertemplate: `${s.name}, %{x}<br>${name}: %{y:.4g} µJ<extra></extra>` });
  }));
  const both = stacks.length > 1;
  const heading = (s, x) => ({ text: s.name, x, y: 1, yshift: 14, xref: "paper", yref: "paper", xanchor: "center", showarrow: false, font: { size: 12, color: color("quiet") } });
  draw("layer-energy", traces, {
    barmode: "stack", title: { text: "Energy (µJ)", font: { size: 14 } }, margin: { l: 60, r: 12, t: 52, b: 48 },
    legend: { orientation: "h", y: -0.3, yanchor: "top", x: 0, font: { size: 11 } },
    annotations: both ? [heading(stacks[0], 0.24), heading(stacks[1], 0.76)] : [],
    xaxis: { tickfont: { size: 11 }, domain: both ? [0, 0.48] : [0, 1] },
    ...(both ? { xaxis2: { tickfont: { size: 11 }, domain: [0.52, 1], gridcolor: color("rule"), linecolor: color("rule"), automargin: true } } : {}),
  });
  const bars = (of) => stacks.map((s, i) => ({
    type: "bar", name: s.name, x: s.layers.map((l) => l.name), y: s.layers.map(of),
    marker: { color: PARTS[i], pattern: { shape: i ? "/" : "" } }, hovertemplate: "%{x}: %{y:.3g} %<extra>" + s.name + "</extra>",
  }));
  draw("layer-zeros", bars((l) => 100 * l.zeros), {
    title: { text: "Weights that are zero (%)", font: { size: 14 } },
    legend: { orientation: "h", y: -0.2, yanchor: "top", x: 0 }, yaxis: { range: [0, 100] } });
  const bits = bars((l) => l.bits);
  for (const trace of bits) trace.hovertemplate = trace.hovertemplate.replace("%{y:.3g} %", "%{y:.3g} bits");
  draw("layer-bits", bits, {
    title: { text: "Bits per weight", font: { size: 14 } },
    legend: { orientation: "h", y: -0.2, yanchor: "top", x: 0 }, yaxis: { rangemode: "tozero" } });
  const activity = stacks.flatMap((s, i) => ["mean", "max"].map((statistic) => ({
    type: "bar", name: `${s.name}, ${statistic}`, x: s.layers.map((l) => l.name),
    y: s.layers.map((l) => (l.inputs ? 100 * l.inputs[statistic] : null)),
    marker: { color: PARTS[i], opacity: statistic === "mean" ? 1 : 0.45, pattern: { shape: i ? "/" : "" } },
    hovertemplate: "%{x}: %{y:.3g} %<extra>" + `${s.name}, ${statistic}` + "</extra>",
  })));
  draw("layer-activity", activity, {
    title: { text: "Inputs that are not zero (%)", font: { size: 14 } },
    legend: { orientation: "h", y: -0.2, yanchor: "top", x: 0, font: { size: 11 } } });
  const head = ["Layer", "Weights", "Bits", "Zeros %", "Energy µJ", "Cycles"];
  const rows = one.layers.map((layer) => {
    const priced = cost(one)?.layers.find((l) => l.name === layer.name);
    const energy = priced ? Object.values(priced.components).reduce((a, b) => a + b, 0) * 1e-6 : NaN;
    return [layer.name, layer.weights.toLocaleString("en"), layer.bits, short(100 * layer.zeros),
      priced ? short(energy) : "", priced ? Math.round(priced.cycles).toLocaleString("en") : ""];
  });
  table("layer-table", head, rows, `${one.name}, layer by layer`);
}
function table(id, head, rows, caption) {
  const cell = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
  const row = (kind, cells) => { const tr = document.createElement("tr"); tr.append(...cells.map((c) => cell(kind, c))); return tr; };
  const thead = document.createElement("thead"), tbody = document.createElement("tbody");
  thead.append(row("th", head));
  tbody.append(...rows.map((cells) => row("td", cells)));
  byId(id).replaceChildren(...(caption ? [cell("caption", caption)] : []), thead, tbody);
}

// ---- components, encodings, activity
// Where there are many settings the charts that show each one show the front and its neighbours.
const shown = () => {
  const priced = visible().filter((s) => cost(s));
  if (priced.length <= 24) return priced;
  const kept = new Set([...frontOf(points("energy")).map((p) => p.setting), ...pair(), ...priced.filter((s) => s.strategy === "float")]);
  return priced.filter((s) => kept.has(s));
};
function drawComponents() {
  const per = byId("per-compute").checked;
  const group = shown();
  const traces = componentNames().map((name, i) => ({
    type: "bar", orientation: "h", name, y: group.map((s) => s.name),
    x: group.map((s) => { const c = cost(s); return (c.components[name] ?? 0) * (per ? 1 / c.computes : 1e-6); }),
    marker: { color: PARTS[i % PARTS.length] }, hovertemplate: "%{y}<br>" + name + ": %{x:.4g}<extra></extra>",
  })).filter((t) => t.x.some((v) => v > 0));
  draw("component-chart", traces, {
    barmode: "stack", yaxis: { autorange: "reversed", tickfont: { size: 11 } },
    xaxis: { title: { text: per ? "Energy per accumulate (pJ)" : "Energy per inference (µJ)" } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 } } });
}
function drawFormats() {
  const [architecture, , statistic] = reading();
  const group = shown();
  const traces = formatsHere().map((format, i) => ({
    x: group.map((s) => s.name),
    y: group.map((s) => { const c = s.costs[key(architecture, format, statistic)]; return c ? energyOf(c) : null; }),
    type: "bar", name: format, marker: { color: PARTS[i] }, hovertemplate: "%{x}<br>" + format + ": %{y:.4g} µJ<extra></extra>",
  }));
  draw("format-chart", traces, { barmode: "group", yaxis: { title: { text: "Energy (µJ)" } }, xaxis: { tickangle: -40, tickfont: { size: 10 } } });
}
function drawStatistics() {
  const [architecture, format] = reading();
  const group = shown();
  const traces = here(2).map((statistic, i) => ({
    type: "bar", name: statistic, x: group.map((s) => s.name),
    y: group.map((s) => { const c = s.costs[key(architecture, format, statistic)]; return c ? energyOf(c) : null; }),
    marker: { color: PARTS[i], pattern: { shape: i ? "/" : "" } }, hovertemplate: "%{x}<br>" + statistic + ": %{y:.4g} µJ<extra></extra>",
  }));
  draw("statistic-chart", traces, { barmode: "group", yaxis: { title: { text: "Energy (µJ)" } }, xaxis: { tickangle: -40, tickfont: { size: 10 } } });
}
function drawAssumptions() {
  const flips = Object.keys(view.assumptions ?? {});
  if (!flips.length) return;
  const [one, other] = pair();
  const names = ["(base)", ...flips];
  const energy = (s, name) => { const c = mainCost(s, name === "(base)" ? "" : name); return c ? energyOf(c) : null; };
  const dots = (id, values, title, reference) => draw(id, [{
    mode: "markers", x: values, y: names, marker: { size: 10, color: names.map((n) => (n === "(base)" ? color("ink") : PARTS[0])) },
    hovertemplate: "%{y}: %{x:.3f}<extra></extra>" }], {
    title: { text: title, font: { size: 14 } }, showlegend: false, yaxis: { autorange: "reversed", dtick: 1, tickfont: { size: 11 } },
    shapes: [{ type: "line", x0: reference, x1: reference, yref: "paper", y0: 0, y1: 1, line: { color: color("quiet"), dash: "dot", width: 1 } }] });
  const base = energy(one, "(base)");
  dots("assumption-change", names.map((n) => energy(one, n) / base), `Energy of ${one.name}, base = 1`, 1);
  dots("assumption-ratio", names.map((n) => energy(other, n) / energy(one, n)), `${other.name} over ${one.name}`, 1);
}
