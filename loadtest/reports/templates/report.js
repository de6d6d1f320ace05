"use strict";
// Figures name their colours (@ink); this puts in those of the page's theme, and again when the theme changes.
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function coloured(value) {
  if (typeof value === "string" && value.startsWith("@")) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + value.slice(1)).trim();
  }
  if (Array.isArray(value)) return value.map(coloured);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
  }
  return value;
}

function axis(own) {
  return {
    gridcolor: "@rule", zeroline: false, linecolor: "@faint", tickcolor: "@faint", ticks: "outside", ticklen: 4,
    automargin: true, fixedrange: false, ...own,
  };
}

function draw(chart) {
  const element = document.getElementById("chart-" + chart.id);
  const layout = {
    ...chart.layout,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: "@muted", size: 12, family: getComputedStyle(document.body).fontFamily},
    margin: {l: 52, r: 26, t: 22, b: 76},
    legend: {orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom", font: {color: "@ink"}},
    hoverlabel: {bgcolor: "@panel", bordercolor: "@faint", font: {color: "@ink"}},
    xaxis: axis(chart.layout.xaxis), yaxis: axis(chart.layout.yaxis),
    showlegend: chart.data.length > 1,
  };
  const config = {responsive: true, displaylogo: false, displayModeBar: false};
  return Plotly.react(element, coloured(chart.data), coloured(layout), config);
}

function drawAll() { CHARTS.forEach(draw); }
drawAll();
dark.addEventListener("change", drawAll);

// Paper is light whatever the screen is.
function printing(active) {
  document.documentElement.classList.toggle("printing", active);
  drawAll();
}
window.addEventListener("beforeprint", () => printing(true));
window.addEventListener("afterprint", () => printing(false));
