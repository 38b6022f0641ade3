/**
 * The page of one step: its charts, and figures that follow while data arrives. New calls wait behind a button, so
 * that nothing moves under the reader's eyes.
 */
import { isTyping, refreshTimes } from "./base.js";
import { drawBars, drawLines } from "./chart.js";
import { compact, duration, percent } from "./format.js";
import { refetchLive } from "./refetch.js";
import { listKeys } from "./rows.js";
import { chooseTimeRange } from "./time_range.js";

const LIVE_INTERVAL_MS = 3000;
const CHARTS = {
  calls: [drawBars, { label: "Calls over time", isWhole: true, formatValue: compact, series: [
    { name: "ok", label: "ok", color: "ok" }, { name: "running", label: "running", color: "running" }, { name: "error", label: "error", color: "error" }] }],
  latency: [drawLines, { label: "Latency over time", formatValue: duration, series: [
    { name: "p50", label: "p50", color: "accent" }, { name: "p95", label: "p95", color: "third", dash: "dashed" }, { name: "p99", label: "p99", color: "warn", dash: "dotted" }] }],
  rate: [drawLines, { label: "Error rate over time", formatValue: percent, series: [{ name: "rate", label: "errors", color: "error" }] }],
};

const form = document.getElementById("filters");
const readData = (root) => JSON.parse(root.querySelector("#chart-data").textContent);

const charts = [...document.querySelectorAll("[data-chart]")].map((container) => {
  const [draw, options] = CHARTS[container.dataset.chart];
  return draw(container, { ...options, ...readData(document), onBrush: (from, to) => chooseTimeRange(form, from, to) });
});

/** The address of the first page of calls, where new ones come. */
function address() {
  const first = new URL(location.href);
  first.searchParams.delete("cursor");
  return first;
}

function show(answer) {
  for (const chart of charts) chart.update(readData(answer));
  const shown = document.querySelector("[data-part=figures]");
  const fresh = answer.querySelector("[data-part=figures]");
  if (shown.innerHTML !== fresh.innerHTML) shown.replaceChildren(...document.importNode(fresh, true).childNodes);
  offerNew(answer);
  refreshTimes();
}

/** Offer the newest calls when they are not the shown ones. */
function offerNew(answer) {
  const first = (root) => root.querySelector("#calls tbody a")?.getAttribute("href");
  const isFirstPage = document.querySelector(".call-list")?.dataset.firstPage !== "false";
  document.getElementById("new-calls").hidden = !isFirstPage || first(answer) === first(document);
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "calls") document.getElementById("new-calls").hidden = true;
});
form.addEventListener("change", (event) => {
  // A custom range is sent once it is whole.
  const { range, from, to } = form.elements;
  if (range.value !== "custom" || (from.value && to.value && event.target.dataset.instant)) form.requestSubmit();
});

// The address holds only what differs from the usual.
form.addEventListener("formdata", ({ formData }) => {
  const isUsual = (name, value) => value === "" || (name === "range" && value === "7d");
  for (const [name, value] of [...formData]) {
    if (isUsual(name, value) || (/^(from|to)$/.test(name) && formData.get("range") !== "custom")) formData.delete(name);
  }
});

listKeys({ rows: () => [...document.querySelectorAll(".call-list tbody tr")], isBusy: isTyping });
refetchLive({ interval: LIVE_INTERVAL_MS, show, address, isPart: false, isPaused: () => !charts.length });
