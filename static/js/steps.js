/**
 * The Steps page. Figures change in place while data arrives; the order stays as it was until the reader asks again.
 */
import { isTyping, refreshTimes } from "./base.js";
import { refetchLive } from "./refetch.js";
import { listKeys, replaceCells } from "./rows.js";
import "./time_range.js";

const LIVE_INTERVAL_MS = 3000;

const results = document.getElementById("results");
const rows = () => [...results.querySelectorAll("tbody tr")];

function show(answer) {
  const fresh = new Map([...answer.querySelectorAll("tr[data-step]")].map((row) => [row.dataset.step, row]));
  if (!rows().length && fresh.size) window.htmx.ajax("GET", location.pathname + location.search, { target: "#results" });
  for (const row of rows()) replaceCells(row, fresh.get(row.dataset.step));
  refreshTimes(results);
}

// The order is part of the address, and the form must send on what a heading chose.
results.addEventListener("htmx:beforeRequest", (event) => {
  if (!("sort" in event.target.dataset)) return;
  const order = new URL(event.target.href).searchParams.get("order") ?? "calls";
  document.querySelector("#filters [name=order]").value = order;
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "filters") return;
  for (const [name, value] of Object.entries(event.detail.parameters)) {
    if (value === "" || (name === "order" && value === "calls") || (name === "range" && value === "7d")) delete event.detail.parameters[name];
  }
});

listKeys({ rows, isBusy: isTyping });
refetchLive({ interval: LIVE_INTERVAL_MS, show, isPaused: () => results.querySelector(".notice.error") });
