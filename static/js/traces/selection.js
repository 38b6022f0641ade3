/** Selecting traces, and what is done with those that are: compare two, export, delete and take it back. */
import { toast } from "../toast.js";
import { apiUrl, send } from "./api.js";

const results = document.getElementById("results");
const bar = document.getElementById("selection-bar");
const dialog = document.getElementById("delete-traces");
const MOST = 500;

const rows = () => [...results.querySelectorAll("tbody tr:not([hidden])")];
const box = (row) => row.querySelector(".c-pick input");
const picked = () => rows().filter((row) => box(row)?.checked);
let last = null;

function setPicked(row, isPicked) {
  if (box(row)) box(row).checked = isPicked;
  row.classList.toggle("is-picked", isPicked);
}

/** Say how many are selected and what can be done with them. */
export function showSelection() {
  const chosen = picked();
  const all = document.getElementById("pick-all");
  if (all) {
    all.checked = chosen.length > 0 && chosen.length === rows().length;
    all.indeterminate = chosen.length > 0 && !all.checked;
  }
  bar.hidden = !chosen.length;
  document.body.classList.toggle("has-selection", chosen.length > 0);
  if (!chosen.length) return;
  const ids = chosen.map((row) => row.dataset.trace);
  bar.querySelector("[data-count]").textContent = `${ids.length} selected`;
  const compare = bar.querySelector("[data-select=compare]");
  compare.setAttribute("aria-disabled", String(ids.length !== 2));
  // The earlier one is what the later one is held against.
  const [right, left] = ids;
  if (ids.length === 2) compare.href = `${location.pathname.replace(/traces\/$/, "compare/")}?${new URLSearchParams({ left, right })}`;
  else compare.removeAttribute("href");
  for (const format of ["csv", "ndjson"]) {
    bar.querySelector(`[data-select=${format}]`).href = apiUrl("traces-export", [["format", format], ...ids.map((id) => ["trace_id", id])]);
  }
}

/** Select the row with the focus, or let it go. */
export function togglePick(row) {
  if (!row) return;
  setPicked(row, !box(row).checked);
  last = row;
  showSelection();
}

export function clearSelection() {
  const had = picked().length > 0;
  for (const row of picked()) setPicked(row, false);
  last = null;
  showSelection();
  return had;
}

export function compareSelected() {
  const link = bar.querySelector("[data-select=compare]");
  if (!bar.hidden && link.href) link.click();
}

results.addEventListener("click", (event) => {
  const cell = event.target.closest("td.c-pick, th.c-pick");
  if (!cell) return;
  // The cell around the box is as good as the box.
  event.stopPropagation();
  const input = cell.querySelector("input");
  if (event.target !== input) input.checked = !input.checked;
  if (input.id === "pick-all") {
    for (const row of rows()) setPicked(row, input.checked);
  } else pickFrom(cell.closest("tr"), input.checked, event.shiftKey);
  showSelection();
});

function pickFrom(row, isPicked, isRange) {
  const all = rows();
  const [from, to] = [all.indexOf(last), all.indexOf(row)].sort((a, b) => a - b);
  if (isRange && from >= 0) for (const one of all.slice(from, to + 1)) setPicked(one, isPicked);
  else setPicked(row, isPicked);
  last = row;
  getSelection()?.removeAllRanges();
}

bar.addEventListener("click", (event) => {
  const action = event.target.closest("[data-select]")?.dataset.select;
  if (action === "none") clearSelection();
  else if (action === "delete") askToDelete();
});

/* Deleting */

export function askToDelete() {
  const chosen = picked();
  if (!chosen.length || document.body.dataset.mayDelete !== "true") return;
  const sum = (name) => chosen.reduce((total, row) => total + Number(row.dataset[name]), 0);
  const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
  dialog.querySelector("h2").textContent = `Delete ${many(chosen.length, "trace")}?`;
  dialog.querySelector("[data-what]").textContent = `${many(sum("events"), "event")} with ${sum("events") === 1 ? "its" : "their"} values and ${many(sum("logs"), "log record")} go with ${chosen.length === 1 ? "it" : "them"}.`;
  dialog.returnValue = "";
  dialog.showModal();
  dialog.querySelector("[data-delete-now]").focus();
}

dialog.addEventListener("close", () => {
  if (dialog.returnValue === "delete") remove(picked().slice(0, MOST));
});

async function remove(chosen) {
  const ids = chosen.map((row) => row.dataset.trace);
  const focused = rows().find((row) => !chosen.includes(row));
  clearSelection();
  for (const row of chosen) row.hidden = true;
  showSelection();
  focused?.querySelector(".c-run a")?.focus({ preventScroll: true });
  const { isOk, problem } = await send("POST", "traces-delete", { trace_ids: ids });
  if (!isOk) {
    for (const row of chosen) row.hidden = false;
    toast(problem, { isError: true });
    return;
  }
  const text = ids.length === 1 ? "Trace deleted" : `${ids.length} traces deleted`;
  toast(text, { action: { label: "Undo", run: () => restore(ids, chosen) }, lasts: Math.max(5, Number(document.body.dataset.grace) - 4) * 1000 });
}

async function restore(ids, chosen) {
  const { isOk, data, problem } = await send("POST", "traces-restore", { trace_ids: ids });
  const back = new Set((data?.items ?? []).filter((item) => item.result === "restored").map((item) => item.trace_id));
  for (const row of chosen) if (back.has(row.dataset.trace)) row.hidden = false;
  if (!isOk) toast(problem, { isError: true });
  else if (back.size < ids.length) toast(`${ids.length - back.size} of ${ids.length} could not be brought back: their removal had begun`, { isError: true });
  else toast(ids.length === 1 ? "Trace restored" : `${ids.length} traces restored`);
}
