"use strict";
// The report is drawn from the JSON of `vitro profile` beside it, by this script and those that CMake puts
// behind it: page_run.js, page_ops.js, page_table.js. Text reaches the page only as text
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
/// As many decimals, or as many more as that many digits of a small number take.
function decimal(value, decimals, digits = 3) {
  const first = value === 0 ? 0 : -Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(decimals, first + digits - 1));
}
const ms = (value) => decimal(value, value < 1 ? 3 : 2) + " ms";
const percent = (part, whole) => decimal(100 * part / whole, 1, 1) + " %";
function bytes(value) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000 || unit === "GB") return value.toFixed(unit === "B" ? 0 : 1) + " " + unit;
    value /= 1000;
  }
}
const gflops = (row) => row.flops / row.ms * 1e-6;
const gbytes = (row) => row.bytes / row.ms * 1e-6;
const stageOf = (name) => name.split(".")[0];

/// Sections by row; those of a step of several ops are one.
function grouped(group) {
  const rows = new Map();
  data.sections.forEach((section, i) => {
    const name = data.row_names[i][group];
    if (!rows.has(name)) rows.set(name, {name, count: 0, ms: 0, waiting_ms: 0, flops: 0, bytes: 0, compute_ms: 0});
    const row = rows.get(name);
    row.count += 1;
    for (const value of ["ms", "waiting_ms", "flops", "bytes", "compute_ms"]) row[value] += section[value];
  });
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
    [ms(data.median_ms), `a run: median of ${data.iterations}, fastest ${ms(data.min_ms)}; ` +
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

function showTip(event) {
  const target = event.target.closest("[data-tip]"), tip = byId("tip");
  tip.hidden = !target;
  if (!target) return;
  tip.textContent = target.getAttribute("data-tip");
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8) + "px";
}
