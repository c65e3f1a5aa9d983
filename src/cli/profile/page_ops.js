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
  const scale = 310 / shown[0].ms, most = 24;  // letters left of the bars
  shown.forEach((op, i) => {
    const y = i * height + 3, width = op.ms * scale, waiting = op.waiting_ms * scale;
    const label = op.name.length > most ? op.name.slice(0, most - 1) + "…" : op.name;
    add(svg, "text", {x: 150, y: y + 13, "text-anchor": "end", "data-tip": tipOf(op)}, label);
    add(svg, "rect", {x: 158, y, width, height: 18, rx: 2, fill: colourOf.get(op.name), "fill-opacity": 0.45,
                      "data-tip": tipOf(op)});
    add(svg, "rect", {x: 158, y, width: Math.max(0, width - waiting), height: 18, rx: 2,
                      fill: colourOf.get(op.name), "data-tip": tipOf(op)});
    const rate = op.flops > 0 ? `, ${(100 * op.compute_ms / op.ms).toFixed(0)} % of peak` : "";
    add(svg, "text", {x: 164 + width, y: y + 13, class: "soft"}, ms(op.ms) + rate);
  });
}
