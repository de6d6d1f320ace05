"use strict";
// The live page. Asks once a second how the run stands and shows it. Whatever comes from outside is put in as text.

const LEGS = {
  round_trip: "Round trip", uplink: "Uplink", connect: "Connect", register: "Register", reconnect: "Reconnect",
  command: "Command", downlink: "Downlink", reply: "Reply",
};
let run = "";         // whose rows these are
let followed = true;  // the latency table shows the phase that is on

// Figures as people read them ------------------------------------------------------------------------------------

const count = value => Math.round(value).toLocaleString("en");
const rate = value => value >= 100 ? count(value) : value.toFixed(1);
const seconds = value => `${value.toFixed(1)} s`;
function threeDigits(value) { return value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0); }
function latency(us) {
  if (us < 1000) return `${us} µs`;
  return us < 999500 ? `${threeDigits(us / 1000)} ms` : `${threeDigits(us / 1e6)} s`;
}
const bytes = value => `${threeDigits(value / 2 ** 20)} MB`;

// Elements -------------------------------------------------------------------------------------------------------

// Left alone while nothing in it changes, so that text in it can be selected.
const contents = new WeakMap();
function put(place, content, make) {
  const key = JSON.stringify(content);
  if (contents.get(place) === key) return;
  contents.set(place, key);
  place.replaceChildren(...make(content));
}

const MARKED = new Set(["holds", "missed", "not judged"]);

function table(place, title, heads, body, left = 1, note = "") {
  put(place, [title, heads, body, note], () => {
    if (!body.length) return [];
    const figure = element("figure", undefined, "table"), scroll = element("div", undefined, "scroll");
    const whole = element("table"), head = element("tr"), inner = element("tbody");
    heads.forEach((text, column) => head.append(element("th", text, column >= left ? "number" : "")));
    const top = element("thead");
    top.append(head);
    for (const cells of body) {
      const row = element("tr", undefined, MARKED.has(cells[0]) ? cells[0].replace(" ", "-") : "");
      cells.forEach((text, column) => row.append(element("td", text, column >= left ? "number" : "")));
      inner.append(row);
    }
    whole.append(top, inner);
    scroll.append(whole);
    if (title) figure.append(element("figcaption", title));
    figure.append(scroll);
    if (note) figure.append(element("p", note, "note"));
    return [figure];
  });
}

// Words and tables -----------------------------------------------------------------------------------------------

// A run under way: what has no fate yet is still on its way.
const underWay = () => standing.state === "running";

function heading() {
  const phase = standing.phases.at(-1)?.name ?? "starting";
  byId("title").textContent = standing.scenario;
  byId("subtitle").textContent = [
    `run ${standing.run_id}`, standing.started_at, seconds(standing.now_s), underWay() ? `phase ${phase}` : "ended",
  ].join(" · ");
  document.title = `${standing.verdict?.result ?? phase}: ${standing.scenario}`;
  const place = byId("verdict"), {verdict} = standing;
  place.hidden = !verdict;
  place.className = `verdict ${verdict ? verdict.result : ""}`;
  if (!verdict) return;
  place.querySelector(".badge").textContent = verdict.result.toUpperCase();
  const reasons = verdict.reasons.length ? verdict.reasons.map(({text}) => text) : ["Every limit and threshold that was judged holds, the ledgers balance, the generator kept up."];
  put(place.querySelector("ul"), reasons, texts => texts.map(text => element("li", text)));
}

