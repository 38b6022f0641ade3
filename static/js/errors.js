/** The Errors page and the page of one error: keys, live rows, and a chart that leads to the traces behind it. */
import { isTyping, refreshTimes } from "./base.js";
import { drawBars } from "./chart.js";
import { compact } from "./format.js";
import { openTraces, readData, wireRange } from "./health.js";
import { refetchLive } from "./refetch.js";
import { listKeys, replaceCells } from "./rows.js";

const LIVE_INTERVAL_MS = 2000;

const results = document.getElementById("results");
const data = readData("error-data");
const box = document.querySelector("[data-chart]");
if (data && box) {
  drawBars(box, { ...data, label: "Events with this error", formatValue: compact, isWhole: true, series: [{ name: "error", label: "events", color: "error" }], onBrush: (from, to) => openTraces(from, to, "status:error") });
}
wireRange(document.getElementById("range"));
listKeys({ rows: () => [...document.querySelectorAll(".error-table tbody tr")], isBusy: isTyping });

/** Figures change in place; an error that is not shown yet comes with the next full read, so no row moves. */
function show(answer) {
  const rows = [...results.querySelectorAll("[data-error]")];
  if (!rows.length && answer.querySelector("[data-error]")) results.replaceChildren(...answer.body.childNodes);
  for (const row of rows) replaceCells(row, answer.querySelector(`[data-error="${row.dataset.error}"]`));
  refreshTimes(results);
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "filters") return;
  const { parameters } = event.detail;
  for (const [name, value] of Object.entries(parameters)) if (value === "" || (name === "sort" && value === "last") || (name === "range" && value === "24h")) delete parameters[name];
});

refetchLive({ interval: LIVE_INTERVAL_MS, show, isPaused: () => !results || results.querySelector(".notice.error") });
