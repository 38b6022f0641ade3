/**
 * The Traces page. Shown rows change in place; rows that are not shown yet wait behind "n new", so nothing moves
 * under the reader's eyes.
 */
import { isTyping, refreshTimes } from "./base.js";
import { coalesce, connectLive } from "./live.js";
import { request } from "./request.js";
import { moveFocus, openRow } from "./rows.js";
import "./traces/columns.js";
import "./traces/completion.js";
import { loadFacets, toggleFacets } from "./traces/facets.js";
import { loadHistogram, refreshHistogram } from "./traces/histogram.js";
import { apiUrl, currentFilters } from "./traces/api.js";
import { edit, field } from "./traces/query.js";
import { askToDelete, clearSelection, compareSelected, showSelection, togglePick } from "./traces/selection.js";
import "./traces/views.js";
import "./time_range.js";

const LIVE_INTERVAL_MS = 400;

const results = document.getElementById("results");
const hinted = new Set();
let wantsAll = false;

const table = () => document.getElementById("traces");
const rows = () => [...results.querySelectorAll("tbody tr")];

/* Live */

const refresh = coalesce(async () => {
  // Filters that the server refused would be refused again.
  if (results.querySelector(".notice.error")) return;
  const shown = rows().map((row) => row.dataset.trace);
  const query = new URLSearchParams(location.search);
  for (const id of shown) if (wantsAll || hinted.has(id)) query.append("shown", id);
  // A hinted trace that is not shown may belong between the rows: it started earlier than the newest one. What was
  // not hinted at all, in an interruption, is found by reading the page's ids again.
  for (const id of hinted) if (!shown.includes(id)) query.append("maybe", id);
  if (wantsAll) query.set("complete", "true");
  query.set("newer_than", results.querySelector("[data-newest]")?.dataset.newest ?? "");
  query.set("oldest", table()?.dataset.oldest ?? "");
  hinted.clear();
  wantsAll = false;
  const response = await request(`${document.body.dataset.liveUrl}?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok) return;
  apply(new DOMParser().parseFromString(await response.text(), "text/html"));
  refreshHistogram();
}, LIVE_INTERVAL_MS);

function apply(answer) {
  const shown = new Map(rows().map((row) => [row.dataset.trace, row]));
  for (const fresh of answer.querySelectorAll("tr")) {
    const row = shown.get(fresh.dataset.trace);
    if (row && Number(fresh.dataset.version) > Number(row.dataset.version)) replaceCells(row, document.importNode(fresh, true));
  }
  refreshTimes(results);
  offerNew(JSON.parse(answer.getElementById("news").textContent));
}

/** Change only the cells that differ: the row keeps its focus, its link and its place. */
function replaceCells(row, fresh) {
  row.dataset.version = fresh.dataset.version;
  const cells = [...fresh.cells];
  [...row.cells].forEach((cell, index) => {
    const next = cells[index];
    if (cell.matches(".c-pick") || (cell.innerHTML === next.innerHTML && !cell.dataset.runningSince)) return;
    if (cell.contains(document.activeElement)) cell.querySelector("a").textContent = next.querySelector("a").textContent;
    else cell.replaceWith(next);
  });
  row.classList.remove("arrived");
  void row.offsetWidth;
  row.classList.add("arrived");
}

const between = new Set();
let offeredFor = null;

/** Say how many traces wait: those that started after the newest shown one, and those that belong between the rows. */
function offerNew({ count, is_more: isMore, between: ids }) {
  if (!table()) {
    if (count) window.htmx.ajax("GET", location.pathname + location.search, { target: "#results" });
    return;
  }
  const pill = document.getElementById("new-rows");
  if (offeredFor !== pill) {
    between.clear();
    offeredFor = pill;
  }
  const shown = new Set(rows().map((row) => row.dataset.trace));
  for (const id of ids) if (!shown.has(id)) between.add(id);
  const total = count + between.size;
  pill.hidden = table().dataset.firstPage !== "true" || total === 0;
  pill.querySelector("span").textContent = `${total}${isMore ? "+" : ""} new`;
}

/* Keys and clicks */

const currentRow = () => document.activeElement?.closest?.("#results tbody tr");

const move = (step) => moveFocus(rows().filter((row) => !row.hidden), step);

/** Select with the keyboard: the row with the focus; with Shift also the one it moves to. */
function extend(step) {
  togglePick(currentRow());
  move(step);
}

const ACTIONS = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  J: () => extend(1), K: () => extend(-1),
  x: () => togglePick(currentRow()),
  n: () => document.querySelector("#new-rows:not([hidden])")?.click(),
  f: () => toggleFacets(),
  c: compareSelected,
  Delete: askToDelete,
  "#": askToDelete,
  Escape: clearSelection,
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target === field && !event.defaultPrevented) {
    // Leaving the field must not empty it, as browsers do.
    event.preventDefault();
    event.target.blur();
    return;
  }
  keyOnChip(event);
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
  const action = ACTIONS[event.key];
  if (!action || event.target.closest?.("[role=group], [role=slider], .facets") && event.key !== "f") return;
  if (event.key !== "Escape") event.preventDefault();
  action();
});

/* Conditions: a click edits one, its cross or Backspace takes it away. */

document.addEventListener("click", (event) => {
  const chip = event.target.closest?.("[data-chip]");
  if (chip) edit(Number(chip.dataset.chip));
});

function keyOnChip(event) {
  const chip = event.target.closest?.(".chip");
  if (chip && ["Backspace", "Delete"].includes(event.key)) {
    event.preventDefault();
    chip.querySelector("[data-chip-remove]").click();
  }
}

/* What follows a list: facets, histogram, export, widths. Never before it. */

function follow() {
  showSelection();
  const narrowed = [...currentFilters()];
  for (const link of document.querySelectorAll("[data-export]")) link.href = apiUrl("traces-export", [["format", link.dataset.export], ...narrowed]);
  loadFacets();
  loadHistogram();
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "results") follow();
});

// A filter's answer may arrive when the reader is in the rows already: they stay on the row where they were.
let heldTrace = null;
results.addEventListener("htmx:beforeSwap", () => {
  heldTrace = document.activeElement?.closest("#results tr")?.dataset.trace ?? null;
});
results.addEventListener("htmx:afterSwap", () => {
  const row = heldTrace && rows().find((candidate) => candidate.dataset.trace === heldTrace);
  if (row) row.querySelector("a").focus({ preventScroll: true, focusVisible: true });
});

results.addEventListener("click", (event) => {
  const row = event.target.closest("tbody tr");
  if (row && !event.target.closest("a, button, input, .c-pick") && !String(getSelection())) openRow(row, event);
});

follow();
connectLive({
  subscriptions: [{ project: Number(document.body.dataset.project) }],
  onHint(message) {
    for (const [id] of message.traces) hinted.add(id);
    wantsAll ||= !message.is_complete;
    refresh();
  },
  onCatchUp() {
    wantsAll = true;
    refresh();
  },
});
