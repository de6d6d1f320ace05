"use strict";
// A bar above Locust's page: how many charge points there are, and the way to the live page. Text only, never markup.
(() => {
  const bar = document.createElement("div"), count = document.createElement("span"), link = document.createElement("a");
  bar.id = "loadtest-bar";
  Object.assign(bar.style, {
    display: "flex", gap: "24px", padding: "6px 24px", background: "#1b2430", color: "#e4e9f0",
    font: "14px/1.5 system-ui, sans-serif",
  });
  link.href = "live/";
  link.textContent = "Live page";
  link.style.color = "#6aa9ee";
  bar.append(count, link);
  document.body.prepend(bar);

  function shown({run, refused}) {
    if (refused) return refused;
    if (!run) return "No charge points yet";
    const what = `${run.registered.toLocaleString("en")} of ${run.charge_points.toLocaleString("en")} charge points registered`;
    return [what, run.verdict ? `verdict: ${run.verdict.result}` : run.phases.at(-1)?.name].filter(Boolean).join(" · ");
  }

  async function look() {
    try {
      const answer = await fetch(`live/data?since=${Number.MAX_SAFE_INTEGER}`, {cache: "no-store"});
      if (answer.ok && !answer.redirected) count.textContent = shown(await answer.json());
    } catch { /* the server has ended; Locust's page says so */ }
    setTimeout(look, 2000);
  }
  look();
})();
