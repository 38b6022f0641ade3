/**
 * The page of a rerun. The server writes it whole; whenever the rerun or its run's trace changes it is read again, and
 * only parts that differ are replaced. The comparison comes once the run has a trace, and is read anew as that grows.
 */
import { isTyping, refreshTimes, toast } from "../base.js";
import { coalesce } from "../live.js";
import { refetchLive } from "../refetch.js";
import { send } from "./api.js";

const LIVE_INTERVAL_MS = 300;
const COMPARE_INTERVAL_MS = 1500;
const LEAST_HEIGHT = 200, MOST_HEIGHT = 480, HEAD_HEIGHT = 64;

const { project, rerun, compareModule, againUrl, cancelUrl, rerunsUrl } = document.body.dataset;
const part = (name, root = document) => root.querySelector(`[data-part="${name}"]`);

/* Live */

let live = null;
let heardTrace = null;

/** Hear of the rerun, and of its run's own trace as soon as there is one. */
function listen() {
  const trace = part("compare")?.dataset.keep ?? null;
  if (live && trace === heardTrace) return;
  live?.end();
  heardTrace = trace;
  const subscriptions = [{ project: Number(project), rerun: Number(rerun) }, ...(trace ? [{ project: Number(project), trace }] : [])];
  live = refetchLive({ interval: LIVE_INTERVAL_MS, show, hears: ["rerun.changed", "trace.changed"], subscriptions });
}

function show(answer) {
  const anchor = [...document.querySelectorAll("[data-part]")].find((one) => one.getBoundingClientRect().bottom > 80);
  const before = anchor?.getBoundingClientRect().top;
  for (const fresh of answer.querySelectorAll("[data-part]")) replace(part(fresh.dataset.part), fresh);
  refreshTimes();
  // What stands above may have grown: what is read stays where it is.
  if (anchor?.isConnected && scrollY > 0) scrollBy(0, anchor.getBoundingClientRect().top - before);
  showComparison();
  listen();
}

function replace(shown, fresh) {
  const { part: name, keep } = fresh.dataset;
  if (!shown) {
    document.getElementById("rerun").append(document.importNode(fresh, true));
    return;
  }
  // The comparison lives on: only another trace is another one.
  if (name === "compare" && keep === shown.dataset.keep) return;
  const next = document.importNode(fresh, true);
  refreshTimes(next);
  for (const fold of next.querySelectorAll("details")) fold.open = shown.querySelector("details")?.open ?? fold.open;
  if (next.innerHTML === shown.innerHTML && next.className === shown.className && next.hidden === shown.hidden) return;
  const focused = shown.contains(document.activeElement) ? [...shown.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
  shown.replaceWith(next);
  if (focused >= 0) next.querySelectorAll("a, button")[focused]?.focus({ preventScroll: true });
}

/* Comparison */

let comparison = null;

function showComparison() {
  if (!document.getElementById("compare")) return;
  comparison ??= import(compareModule).catch(() => toast("The comparison could not be loaded", { isError: true }));
  refreshComparison();
}

let isFirst = true;
const refreshComparison = coalesce(async () => {
  const loaded = await comparison;
  // It reads by itself when it comes.
  await (isFirst ? loaded?.ready : loaded?.load());
  isFirst = false;
  const rows = document.querySelector(".cmp-space").offsetHeight;
  document.getElementById("compare").style.height = `${Math.max(LEAST_HEIGHT, Math.min(rows + HEAD_HEIGHT, MOST_HEIGHT))}px`;
}, COMPARE_INTERVAL_MS);

/* Actions */

async function act(url, body = {}) {
  return send("POST", `${url}?project=${project}`, body);
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest?.("[data-cancel-now]")) return;
  document.getElementById("cancel-rerun").close();
  try {
    await act(cancelUrl);
    live.refresh();
  } catch (error) {
    toast(`The rerun could not be cancelled. ${error.message}`, { isError: true });
  }
});

document.getElementById("again-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const asked = await act(againUrl, { runCount: Number(document.getElementById("again-count").value) });
    location.assign(`${rerunsUrl}${asked.triggerId}/`);
  } catch (error) {
    document.getElementById("again-problem").textContent = error.message;
  }
});

function openRun(step) {
  const runs = [...document.querySelectorAll("[data-run]")];
  const at = runs.findIndex((row) => row.classList.contains("is-chosen"));
  runs[at + step]?.querySelector("a").click();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
  if (event.key === "[" || event.key === "]") openRun(event.key === "]" ? 1 : -1);
  else if (event.key === "c") part("compare")?.querySelector("header a")?.click();
  else if (event.key === "f" && !document.getElementById("compare")) document.querySelector(".rr-pin")?.scrollIntoView({ block: "center" });
  else return;
  event.preventDefault();
});

showComparison();
listen();
