"use strict";
const CHARTS = JSON.parse(document.getElementById("charts").textContent);
const VARIANTS = Object.fromEntries(CHARTS.filter(chart => chart.of === chart.id).map(chart => [chart.id, chart.variants]));
const shown = new Map(CHARTS.map(chart => [chart.id, VARIANTS[chart.of][chart.start]]));
const drawn = new Set();
let closeUp = null;  // what all pictures over time show; null: the whole run

const place = chart => document.getElementById("chart-" + chart.id);

// Drawing --------------------------------------------------------------------------------------------------------

// Counts of samples differ by powers of ten, and so colours go by their logarithm.
function heat(trace) {
  const {counts, ...rest} = trace;
  const edge = bin => (10 ** (trace.y0 + (bin - 0.5) * trace.dy)).toLocaleString("en", {maximumSignificantDigits: 3});
  const most = counts.reduce((most, row) => Math.max(most, ...row), 1);
  const ticks = Array.from({length: Math.floor(Math.log10(most)) + 1}, (_, power) => power);
  return {
    ...rest,
    z: counts.map(row => row.map(count => count ? Math.log10(count) : null)),
    text: counts.map((row, bin) => row.map(count => count && `${count.toLocaleString("en")} samples of ${edge(bin)} to ${edge(bin + 1)} ms`)),
    hovertemplate: "%{text}<extra></extra>",
    hoverongaps: false, zmin: 0, zmax: Math.max(Math.log10(most), 1),
    colorbar: {
      orientation: "h", x: 0, xanchor: "left", y: 0, yref: "container", yanchor: "bottom", len: 0.4, thickness: 9,
      tickvals: ticks, ticktext: ticks.map(power => (10 ** power).toLocaleString("en")), outlinewidth: 0,
      title: {text: "samples", side: "right"},
    },
  };
}

function draw(chart) {
  const element = place(chart);
  const {data, layout} = shown.get(chart.id);
  const xaxis = {automargin: !chart.linked, ...layout.xaxis};
  if (chart.linked && closeUp) xaxis.range = closeUp;
  const yaxis = {automargin: !chart.linked, fixedrange: chart.linked, ...layout.yaxis};
  plot(element, data.map(trace => trace.counts ? heat(trace) : trace), {...layout, xaxis, yaxis});
  if (chart.linked && !drawn.has(chart)) element.on("plotly_relayout", event => follow(event, layout.xaxis.range));
  drawn.add(chart);
}

// One axis of time -----------------------------------------------------------------------------------------------

function follow(event, all) {
  const from = event["xaxis.range[0]"] ?? event["xaxis.range"]?.[0], to = event["xaxis.range[1]"] ?? event["xaxis.range"]?.[1];
  if (from === undefined) return;
  show(from <= all[0] && to >= all[1] ? null : [Math.max(from, all[0]), Math.min(to, all[1])]);
}

function show(range) {
  if (String(range) === String(closeUp)) return;
  closeUp = range;
  document.getElementById("whole").hidden = range === null;
  for (const chart of drawn) if (chart.linked) draw(chart);
}

document.getElementById("whole")?.addEventListener("click", () => show(null));

// Choosing what a picture is of ----------------------------------------------------------------------------------

function pick(chart, wanted) {
  const keys = Object.keys(wanted);
  // As many choices as can be kept are kept, the first ones before the others.
  let left = VARIANTS[chart.of];
  for (const key of keys) {
    const fitting = left.filter(({choice}) => choice[key] === wanted[key]);
    if (fitting.length) left = fitting;
  }
  shown.set(chart.id, left[0]);
  offer(chart);
  draw(chart);
}

function offer(chart) {
  const box = place(chart).previousElementSibling, {choice} = shown.get(chart.id);
  const focused = box.contains(document.activeElement) ? document.activeElement.name : null;
  let left = VARIANTS[chart.of];
  box.replaceChildren();
  for (const key of left.length > 1 ? Object.keys(choice) : []) {
    const select = document.createElement("select"), label = document.createElement("label");
    for (const value of new Set(left.map(variant => variant.choice[key]))) select.add(new Option(value, value, false, value === choice[key]));
    select.name = key;
    select.addEventListener("change", () => pick(chart, {...choice, [key]: select.value}));
    label.append(key, select);
    box.append(label);
    if (key === focused) select.focus();
    left = left.filter(variant => variant.choice[key] === choice[key]);
  }
}

// Numbers to take along ------------------------------------------------------------------------------------------

function tableText(table) {
  return [...table.rows].map(row => [...row.cells].map(cell => cell.textContent.trim()).join("\t")).join("\n");
}

function chartText({data, layout}) {
  const x = layout.xaxis.title.text;
  if (data[0].counts) {
    const {counts, x0, dx, y0, dy} = data[0];
    const head = ["up to ms", ...counts[0].map((_, column) => +(x0 + column * dx).toFixed(5))];
    return [head, ...counts.map((row, bin) => [(10 ** (y0 + (bin + 0.5) * dy)).toPrecision(4), ...row])].map(row => row.join("\t")).join("\n");
  }
  const points = new Map();
  data.forEach((trace, column) => trace.x.forEach((at, index) => {
    if (!points.has(at)) points.set(at, Array(data.length).fill(""));
    points.get(at)[column] = trace.y[index] ?? "";
  }));
  const sorted = typeof data[0].x[0] === "number" ? [...points].sort(([a], [b]) => a - b) : [...points];
  const first = x === "percentile" ? at => `${+(100 * (1 - 1 / at)).toPrecision(8)} %` : at => at;
  return [[x, ...data.map(({name}) => name)], ...sorted.map(([at, row]) => [first(at), ...row])].map(row => row.join("\t")).join("\n");
}

async function copy(button) {
  const kind = button.dataset.copy, figure = button.closest("figure");
  const chart = CHARTS.find(({id}) => kind === "chart-" + id);
  const text = chart ? chartText(shown.get(chart.id)) : kind === "table" ? tableText(figure.querySelector("table")) : figure.querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page from a file may not be allowed to
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
}

document.addEventListener("click", event => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});

// The page -------------------------------------------------------------------------------------------------------

function redraw() { drawn.forEach(draw); }

// One picture at a time, so that the page can be read while the next is drawn.
function drawNext() {
  const chart = CHARTS.find(chart => !drawn.has(chart));
  if (!chart) {
    document.documentElement.dataset.drawnMs = Math.round(performance.now());
    return;
  }
  offer(chart);
  draw(chart);
  setTimeout(drawNext);
}
drawNext();

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
let resizing = 0;
window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(redraw, 100); });

// Paper is light and narrow whatever the screen is.
function printing(active) {
  document.documentElement.classList.toggle("printing", active);
  redraw();
}
window.addEventListener("beforeprint", () => printing(true));
window.addEventListener("afterprint", () => printing(false));
