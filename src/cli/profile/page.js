"use strict";
// Draws the report from the JSON of `vitro profile` beside it. Text reaches the page only as text
// nodes and attributes: names in a model cannot become markup.
const data = JSON.parse(document.getElementById("data").textContent);
const colours = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#b07aa1", "#c9a227",
                 "#9c755f", "#d37295"];
const grey = "#8a919c";

// ---- helpers
function add(parent, name, attributes = {}, text) {
  const element = document.createElementNS(parent.namespaceURI, name);  // HTML or SVG
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}
const byId = (id) => document.getElementById(id);
const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);
const ms = (value) => value.toFixed(value < 1 ? 3 : 2) + " ms";
const percent = (part, whole) => (100 * part / whole).toFixed(1) + " %";
function bytes(value) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000 || unit === "GB") return value.toFixed(unit === "B" ? 0 : 1) + " " + unit;
    value /= 1000;
  }
}
const gflops = (row) => row.flops / row.ms * 1e-6;
const gbytes = (row) => row.bytes / row.ms * 1e-6;
const stageOf = (name) => name.split(".")[0];

function grouped(key) {
  const rows = new Map();
  for (const section of data.sections) {
    const name = section[key];
    if (!rows.has(name)) rows.set(name, {name, count: 0, ms: 0, waiting_ms: 0, flops: 0, bytes: 0, compute_ms: 0});
    const row = rows.get(name);
    row.count += 1;
    for (const value of ["ms", "waiting_ms", "flops", "bytes", "compute_ms"]) row[value] += section[value];
  }
  return [...rows.values()];
}

const ops = grouped("op").sort((a, b) => b.ms - a.ms);
const colourOf = new Map(ops.map((op, i) => [op.name, colours[i] ?? grey]));
function tipOf(row) {
  const lines = [row.name, `${ms(row.ms)}, ${percent(row.ms, data.profiled_ms)} of the run`];
  if (row.flops > 0)
    lines.push(`${gflops(row).toFixed(1)} GFLOP/s, ${percent(row.compute_ms, row.ms)} of peak`);
  if (row.bytes > 0)
    lines.push(`${gbytes(row).toFixed(1)} GB/s, ${percent(gbytes(row), data.peaks.gbytes_per_s)} of bandwidth`);
  if (row.waiting_ms > 0) lines.push(`${percent(row.waiting_ms, row.ms)} waiting`);
  return lines.join("\n");
}

// ---- header
function drawHeader() {
  const file = data.model.split("/").pop(), total = data.total;
  document.title = `${file}: vitro profile`;
  byId("model").textContent = file;
  byId("subject").textContent =
      `${data.architecture} · input ${data.shape.join("x")} · ${data.precision} · ${data.backend} (${data.isa}), ` +
      `${data.threads} thread${data.threads > 1 ? "s" : ""} · ${data.cpu} · vitro ${data.version}`;
  byId("notes").textContent = data.notes.join(" ");
  const interval = data.overhead_interval.map((value) => value.toFixed(1)).join(" to ");
  const {gflops_per_s: vector, product_gflops_per_s: product} = data.peaks;
  const peakText = vector.toFixed(0) + (product > vector ? ` (in products ${product.toFixed(0)})` : "");
  const facts = [
    [data.median_ms.toFixed(2) + " ms", `a run: median of ${data.iterations}, fastest ${data.min_ms.toFixed(2)}; ` +
        `${(1000 * data.batch / data.median_ms).toFixed(1)} images/s`],
    [total.gflops_per_s.toFixed(0) + " GFLOP/s",
     `${total.percent_of_peak.toFixed(0)} % of the measured peak, ${peakText}`],
    [total.gbytes_per_s.toFixed(1) + " GB/s", `${total.percent_of_bandwidth.toFixed(0)} % of the measured ` +
        `${data.peaks.gbytes_per_s.toFixed(1)} (${bytes(data.peaks.buffer_bytes)} streamed)`],
    [percent(total.waiting_ms, data.profiled_ms), `threads waiting; ${percent(total.layout_ms, data.profiled_ms)} ` +
        `layout, ${percent(total.between_ms, data.profiled_ms)} between ops`],
    [bytes(data.memory.weight_bytes + data.memory.arena_bytes),
     `${bytes(data.memory.weight_bytes)} weights, ${bytes(data.memory.arena_bytes)} working memory`],
    [data.overhead_percent.toFixed(1) + " %", `cost of profiling (95 %: ${interval})`],
  ];
  for (const [value, text] of facts) {
    const fact = add(byId("facts"), "div", {class: "fact"});
    add(fact, "b", {}, value);
    add(fact, "i", {}, text);
  }
}