function tiles() {
  const steady = underWay() ? [] : rows.filter(row => of(row, "phase") === "steady");
  const last = steady.length ? steady : rows.slice(-5), now = rows.at(-1), {deliveries, operations} = standing;
  const span = steady.length ? "the steady phase" : `the last ${last.length} s`;
  const mean = name => last.length ? last.reduce((total, row) => total + of(row, name), 0) / last.length : 0;
  const whole = steady.length ? standing.legs.filter(({phase}) => phase === "steady") : [];
  const leg = (name, percent) => {
    const ended = whole.find(each => each.leg === name);
    if (ended) return latency(ended[`p${percent}_us`]);
    const column = name === "round_trip" ? `round_trip_intended_p${percent}_us` : `${name}_p${percent}_us`;
    return now && of(now, column) ? latency(of(now, column)) : "–";
  };
  const when = whole.length ? "steady phase" : "last second";
  const failed = operations.call_error + operations.timed_out + operations.cut_off + operations.dropped;
  const shown = [
    ["Charge points registered", count(standing.registered), `of ${count(standing.charge_points)}; connected ${count(now ? of(now, "connected") : 0)}`],
    ["Messages per second", rate(mean("sent")), `sent, mean of ${span}; ${rate(mean("answered"))} answered`],
    ["Round trip p99", leg("round_trip", 99), `${when}; p50 ${leg("round_trip", 50)}`],
    ["Uplink p99", leg("uplink", 99), `${when}; p50 ${leg("uplink", 50)}`],
    ["Failed or dropped", count(failed), `of ${count(operations.offered)} due`],
  ];
  if (deliveries.observed) shown.push([
    underWay() ? "Messages not arrived yet" : "Messages lost", count(deliveries.lost),
    `of ${count(operations.sent)} sent; duplicated ${count(deliveries.duplicated)}, reordered ${count(deliveries.reordered)}`,
  ]);
  if (standing.redirected) shown.push(["Sent to other servers", count(standing.redirected), "times, by redirects; to which: see events"]);
  put(byId("tiles"), shown, all => all.map(([label, value, note]) => {
    const tile = element("div", undefined, "tile");
    tile.append(element("p", label, "label"), element("p", value, "value"), element("p", note, "muted"));
    return tile;
  }));
}

function legs() {
  const choice = byId("phase"), known = [...new Set(standing.legs.map(({phase}) => phase))];
  if (choice.options.length !== known.length || known.some((name, index) => choice.options[index].value !== name)) {
    const before = choice.value;
    choice.replaceChildren(...known.map(name => new Option(name)));
    if (known.includes(before)) choice.value = before;
  }
  choice.hidden = !known.length;
  if (followed && known.length) choice.value = !underWay() && known.includes("steady") ? "steady" : known.at(-1);
  const body = standing.legs.filter(({phase}) => phase === choice.value).map(found => [
    LEGS[found.leg] ?? found.leg, count(found.samples),
    ...[found.p50_us, found.p99_us, found.p999_us, found.max_us, found.service_p99_us].map(latency),
  ]);
  const note = "The whole phase so far, all actions; from the instant a message was due, “service” from when it was really sent.";
  table(byId("legs"), "", ["Leg", "Messages", "p50", "p99", "p99.9", "Max", "p99, service"], body, 1, note);
}
byId("phase").addEventListener("change", () => { followed = false; legs(); });

function fates(totals) {
  return [
    ["due", totals.offered], ["dropped", totals.dropped], ["sent", totals.sent], ["answered", totals.answered],
    ["answered with an error", totals.call_error], ["timed out", totals.timed_out], ["cut off", totals.cut_off],
    ["link cut", totals.link_cut],
    [underWay() ? "under way" : "unfinished", totals.unfinished],
  ];
}

function books() {
  const {commands, deliveries, operations, transactions} = standing, missing = underWay() ? "not arrived yet" : "lost";
  const found = [["Operations, at the charge points", fates(operations), "due = dropped + sent; sent is the sum of what follows it."]];
  if (deliveries.observed) found.push(["Uplink, at the subscriber", [
    ["sent", operations.sent], ["delivered", deliveries.delivered], ["link cut", deliveries.link_cut],
    [missing, deliveries.lost], ["duplicated", deliveries.duplicated], ["reordered", deliveries.reordered],
  ], `sent = delivered + link cut + ${missing}. What went with a charge point’s own link is told apart at the end.`]);
  if (commands) found.push(["Commands of the central system", fates(commands), ""]);
  if (transactions) found.push(["Transactions", underWay()
    ? [["started", transactions.started], ["under way", rows.length ? of(rows.at(-1), "transactions") : 0]]
    : ["started", "stopped", "complete", "flawed", "lost", "duplicated", "reordered", "late", "pending"].map(name => [name, transactions[name]]), ""]);
  if (standing.unbalanced.length) found.push(["Equations that do not hold", standing.unbalanced.map(text => [text, ""]), ""]);
  const place = byId("books");
  while (place.children.length > found.length) place.lastElementChild.remove();
  found.forEach(([title, body, note], index) => {
    if (!place.children[index]) place.append(element("div"));
    const cells = body.map(([name, value]) => [name, value === "" ? "" : count(value)]);
    table(place.children[index], title, ["", "Messages"], cells, 1, note);
  });
}

