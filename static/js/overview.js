/**
 * The Overview and Ingest pages: charts that lead to the traces behind them, and figures that follow live data. A hint
 * makes the page read itself again; only parts that differ are replaced, and charts keep the reader's place.
 */
import { refreshTimes } from "./base.js";
import { drawBars, drawLines } from "./chart.js";
import { compact, cost, duration, percent } from "./format.js";
import { openTraces, readData, wireRange } from "./health.js";
import { refetchLive } from "./refetch.js";

const LIVE_INTERVAL_MS = 2000;

const CHARTS = {
  traffic: {
    draw: drawBars, label: "Traces started, by status", formatValue: compact, isWhole: true,
    series: [{ name: "ok", label: "ok", color: "ok" }, { name: "error", label: "error", color: "error" }, { name: "running", label: "running", color: "running" }],
  },
  latency: {
    draw: drawLines, label: "Latency of traces", formatValue: duration,
    series: [{ name: "p50", label: "p50", color: "accent" }, { name: "p95", label: "p95", color: "third", dash: "dashed" }, { name: "p99", label: "p99", color: "warn", dash: "dotted" }],
  },
  rate: { draw: drawBars, label: "Share of traces that failed", formatValue: percent, q: "status:error", series: [{ name: "rate", label: "failed", color: "error" }] },
  cost: { draw: drawBars, label: "Cost", formatValue: (micros) => (micros == null ? "–" : cost(micros)), series: [{ name: "cost", label: "cost", color: "second" }] },
  tokens: { draw: drawBars, label: "Tokens", formatValue: compact, isWhole: true, series: [{ name: "tokens", label: "tokens", color: "third" }] },
  ingest: {
    draw: drawBars, label: "Items received, by what became of them", formatValue: compact, isWhole: true, isOnlyRead: true,
    series: [{ name: "accepted", label: "accepted", color: "ok" }, { name: "duplicates", label: "duplicates", color: "muted" }, { name: "rejected", label: "rejected", color: "error" }],
  },
};

const charts = new Map();

function drawAll(data) {
  for (const box of document.querySelectorAll("[data-chart]")) {
    const { draw, q, isOnlyRead, ...options } = CHARTS[box.dataset.chart];
    const onBrush = isOnlyRead ? null : (from, to) => openTraces(from, to, q);
    if (charts.has(box)) charts.get(box).update(data);
    else charts.set(box, draw(box, { ...options, ...data, onBrush }));
  }
}

function show(answer) {
  const data = readData("overview-data", answer);
  // The first trace has arrived: everything is new.
  if (data && !charts.size) location.reload();
  if (!data) return;
  for (const part of document.querySelectorAll("[data-part]")) replacePart(part, answer.querySelector(`[data-part="${part.dataset.part}"]`));
  drawAll(data);
}

/** Keep what a reader is in: a part with the focus waits for the next time. */
function replacePart(part, fresh) {
  if (!fresh || part.contains(document.activeElement)) return;
  const next = document.importNode(fresh, true);
  refreshTimes(next);
  if (part.innerHTML !== next.innerHTML) part.replaceChildren(...next.childNodes);
}

const data = readData("overview-data");
if (data) drawAll(data);
wireRange(document.getElementById("range"));
refetchLive({ interval: LIVE_INTERVAL_MS, show });
