/** Traces over time, above the list: read after it, and again while the page is live. A brush sets the time range. */
import { refreshTimes } from "../base.js";
import { drawBars } from "../chart.js";
import { el } from "../dom.js";
import { compact } from "../format.js";
import { coalesce } from "../live.js";
import { chooseTimeRange } from "../time_range.js";
import { currentFilters, read } from "./api.js";

const BUCKETS = 60;
const LIVE_INTERVAL_MS = 4000;
const SERIES = [
  { name: "ok", label: "ok", color: "ok" },
  { name: "error", label: "error", color: "error" },
  { name: "running", label: "running", color: "running" },
];

const box = document.getElementById("histogram");
const legend = document.getElementById("histogram-legend");
let chart = null;
let abort = null;

/** Read and draw the histogram of the filters in the address. */
export async function loadHistogram() {
  abort?.abort();
  abort = new AbortController();
  const { signal } = abort;
  const params = currentFilters();
  params.set("buckets", String(BUCKETS));
  const answer = await read("traces-histogram", params, { signal });
  if (signal.aborted) return;
  if (!answer) {
    // A filter that cannot be read is said where it is written.
    const isSaid = document.querySelector("#results .notice.error");
    legend.replaceChildren(isSaid ? "" : el("span", {}, "The course over time could not be read."));
    return;
  }
  const buckets = answer.buckets.map(({ at, ...values }) => ({ at, values }));
  const options = { buckets, bucketSeconds: answer.bucket_s, start: answer.start, end: answer.end };
  if (chart) chart.update(options);
  else {
    chart = drawBars(box, { ...options, series: SERIES, label: "Traces over time", isWhole: true, formatValue: (value) => compact(value ?? 0), onBrush: brush });
  }
  drawLegend(buckets, answer);
}

function brush(from, to) {
  chooseTimeRange(document.getElementById("filters"), from, to);
}

function drawLegend(buckets, { is_partial: isPartial, covered_from: coveredFrom }) {
  const sum = (name) => buckets.reduce((total, { values }) => total + (values[name] ?? 0), 0);
  const entries = SERIES.map(({ name, label, color }) => el("span", {}, el("span", { class: `chart-key c-${color}` }), `${label} ${compact(sum(name))}`));
  if (isPartial) entries.push(el("span", {}, coveredFrom ? "counted back to " : "counted in part", coveredFrom ? el("time", { datetime: coveredFrom, "data-when": true }) : null));
  legend.replaceChildren(...entries);
  refreshTimes(legend);
}

/** Draw anew what news may have changed, now and then. */
export const refreshHistogram = coalesce(loadHistogram, LIVE_INTERVAL_MS);