function thresholds() {
  const {outcomes} = standing, WORDS = new Map([[true, "holds"], [false, "missed"], [null, "not judged"]]);
  const isVoid = standing.verdict && standing.verdict.result === "void";  // it neither convicts nor acquits
  byId("thresholds-section").hidden = !standing.thresholds.length;
  const body = outcomes.length
    ? outcomes.map(({observed, passed, reason, text}) => [isVoid ? "void" : WORDS.get(passed), text, observed, reason])
    : standing.thresholds.map(text => ["judged at the end", text, "", ""]);
  table(byId("thresholds"), "", ["", "Threshold", "Observed", "Reason"], body, 4);
}

function health() {
  const body = standing.health.map(part => [
    part.source, `${part.cpu_percent.toFixed(1)} %`, `${part.cpu_percent_mean.toFixed(1)} %`, bytes(part.rss_bytes),
    latency(part.loop_lag_max_us), latency(part.gc_pause_max_us), bytes(part.backlog_bytes_max), count(part.coalesced_intervals),
  ]);
  const heads = ["Process", "CPU now", "CPU, mean", "Memory now", "Loop lag, worst", "GC pause, worst", "Backlog, worst", "Reports folded"];
  table(byId("parts"), "", heads, body, 1, "Of one core. The mean is of the steady phase as soon as there is one.");
}

function happened() {
  const when = value => value === null ? "–" : seconds(value);
  table(byId("faults"), "Faults on purpose", ["Fault", "What", "Planned", "Began", "All back"], standing.faults.map(fault => [
    fault.name, fault.what, `${seconds(fault.planned_begin_s)} to ${seconds(fault.planned_end_s)}`, when(fault.begin_s), when(fault.back_s),
  ]), 5);
  const latest = standing.events.map(({at_s, kind, part, text}) => [seconds(at_s), part, text, kind]).reverse();
  table(byId("events"), "Events, the newest first", ["At", "Part", "What", "Kind"], latest, 4);
}

function downloads(ended) {
  byId("no-downloads").hidden = ended.length > 0;
  put(byId("ended"), ended, all => all.map(({files, run_id}) => {
    const line = element("p");
    line.append(element("strong", run_id), " ");
    for (const name of files) {
      const link = element("a", name);
      link.href = `runs/${encodeURIComponent(run_id)}/${encodeURIComponent(name)}`;
      line.append(link);
    }
    return line;
  }));
}

// Asking ---------------------------------------------------------------------------------------------------------

let drawnFor = "", drawMs = 0, drawnAt = 0;

function show(live) {
  byId("refused").hidden = !live.refused;
  byId("refusal").textContent = live.refused;
  downloads(live.ended);
  if (!live.run) return;
  if (live.run.run_id !== run) {
    run = live.run.run_id;
    rows = [];
    followed = true;
  }
  standing = live.run;
  columns = standing.columns;
  rows.push(...standing.rows.filter(row => !rows.length || row[0] > rows.at(-1)[0]));
  if (rows.length > 3600) rows = rows.slice(-3600);
  for (const part of [heading, tiles, legs, thresholds, books, health, happened]) part();
  // Long runs take longer to draw: no more than a fifth of the time goes into it.
  const state = [run, rows.at(-1)?.[0], standing.state, standing.phases.length].join();
  if (state !== drawnFor && (!underWay() || performance.now() - drawnAt > 5 * drawMs)) {
    const begun = performance.now();
    draw();
    drawnFor = state;
    drawnAt = performance.now();
    drawMs = drawnAt - begun;
  }
}

function silent(text) {
  byId("silent").hidden = !text;
  byId("silent").textContent = text;
}

async function look() {
  try {
    const since = rows.length ? rows.at(-1)[0] : -1;
    const answer = await fetch(`data?run=${encodeURIComponent(run)}&since=${since}`, {cache: "no-store"});
    if (answer.redirected || !answer.headers.get("Content-Type")?.startsWith("application/json")) {
      silent("You are not logged in any more: log in again in Locust’s page.");
    } else {
      const live = await answer.json();
      silent("");
      show(live);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) console.error(error);
    silent("The server does not answer: Locust has ended, or is too busy. These are its last figures.");
  }
  setTimeout(look, 1000);
}
look();