function drawAdvice() {
  if (data.advice.length === 0) byId("advice").textContent = "Nothing: every op is close to its roofline.";
  for (const advice of data.advice) {
    const card = add(byId("advice"), "div");
    const title = add(card, "h3", {}, advice.title);
    add(title, "span", {}, `gain ≤ ${ms(advice.gain_ms)}`);
    add(card, "p", {}, advice.evidence);
    add(card, "p", {}, advice.next);
  }
}

// ---- one run over time
const run = {left: 74, right: 1280, lane: 20, gap: 4, maxThreads: 16};
const runX = (us) => run.left + us / data.timeline.us * (run.right - run.left);

function bar(svg, begin, end, y, height, fill, tip, label) {
  const x = runX(begin), width = Math.max(runX(end) - x, 0.4);
  add(svg, "rect", {x, y, width, height, fill, "data-tip": tip});
  if (label && label.length * 6.4 + 4 < width)
    add(svg, "text", {x: x + width / 2, y: y + height / 2 + 4, "text-anchor": "middle", class: "inside"}, label);
}

/// Neighbouring steps with the same name as one stretch.
function stretches(nameOf) {
  const list = [];
  data.timeline.steps.forEach(([begin, end], step) => {
    const first = data.sections.find((section) => section.step === step);
    const name = nameOf(first), last = list.at(-1);
    if (last && last.name === name) last.end = end;
    else list.push({name, begin, end});
  });
  return list;
}

function drawLanes(svg) {
  let y = 4;
  const caption = (text, at) =>
      add(svg, "text", {x: run.left - 8, y: at, "text-anchor": "end", class: "soft"}, text);
  const stages = [...new Set(data.sections.map((section) => stageOf(section.name)))];
  const levels = [["stages", (section) => stageOf(section.name), (name) => name],
                  ["blocks", (section) => section.block, (name) => name.slice(stageOf(name).length + 1)]];
  for (const [title, nameOf, shortName] of levels) {
    caption(title, y + run.lane / 2 + 4);
    stretches(nameOf).forEach(({name, begin, end}, i) => {
      const shade = title === "blocks" ? 42 + 14 * (i % 2) : 46;
      const hue = (205 + 47 * stages.indexOf(stageOf(name))) % 360;
      bar(svg, begin, end, y, run.lane, `hsl(${hue} 26% ${shade}%)`,
          `${name}\n${ms((end - begin) / 1000)}, ${percent(end - begin, data.timeline.us)} of the run`, shortName(name));
    });
    y += run.lane + run.gap;
  }
  const threads = data.timeline.threads.slice(0, run.maxThreads);
  threads.forEach((spans, thread) => {
    caption(`thread ${thread}`, y + run.lane / 2 + 4);
    add(svg, "rect", {x: run.left, y, width: run.right - run.left, height: run.lane, fill: "var(--track)"});
    for (const [index, begin, end] of spans) {
      const section = data.sections[index];
      bar(svg, begin, end, y, run.lane, colourOf.get(section.op),
          `${section.name}\n${section.op}, ${section.impl}\n${ms((end - begin) / 1000)} on thread ${thread}`);
    }
    y += run.lane + run.gap;
  });
  const hidden = data.timeline.threads.length - threads.length;
  if (hidden > 0) {
    caption(`${hidden} more`, y + 10);
    y += 18;
  }
  return y;
}

function drawMemory(svg, top) {
  const height = 120, arena = data.memory.arena_bytes, steps = data.timeline.steps;
  const live = steps.map(() => 0);
  add(svg, "rect", {x: run.left, y: top, width: run.right - run.left, height, fill: "var(--track)"});
  for (const buffer of data.memory.buffers) {
    for (let s = buffer.first_step; s <= buffer.last_step; ++s) live[s] += buffer.bytes;
    const x = runX(steps[buffer.first_step][0]), end = runX(steps[buffer.last_step][1]);
    const tall = buffer.bytes / arena * height;
    add(svg, "rect", {x, y: top + height - buffer.offset / arena * height - tall, width: end - x, height: tall,
                      fill: buffer.scratch ? "var(--scratch)" : "var(--activation)",
                      stroke: "var(--card)", "stroke-width": 0.5,
                      "data-tip": `${buffer.scratch ? "scratch of" : "result of"} ${buffer.name}\n` +
                          `${bytes(buffer.bytes)} at ${bytes(buffer.offset)}`});
  }
  const most = Math.max(0, ...live);
  for (const [text, y] of [[bytes(arena), top + 9], ["memory", top + height / 2 + 4], ["0", top + height]])
    add(svg, "text", {x: run.left - 8, y, "text-anchor": "end", class: "soft"}, text);
  return {bottom: top + height, most, step: live.indexOf(most)};
}

