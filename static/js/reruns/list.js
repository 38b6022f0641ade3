/** The Reruns page: rows kept up to date in place; new ones wait behind a button, so that nothing moves. */
import { isTyping, refreshTimes } from "../base.js";
import { refetchLive } from "../refetch.js";
import { listKeys, replaceCells } from "../rows.js";

const LIVE_INTERVAL_MS = 500;

const results = document.getElementById("results");
const button = document.getElementById("new-rows");
const rows = () => [...results.querySelectorAll("[data-rerun]")];
let waiting = null;

listKeys({ rows, isBusy: isTyping });

function show(answer) {
  const shown = rows();
  const fresh = [...answer.querySelectorAll("[data-rerun]")];
  if (!shown.length) {
    if (fresh.length) takeAll(answer);
    return;
  }
  for (const row of shown) {
    const next = answer.querySelector(`[data-rerun="${row.dataset.rerun}"]`);
    if (next && next.dataset.version !== row.dataset.version) replaceCells(row, next);
    else if (next) replaceCells(row, next);
  }
  refreshTimes(results);
  const newest = Number(shown[0].dataset.rerun);
  const count = new URLSearchParams(location.search).has("cursor") ? 0 : fresh.filter((row) => Number(row.dataset.rerun) > newest).length;
  waiting = count ? answer : null;
  button.hidden = !count;
  button.textContent = `${count}${count === fresh.length ? "+" : ""} new`;
}

function takeAll(answer) {
  results.replaceChildren(...document.importNode(answer.body, true).childNodes);
  refreshTimes(results);
  waiting = null;
  button.hidden = true;
}

button.addEventListener("click", () => waiting && takeAll(waiting));
document.addEventListener("keydown", (event) => {
  if (event.key !== "n" || event.defaultPrevented || isTyping(event) || !waiting) return;
  event.preventDefault();
  takeAll(waiting);
});
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "filters") return;
  const { parameters } = event.detail;
  for (const [name, value] of Object.entries(parameters)) if (value === "") delete parameters[name];
});
document.addEventListener("htmx:afterSettle", () => {
  waiting = null;
  button.hidden = true;
});

refetchLive({ interval: LIVE_INTERVAL_MS, show, hears: ["rerun.changed"], isPaused: () => results.querySelector(".notice.error") });
