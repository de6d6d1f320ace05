"use strict";
// The pictures of the live page, drawn from the seconds so far.

const UNITS = [[10800, "hours", 3600], [600, "minutes", 60], [0, "seconds", 1]];
const byId = id => document.getElementById(id);

let columns = [];
let rows = [];        // the seconds so far, as in timeline.csv
let standing = null;  // how the run stands

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const column = name => columns.indexOf(name);
const of = (row, name) => row[column(name)];
const sum = (...names) => row => names.reduce((total, name) => total + of(row, name), 0);
const positive = (name, per) => row => of(row, name) ? of(row, name) / per : null;  // 0: nothing was measured

const LAYERS = [
  ["charging", "charging", "@state-charging"], ["idle", "registered", "@state-registered"],
  ["registering", "registering", "@state-registering"], ["connecting", "connecting", "@state-connecting"],
  ["half_open", "half-open", "@state-half-open"], ["backing_off", "backing off", "@state-backing-off"],
  ["offline", "offline", "@state-offline"],
];
const told = row => LAYERS.reduce((total, [name]) => total + of(row, name), 0);

function stack() {
  const layers = LAYERS.map(([name, label, colour]) => [label, colour, sum(name)]);
  layers.push(["not told of", "@state-unknown", row => Math.max(standing.charge_points - told(row), 0)]);
  return layers.filter(([, , pick]) => rows.some(pick)).map(([label, colour, pick]) => [label, colour, pick, {
    stackgroup: "fleet", line: {width: 0}, fillcolor: colour, hovertemplate: "%{y:,}",
  }]);
}

const PARTS = ["engine", "subscriber", "gateway", "broker"];
const dash = kind => ({line: {width: 1.6, dash: kind}});
const CHARTS = [
  {
    id: "connections", section: "time", title: "Connections", unit: "charge points", lines: stack, at: 1, zero: true,
    caption: "Charge points by the state of their connection at the end of each second. Red: something is broken on purpose. Grey: the network of a region is down.",
  },
  {
    id: "rate", section: "time", title: "Messages per second", unit: "per second", zero: true,
    caption: "CALLs of charge points: due, answered, seen by the subscriber.",
    lines: () => [
      ["due", "@series-5", sum("offered"), dash("dot")], ["answered", "@series-0", sum("answered")],
      ["seen by the subscriber", "@series-2", sum("delivered"), dash("dash")],
      ["failed or dropped", "@bad", sum("call_error", "timed_out", "cut_off", "dropped")],
      ...(rows.some(sum("link_cut")) ? [["link cut", "@series-4", sum("link_cut")]] : []),
    ],
  },
  {
    id: "commands", section: "time", title: "Commands per second", unit: "per second", zero: true,
    caption: "CALLs of the central system: sent, answered, answered with an error or not at all.",
    lines: () => rows.some(sum("commands_sent")) ? [
      ["sent", "@series-5", sum("commands_sent"), dash("dot")], ["answered", "@series-0", sum("commands_answered")],
      ["refused or timed out", "@bad", sum("commands_call_error", "commands_timed_out")],
    ] : [],
  },
  {
    id: "latency", section: "time", title: "Latency", unit: "latency, ms", log: true,
    caption: "Percentiles of each second in milliseconds, all actions together, from the instant a message was due.",
    lines: () => [
      ["round trip p99", "@series-0", positive("round_trip_intended_p99_us", 1000)],
      ["round trip p50", "@series-3", positive("round_trip_intended_p50_us", 1000)],
      ["uplink p99", "@series-2", positive("uplink_p99_us", 1000)],
      ["uplink p50", "@series-1", positive("uplink_p50_us", 1000)],
      ["command p99", "@series-4", positive("command_p99_us", 1000)],
    ].filter(([, , pick]) => rows.some(pick)),
  },
  {
    id: "cpu", section: "health", title: "CPU", unit: "CPU, %", zero: true,
    caption: "In percent of one core. Of engines and subscribers the busiest process is shown.",
    lines: () => PARTS.map((part, index) => [part, `@series-${index}`, sum(`${part}_cpu_percent`)])
      .filter(([, , pick]) => rows.some(pick)),
  },
  {
    id: "pacer", section: "health", title: "Lateness of the generator", unit: "lateness, ms", zero: true,
    caption: "How late operations were released, p99 of each second, in milliseconds.",
    lines: () => [["p99", "@series-0", positive("pacer_p99_us", 1000)]],
  },
];

function frame({caption, id, section, title}) {
  const figure = element("figure", undefined, "chart"), plotted = element("div", undefined, "plot");
  plotted.id = `chart-${id}`;
  plotted.setAttribute("role", "img");
  plotted.setAttribute("aria-label", `${title}. ${caption}`);
  figure.append(element("figcaption", title), plotted, element("p", caption, "note"));
  figure.hidden = true;
  byId(`charts-${section}`).append(figure);
}
CHARTS.forEach(frame);

// Plotly takes some markup in its texts.
const plain = text => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function marks(from, to, unitS) {
  const band = {type: "rect", yref: "paper", y0: 0, y1: 1, line: {width: 0}, layer: "below"};
  const within = value => Math.min(Math.max(value, from), to) / unitS;
  const bands = standing.faults.filter(fault => fault.begin_s !== null).map(fault => ({
    ...band, fillcolor: "@bad", opacity: 0.14, x0: within(fault.begin_s), x1: within(fault.back_s ?? to),
  }));
  const down = standing.regional_outages.slice(-200).map(outage => ({
    ...band, fillcolor: "@muted", opacity: 0.1, x0: within(outage.start_s), x1: within(outage.end_s),
  }));
  const begun = standing.phases.filter(({start_s}) => start_s >= from && start_s <= to);
  const lines = begun.map(({start_s}) => ({
    type: "line", yref: "paper", y0: 0, y1: 1, x0: start_s / unitS, x1: start_s / unitS,
    line: {color: "@faint", width: 1, dash: "dash"},
  }));
  const annotations = begun.map(({name, start_s}, index) => ({
    x: start_s / unitS, y: 1, yref: "paper", yanchor: "bottom", xanchor: "left", showarrow: false,
    text: plain(name), font: {color: "@muted", size: 11}, yshift: 13 * (index % 3),
  }));
  return {shapes: [...down, ...bands, ...lines], annotations};
}

function draw() {
  if (!rows.length) return;
  const from = rows[0][0], to = rows.at(-1)[0] + 1;
  const [, unit, unitS] = UNITS.find(([least]) => to >= least);
  const layout = {...marks(from, to, unitS), hovermode: "x unified"};
  for (const chart of CHARTS) {
    const place = byId(`chart-${chart.id}`), lines = chart.lines();
    place.parentElement.hidden = !lines.length;
    if (!lines.length) continue;
    const data = lines.map(([name, colour, pick, more]) => ({
      type: "scatter", mode: rows.length > 1 ? "lines" : "markers", name,
      x: rows.map(row => (row[0] + (chart.at ?? 0.5)) / unitS), y: rows.map(pick), line: {color: colour, width: 1.6},
      ...more, ...(more?.line ? {line: {color: colour, ...more.line}} : {}),
    }));
    const yaxis = {title: {text: chart.unit}, ...(chart.zero ? {rangemode: "tozero"} : {}), ...(chart.log ? {type: "log", dtick: 1} : {})};
    const xaxis = {title: {text: `${unit} after the start`}, range: [from / unitS, to / unitS]};
    plot(place, data, {...layout, xaxis, yaxis});
  }
}

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
let resizing = 0;
window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(draw, 100); });
