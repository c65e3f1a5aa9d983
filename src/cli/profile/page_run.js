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
    const first = data.sections.findIndex((section) => section.step === step);
    const name = nameOf(data.row_names[first].block), last = list.at(-1);
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
  const shortName = (block) => block === stageOf(block) ? "" : block.replaceAll(stageOf(block) + ".", "");
  const levels = [["stages", stageOf, (name) => name], ["blocks", (block) => block, shortName]];
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
      const {module, op, impl} = data.row_names[index];
      bar(svg, begin, end, y, run.lane, colourOf.get(op),
          `${module}\n${op}, ${impl}\n${ms((end - begin) / 1000)} on thread ${thread}`);
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
  const busiest = data.sections.findIndex((section) => section.step === memory.step);
  add(legend, "span", {style: "--swatch:var(--scratch)"}, "scratch");
  if (busiest >= 0)
    add(legend, "em", {}, `most memory at once: ${bytes(memory.most)}, in ${data.row_names[busiest].block}`);
}