function niceStep(range, count) {
  const rough = range / count, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

function drawRun() {
  const svg = byId("run"), legend = byId("legend");
  const lanes = drawLanes(svg);
  const memory = drawMemory(svg, lanes + 4);
  const total = data.timeline.us / 1000, step = niceStep(total, 12);
  for (let i = 0; i * step <= total; ++i) {
    const x = runX(1000 * i * step);
    add(svg, "line", {x1: x, x2: x, y1: memory.bottom, y2: memory.bottom + 4, class: "grid"});
    const decimals = Math.max(0, -Math.floor(Math.log10(step)));
    add(svg, "text", {x, y: memory.bottom + 16, "text-anchor": "middle", class: "soft"},
        (i * step).toFixed(decimals) + (i === 0 ? " ms" : ""));
  }
  svg.setAttribute("viewBox", `0 0 1288 ${memory.bottom + 20}`);
  for (const op of ops.slice(0, colours.length))
    add(legend, "span", {style: `--swatch:${colourOf.get(op.name)}`}, op.name);
  if (ops.length > colours.length) add(legend, "span", {style: `--swatch:${grey}`}, "other ops");
  add(legend, "span", {style: "--swatch:var(--activation)"}, "activations");
  const busiest = data.sections.find((section) => section.step === memory.step);
  add(legend, "span", {style: "--swatch:var(--scratch)"}, "scratch");
  if (busiest) add(legend, "em", {}, `most memory at once: ${bytes(memory.most)}, in ${busiest.block}`);
}

// ---- roofline
/// 1, 2 and 5 times the powers of ten between two logarithms.
function logTicks(low, high) {
  const ticks = [];
  for (let d = Math.floor(low); d <= high; ++d)
    for (const factor of high - low > 2.5 ? [1] : [1, 2, 5]) ticks.push(Number((factor * 10 ** d).toPrecision(1)));
  return ticks.filter((v) => Math.log10(v) >= low && Math.log10(v) <= high);
}

function drawRoofline() {
  const box = {left: 52, right: 606, top: 8, bottom: 300};
  const svg = byId("roofline");
  const {gflops_per_s: vector, product_gflops_per_s: product, gbytes_per_s: bandwidth} = data.peaks;
  const peak = Math.max(vector, product);
  const points = ops.filter((op) => op.flops > 0 && op.ms > 0.005 * data.profiled_ms)
      .map((op) => ({op, x: op.flops / op.bytes, y: gflops(op)}));
  const finite = points.map((point) => point.x).filter(isFinite).concat(peak / bandwidth);
  const rates = points.map((point) => point.y).concat(peak / 8);
  const low = {x: Math.log10(Math.min(...finite) / 2.5), y: Math.log10(Math.min(...rates) / 1.6)};
  const high = {x: Math.log10(Math.max(...finite) * 6), y: Math.log10(peak * 1.5)};
  const x = (v) => box.left + (Math.log10(v) - low.x) / (high.x - low.x) * (box.right - box.left);
  const y = (v) => box.bottom - (Math.log10(v) - low.y) / (high.y - low.y) * (box.bottom - box.top);
  for (const v of logTicks(low.x, high.x)) {
    add(svg, "line", {x1: x(v), x2: x(v), y1: box.top, y2: box.bottom, class: "grid"});
    add(svg, "text", {x: x(v), y: box.bottom + 15, "text-anchor": "middle", class: "soft"}, v);
  }
  for (const v of logTicks(low.y, high.y)) {
    add(svg, "line", {x1: box.left, x2: box.right, y1: y(v), y2: y(v), class: "grid"});
    add(svg, "text", {x: box.left - 6, y: y(v) + 4, "text-anchor": "end", class: "soft"}, v);
  }
  add(svg, "text", {x: (box.left + box.right) / 2, y: 334, "text-anchor": "middle", class: "soft"},
      "flop per byte of operands and results");
  add(svg, "text", {x: 12, y: 154, "text-anchor": "middle", class: "soft", transform: "rotate(-90 12 154)"}, "GFLOP/s");
  const lowest = Math.max(10 ** low.x, 10 ** low.y / bandwidth);  // where the slope enters the box
  add(svg, "polyline", {class: "roof", points: `${x(lowest)},${y(lowest * bandwidth)} ` +
      `${x(peak / bandwidth)},${y(peak)} ${box.right},${y(peak)}`});
  const taken = [];
  const label = (text, spots, className) => {
    for (const [left, baseline] of spots) {
      const place = {left, right: left + 6.1 * text.length + 8, top: baseline - 10, bottom: baseline + 2};
      const clash = taken.some((other) => place.left < other.right && other.left < place.right &&
                                          place.top < other.bottom && other.top < place.bottom);
      if (clash || place.left < box.left || place.right > box.right || place.bottom > box.bottom) continue;
      taken.push(place);
      return add(svg, "text", {x: left, y: baseline, class: className}, text);
    }
  };
  const longest = Math.max(...ops.map((op) => op.ms));
  const circles = points.map(({op, x: intensity, y: rate}) => {
    const at = {op, cx: isFinite(intensity) ? x(intensity) : box.right - 12, cy: y(rate),
                r: 4 + 9 * Math.sqrt(op.ms / longest)};
    add(svg, "circle", {cx: at.cx, cy: at.cy, r: at.r, fill: colourOf.get(op.name), "fill-opacity": 0.75,
                        stroke: "var(--card)",
                        "data-tip": tipOf(op) + (isFinite(intensity) ? "" : "\nworks in the caches only: no bytes")});
    taken.push({left: at.cx - at.r, right: at.cx + at.r, top: at.cy - at.r * 0.7, bottom: at.cy + at.r * 0.7});
    return at;
  });
  label(`peak ${peak.toFixed(0)} GFLOP/s${product > vector ? ", products" : ""}`,
        [[box.right - (product > vector ? 184 : 128), y(peak) - 6]], "soft");
  if (product > vector) {
    add(svg, "polyline", {class: "roof second",
                          points: `${x(vector / bandwidth)},${y(vector)} ${box.right},${y(vector)}`});
    label(`${vector.toFixed(0)}, all else`, [[box.right - 98, y(vector) - 6]], "soft");
  }
  label(`${bandwidth.toFixed(1)} GB/s`, [[x(lowest * 1.3) - 62, y(lowest * 1.3 * bandwidth) - 8],
                                         [x(lowest * 1.3) + 12, y(lowest * 1.3 * bandwidth) + 8]], "soft");
  for (const {op, cx, cy, r} of circles) {
    const width = 6.1 * op.name.length, sides = [];
    for (const dy of [4, -8, 16, -20, 28, -32, 40, 52, 64, 76])
      sides.push([cx + r + 4, cy + dy], [cx - r - 4 - width, cy + dy]);
    const text = label(op.name, sides, "");
    if (!text) continue;
    const far = Math.abs(Number(text.getAttribute("y")) - 4 - cy) > 14;
    if (!far) continue;
    const right = Number(text.getAttribute("x")) > cx;
    add(svg, "line", {x1: cx, y1: cy, x2: Number(text.getAttribute("x")) + (right ? -2 : width + 2),
                      y2: Number(text.getAttribute("y")) - 4, class: "leader"});
  }
}

function drawOps() {
  const shown = ops.slice(0, 14), height = 24;
  const svg = byId("ops");
  svg.setAttribute("viewBox", `0 0 620 ${shown.length * height + 4}`);
  const scale = 310 / shown[0].ms;
  shown.forEach((op, i) => {
    const y = i * height + 3, width = op.ms * scale, waiting = op.waiting_ms * scale;
    add(svg, "text", {x: 150, y: y + 13, "text-anchor": "end"}, op.name);
    add(svg, "rect", {x: 158, y, width, height: 18, rx: 2, fill: colourOf.get(op.name), "fill-opacity": 0.45,
                      "data-tip": tipOf(op)});
    add(svg, "rect", {x: 158, y, width: Math.max(0, width - waiting), height: 18, rx: 2,
                      fill: colourOf.get(op.name), "data-tip": tipOf(op)});
    const rate = op.flops > 0 ? `, ${(100 * op.compute_ms / op.ms).toFixed(0)} % of peak` : "";
    add(svg, "text", {x: 164 + width, y: y + 13, class: "soft"}, ms(op.ms) + rate);
  });
}

// ---- table
const columns = [
  ["name", (row) => row.name, String],
  ["ms", (row) => row.ms, (v) => v.toFixed(3)],
  ["% of run", (row) => 100 * row.ms / data.profiled_ms, (v) => v.toFixed(1)],
  ["% waiting", (row) => 100 * row.waiting_ms / row.ms, (v) => v.toFixed(1)],
  ["MFLOP", (row) => row.flops * 1e-6, (v) => v.toFixed(1)],
  ["GFLOP/s", gflops, (v) => v.toFixed(1)],
  ["% of peak", (row) => 100 * row.compute_ms / row.ms, (v) => v.toFixed(1)],
  ["kB", (row) => row.bytes * 1e-3, (v) => v.toFixed(0)],
  ["GB/s", gbytes, (v) => v.toFixed(1)],
  ["% of bandwidth", (row) => 100 * gbytes(row) / data.peaks.gbytes_per_s, (v) => v.toFixed(1)],
];
const groups = {Module: "name", Op: "op", Impl: "impl", Block: "block"};
const view = {group: "Module", column: 1, descending: true, text: ""};

function tableRow(table, row, className) {
  const line = add(table, "tr", {class: className});
  columns.forEach(([, value, format], i) => {
    const v = value(row);
    const cell = add(line, "td", {}, i > 2 && !v ? "" : format(v));
    if (i !== 2 || className) return;
    cell.className = "bar";
    cell.style.setProperty("--part", v / view.longest * 100 + "%");
    cell.style.setProperty("--swatch", "color-mix(in srgb, var(--accent) 28%, transparent)");
  });
}

function drawTable() {
  const value = columns[view.column][1], sign = view.descending ? -1 : 1;
  const rows = grouped(groups[view.group]).filter((row) => row.name.includes(view.text));
  rows.sort((a, b) => sign * (typeof value(a) === "string" ? value(a).localeCompare(value(b)) : value(a) - value(b)));
  view.longest = Math.max(...rows.map((row) => 100 * row.ms / data.profiled_ms));
  byId("table").replaceChildren();
  const head = add(byId("table"), "tr");
  columns.forEach(([title], i) => {
    const sort = i !== view.column ? "none" : view.descending ? "descending" : "ascending";
    const cell = add(head, "th", {"aria-sort": sort, scope: "col"}, i === 0 ? view.group.toLowerCase() : title);
    cell.onclick = () => {
      view.descending = i === view.column ? !view.descending : i > 0;
      view.column = i;
      drawTable();
    };
  });
  for (const row of rows) tableRow(byId("table"), row, "");
  const total = {name: "total"};
  for (const key of ["ms", "waiting_ms", "flops", "bytes", "compute_ms"]) total[key] = sum(rows, (row) => row[key]);
  if (rows.length > 0) tableRow(byId("table"), total, "total");
  byId("counted").textContent = `${rows.length} line${rows.length === 1 ? "" : "s"}`;
}

function drawControls() {
  for (const name of Object.keys(groups)) {
    const button = add(byId("groups"), "button", {"aria-pressed": name === view.group}, name);
    button.onclick = () => {
      view.group = name;
      for (const other of byId("groups").children) other.setAttribute("aria-pressed", other === button);
      drawTable();
    };
  }
  byId("filter").oninput = (event) => {
    view.text = event.target.value;
    drawTable();
  };
}

function showTip(event) {
  const target = event.target.closest("[data-tip]"), tip = byId("tip");
  tip.hidden = !target;
  if (!target) return;
  tip.textContent = target.getAttribute("data-tip");
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8) + "px";
}

drawHeader();
drawAdvice();
drawRun();
drawRoofline();
drawOps();
drawControls();
drawTable();
document.addEventListener("mousemove", showTip);
byId("footer").textContent =
    `Times are means of the typical runs (the middle half of ${data.iterations}). Peaks were measured on this machine ` +
    `with ${data.threads} thread${data.threads > 1 ? "s" : ""} after the runs. Bytes are what each section reads or ` +
    "writes at least; operands that still lie in a cache can come faster than memory. docs/profile.md explains every number.";
