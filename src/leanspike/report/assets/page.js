"use strict";
(async () => {
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
  const STRATEGIES = ["float", "quantize", "prune", "cumulative", "joint", "search"];
  const SYMBOLS = { float: "star", quantize: "circle", prune: "square", cumulative: "triangle-up", joint: "diamond", search: "hexagon" };
  // Okabe and Ito's palette, then tints of it: told apart with every common colour blindness.
  const PARTS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999", "#7a5195", "#4d6a6d"];
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
  const COSTS = {
    energy: { title: "Energy per inference (µJ)", unit: "µJ", of: (s, c) => c.energy.map((v) => v * 1e-6) },
    edp: { title: "Energy-delay product (nJ·s)", unit: "nJ·s", of: (s, c) => c.edp.map((v) => v * 1e9) },
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

  // ---- the front
  function frontOf(points) {
    // Points [cost, accuracy, setting]: by cost, only those that raise the accuracy.
    const sorted = [...points].sort((a, b) => a.x - b.x || b.y - a.y);
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
    `<b>${p.setting.name}</b><br>${p.y.toFixed(2)} %${p.dy ? ` ± ${p.dy.toFixed(2)}` : ""}` +
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
    const panel = (id, of, spread, title) => {
      const traces = lines.map(({ strategy, fraction, group }) => ({
        x: group.map((s) => s.bits), y: group.map(of), mode: "lines+markers",
        name: fraction ? `${strategy} ${short(100 * fraction)} %` : strategy,
        error_y: { array: group.map(spread), visible: group.some(spread), thickness: 1, width: 2 },
        line: { color: color(strategy), dash: DASHES[fractions.indexOf(fraction) % DASHES.length] },
        marker: { symbol: SYMBOLS[strategy], size: 8 }, hovertemplate: "%{fullData.name}, %{x} bits: %{y:.4g}<extra></extra>",
      }));
      for (const s of single)
        traces.push({
          x: [at], y: [of(s)], mode: "markers", name: s.name,
          marker: { symbol: SYMBOLS[s.strategy], size: 10, color: color(s.strategy) },
          hovertemplate: `${s.name}: %{y:.4g}<extra></extra>`,
        });
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
    const traces = view.formats.map((format, i) => ({
      x: group.map((s) => s.name),
      y: group.map((s) => { const c = s.costs[key(architecture, format, statistic)]; return c ? energyOf(c) : null; }),
      type: "bar", name: format, marker: { color: PARTS[i] }, hovertemplate: "%{x}<br>" + format + ": %{y:.4g} µJ<extra></extra>",
    }));
    draw("format-chart", traces, { barmode: "group", yaxis: { title: { text: "Energy (µJ)" } }, xaxis: { tickangle: -40, tickfont: { size: 10 } } });
  }
  function drawStatistics() {
    const [architecture, format] = reading();
    const group = shown();
    const traces = view.statistics.map((statistic, i) => ({
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
      title: { text: title, font: { size: 14 } }, showlegend: false, yaxis: { autorange: "reversed", tickfont: { size: 11 } },
      shapes: [{ type: "line", x0: reference, x1: reference, yref: "paper", y0: 0, y1: 1, line: { color: color("quiet"), dash: "dot", width: 1 } }] });
    const base = energy(one, "(base)");
    dots("assumption-change", names.map((n) => energy(one, n) / base), `Energy of ${one.name}, base = 1`, 1);
    dots("assumption-ratio", names.map((n) => energy(other, n) / energy(one, n)), `${other.name} over ${one.name}`, 1);
  }

  // ---- the table
  const columns = [
    ["Setting", (s) => s.name, (v) => v],
    ["Accuracy %", accuracyOf, (v) => v.toFixed(2)],
    ["± seeds", (s) => 100 * deviation(s.accuracy), (v) => (v ? v.toFixed(2) : "")],
    ["Energy µJ", (s) => energyOf(cost(s)), (v) => short(v, 4)],
    ["Latency ms", (s) => mean(cost(s).latency) * 1e3, (v) => short(v, 4)],
    ["EDP nJ·s", (s) => mean(cost(s).edp) * 1e9, (v) => short(v, 4)],
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
  for (const [id, i] of [["architecture", 0], ["format", 1], ["statistic", 2]])
    fill(id, [...new Set(readings.map((r) => r[i]))]);
  for (const option of byId("architecture").options) option.textContent = basename(option.value);
  const cheap = frontOf(points("energy"));
  fill("setting", settings.map((s) => s.name), (settings.find((s) => s.strategy === "quantize") ?? cheap[0].setting).name);
  fill("beside", settings.map((s) => s.name), (settings.find((s) => s.strategy === "prune") ?? settings[0]).name);
  byId("cost").addEventListener("change", drawFront);
  byId("log").addEventListener("change", drawFront);
  byId("whole").addEventListener("change", () => { drawFront(); drawChoices(); });
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
})();
