"use strict";
// How charts of ours look.

// Figures name their colours (@ink); this puts in those of the page's theme. What comes out is a copy through and
// through, since Plotly writes into what it is given.
function coloured(value, style) {
  if (typeof value === "string") return value.startsWith("@") ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
  if (Array.isArray(value)) return typeof value.at(-1) === "number" ? value.slice() : value.map(inner => coloured(inner, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner, style)]));
}

function axis(own) {
  return {
    gridcolor: "@rule", zeroline: false, linecolor: "@faint", tickcolor: "@faint", ticks: "outside", ticklen: 4, ...own,
  };
}

// Rows that a legend takes: its entries stand in columns as wide as the widest.
function legendRows(data, width) {
  const entries = data.filter(trace => trace.showlegend !== false && !trace.z).map(trace => 50 + 7 * trace.name.length);
  if (entries.reduce((sum, entry) => sum + entry, 0) <= width) return 1;
  return Math.ceil(entries.length / Math.max(1, Math.floor(width / Math.max(...entries))));
}

// A figure of data and layout only, drawn into an element that has a size, unless the layout has a height of its own.
function plot(element, data, layout) {
  const style = getComputedStyle(document.documentElement);
  element.style.height = layout.height ? `${layout.height}px` : "";
  const highest = Math.max(0, ...(layout.annotations ?? []).map(({yshift}) => yshift ?? 0));
  const whole = {
    ...layout,
    width: element.clientWidth, height: element.clientHeight,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: "@muted", size: 12, family: getComputedStyle(document.body).fontFamily},
    margin: {l: 66, r: 16, t: 20 + highest, b: 58 + 20 * legendRows(data, element.clientWidth - 82)},
    legend: {orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom", font: {color: "@ink"}, traceorder: "normal"},
    hoverlabel: {bgcolor: "@panel", bordercolor: "@faint", font: {color: "@ink"}},
    xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
    showlegend: data.length > 1,
  };
  const config = {displaylogo: false, displayModeBar: false, doubleClick: "reset"};
  return Plotly.react(element, coloured(data, style), coloured(whole, style), config);
}
