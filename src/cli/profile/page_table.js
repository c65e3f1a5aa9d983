// ---- table
const columns = [
  ["name", (row) => row.name, String],
  ["ms", (row) => row.ms, (v) => decimal(v, 3)],
  ["% of run", (row) => 100 * row.ms / data.profiled_ms, (v) => decimal(v, 1, 1)],
  ["% waiting", (row) => 100 * row.waiting_ms / row.ms, (v) => v.toFixed(1)],
  ["MFLOP", (row) => row.flops * 1e-6, (v) => v.toFixed(1)],
  ["GFLOP/s", gflops, (v) => v.toFixed(1)],
  ["% of peak", (row) => 100 * row.compute_ms / row.ms, (v) => v.toFixed(1)],
  ["kB", (row) => row.bytes * 1e-3, (v) => v.toFixed(0)],
  ["GB/s", gbytes, (v) => v.toFixed(1)],
  ["% of bandwidth", (row) => 100 * gbytes(row) / data.peaks.gbytes_per_s, (v) => v.toFixed(1)],
];
const groups = {Module: "module", Op: "op", Impl: "impl", Block: "block"};
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

// ---- everything above, in the order of the page
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
