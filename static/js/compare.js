/**
 * Two aligned traces in one list, and what differs in the step the reader opens: the Compare page, and part of a rerun's.
 * `load` reads both again.
 */
import { isTyping, toast } from "./base.js";
import { DiffPanel } from "./compare/diff.js";
import { el, icon } from "./dom.js";
import { compact, cost, duration, grouped } from "./format.js";
import { request } from "./request.js";
import { VirtualRows } from "./trace/virtual.js";

const ROW_HEIGHT = 28;
const LEAST_MS = 0.5;
const SIGNS = { same: "", changed: "~", added: "+", missing: "−" };
const WORDS = { same: "same", changed: "changed", added: "only right", missing: "only left" };

const box = document.getElementById("compare");
const urls = box.dataset;
const scroller = box.querySelector(".cmp-scroll");
const only = document.getElementById("only");
const pin = document.getElementById("pin");

let comparison = null;
/** Positions in `comparison.rows` of the rows that are listed. */
let listed = [];
let active = -1;
let opened = null;
let scale = 1;

const panel = new DiffPanel({ root: box.querySelector(".cmp-diff"), urls, onClose: closePanel });
const list = new VirtualRows({ scroller, space: scroller.querySelector(".cmp-space"), rowHeight: ROW_HEIGHT, create: createRow, fill: fillRow });

/* Reading */

export async function load() {
  const query = new URLSearchParams({ project: urls.project, left: urls.left, right: urls.right });
  const slow = setTimeout(() => say("Aligning the two traces"), 200);
  try {
    const response = await request(`${urls.compareUrl}?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    comparison = await response.json();
  } catch (error) {
    say(`The traces could not be compared. ${error.message}. Reload the page to try again.`);
    return;
  } finally {
    clearTimeout(slow);
  }
  say(comparison.is_partial ? "One of the traces has more than 20,000 events: the first of each are compared." : "");
  if (!comparison.rows.length) say("Neither trace has an event yet.");
  scale = Math.max(1, ...comparison.rows.flatMap((row) => [row.left, row.right]).map((side) => (side ? side.offset_ms + (side.duration_ms ?? 0) : 0)));
  showTotals();
  readAddress({ isFirst: true });
}

function say(text) {
  const message = document.getElementById("message");
  message.hidden = !text;
  message.textContent = text;
}

function showTotals() {
  const { counts, deltas, rows, first_divergence: first } = comparison;
  document.getElementById("counts").replaceChildren(...["changed", "added", "missing", "same"].map((state) => (
    el("span", { class: `cmp-count is-${state}` }, el("span", { "aria-hidden": "true" }, SIGNS[state] || "="), ` ${grouped(counts[state])} ${WORDS[state]}`))));
  for (const place of document.querySelectorAll("[data-delta]")) {
    const name = place.dataset.delta;
    const write = name === "duration_ms" ? duration : name === "cost_micros" ? cost : grouped;
    showDelta(place, deltas[name], write);
  }
  document.getElementById("first").disabled = first === null;
  pin.hidden = first === null;
  if (first === null) return;
  const row = rows[first];
  pin.replaceChildren(icon("alert"), el("strong", {}, "First divergence"), el("span", { class: "clip" }, `${row.name}: ${describe(row)}`));
}

const describe = (row) => (row.state === "changed" ? `${row.changes.join(", ")} differ${row.changes.length === 1 ? "s" : ""}` : WORDS[row.state]);

function showDelta(place, value, write) {
  // What the figures would show as nothing is nothing: clocks never agree to the microsecond.
  const isNothing = value != null && (write === duration ? Math.abs(value) < LEAST_MS : value === 0);
  const sign = value > 0 ? "+" : "−";
  place.textContent = isNothing ? "±0" : value ? `${sign}${write(Math.abs(value))}` : "";
  place.classList.toggle("is-more", !isNothing && value > 0);
  place.classList.toggle("is-less", !isNothing && value < 0);
}

/* The list */

/** With "only differences", the rows that differ and what they lie under. */
function listRows() {
  const { rows } = comparison;
  const isKept = new Uint8Array(rows.length).fill(only.checked ? 0 : 1);
  const above = [];
  rows.forEach((row, at) => {
    above.length = row.depth ?? 0;
    above.push(at);
    if (row.state !== "same") for (const place of above) isKept[place] = 1;
  });
  listed = [...rows.keys()].filter((at) => isKept[at]);
  list.setCount(listed.length);
  if (only.checked && !listed.length) say("Nothing differs.");
}

function createRow() {
  const bar = () => el("span", { class: "cmp-bars", role: "gridcell" }, el("i", { class: "cmp-stripe" }));
  const row = el("div", { class: "cmp-row", role: "row" },
    el("span", { class: "cmp-name", role: "gridcell" }, el("span", { class: "cmp-sign" }), el("span", { class: "cmp-indent" }), el("span", { class: "cmp-icon" }), el("span", { class: "cmp-text clip" }), el("span", { class: "cmp-what" })),
    bar(), bar(), ...["", "wide", "wide"].map((css) => el("span", { class: `cmp-delta ${css}`, role: "gridcell" })));
  const [name, left, right, ...deltas] = row.children;
  row.parts = { sign: name.children[0], indent: name.children[1], icon: name.children[2], text: name.children[3], what: name.children[4], left, right, deltas };
  return row;
}

function fillRow(row, place) {
  const at = listed[place];
  const entry = comparison.rows[at];
  const { parts } = row;
  row.id = `row-${at}`;
  row.dataset.at = at;
  row.className = `cmp-row is-${entry.state} kind-${entry.kind}${place === active ? " is-active" : ""}${at === opened ? " is-selected" : ""}${at === comparison.first_divergence ? " is-first" : ""}`;
  row.setAttribute("aria-rowindex", String(place + 1));
  row.setAttribute("aria-selected", String(at === opened));
  row.title = `${entry.name}, ${describe(entry)}`;
  parts.sign.textContent = SIGNS[entry.state];
  parts.sign.title = WORDS[entry.state];
  parts.indent.style.width = `${Math.min(entry.depth ?? 0, 16) * 14}px`;
  if (parts.icon.dataset.kind !== entry.kind) {
    parts.icon.dataset.kind = entry.kind;
    parts.icon.replaceChildren(icon(entry.kind, "kind-icon"));
  }
  parts.text.textContent = entry.right?.name ? `${entry.name} → ${entry.right.name}` : entry.name;
  parts.what.textContent = entry.state === "changed" ? entry.changes.join(", ") : "";
  fillBar(parts.left, entry.left);
  fillBar(parts.right, entry.right);
  showDelta(parts.deltas[0], entry.duration_delta_ms, duration);
  showDelta(parts.deltas[1], entry.tokens_delta, compact);
  showDelta(parts.deltas[2], entry.cost_delta_micros, cost);
}

function fillBar(cell, side) {
  const stripe = cell.firstChild;
  stripe.hidden = !side;
  cell.title = side ? `${side.status === "running" ? "running" : duration(side.duration_ms)}${side.status === "error" ? ", failed" : ""}` : "";
  cell.setAttribute("aria-label", side ? cell.title : "none");
  if (!side) return;
  stripe.className = `cmp-stripe${side.status === "error" ? " is-error" : ""}${side.status === "running" ? " is-running" : ""}`;
  stripe.style.insetInlineStart = `${(side.offset_ms / scale) * 100}%`;
  stripe.style.width = `${((side.duration_ms ?? scale - side.offset_ms) / scale) * 100}%`;
}

function activate(place, { isCentred = false } = {}) {
  if (!listed.length) return;
  active = Math.max(0, Math.min(listed.length - 1, place));
  list.reveal(active, { isCentred });
  list.refresh();
  scroller.setAttribute("aria-activedescendant", `row-${listed[active]}`);
}

/** Go to a row wherever it is; one that the filter hides is shown by taking the filter away. */
function goTo(at, options = { isCentred: true }) {
  if (!listed.includes(at)) {
    only.checked = false;
    setAddress({ only: null });
    listRows();
  }
  activate(listed.indexOf(at), options);
}

function stepDifference(step) {
  for (let place = active + step; place >= 0 && place < listed.length; place += step) {
    if (comparison.rows[listed[place]].state !== "same") {
      activate(place);
      if (opened !== null) open(listed[place]);
      return;
    }
  }
  toast(step > 0 ? "No further difference" : "No earlier difference");
}

/* The panel */

function open(at, { isNewEntry = false } = {}) {
  const row = comparison.rows[at];
  const isNew = isNewEntry && opened === null;
  opened = at;
  setAddress({ left_event: row.left?.span_id ?? null, right_event: row.right?.span_id ?? null }, { isNewEntry: isNew });
  panel.show(row, describe(row));
  list.refresh();
}

function hidePanel() {
  opened = null;
  panel.hide();
  list.refresh();
}

function closePanel() {
  hidePanel();
  setAddress({ left_event: null, right_event: null });
  scroller.focus();
}

/* Address */

function setAddress(changes, { isNewEntry = false } = {}) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value == null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  if (address.href !== location.href) history[isNewEntry ? "pushState" : "replaceState"](null, "", address);
}

function readAddress({ isFirst = false } = {}) {
  const parameters = new URLSearchParams(location.search);
  only.checked = parameters.get("only") === "differences";
  listRows();
  const left = parameters.get("left_event"), right = parameters.get("right_event");
  const at = left || right ? comparison.rows.findIndex((row) => (left ? row.left?.span_id === left : row.right?.span_id === right)) : -1;
  if (at >= 0) {
    goTo(at);
    open(at);
    return;
  }
  hidePanel();
  if (isFirst && comparison.first_divergence !== null) goTo(comparison.first_divergence);
}

/* Keys and clicks */

function key(event) {
  const place = { j: active + 1, ArrowDown: active + 1, k: active - 1, ArrowUp: active - 1, PageDown: active + list.pageSize, PageUp: active - list.pageSize, Home: 0, End: listed.length - 1 }[event.key];
  if (place !== undefined) {
    activate(place);
    if (opened !== null) open(listed[active]);
  } else if (event.key === "Enter" && active >= 0) open(listed[active], { isNewEntry: true });
  else if (event.key === "n" || event.key === "p") stepDifference(event.key === "n" ? 1 : -1);
  else if (event.key === "f" && comparison.first_divergence !== null) goTo(comparison.first_divergence);
  else if (event.key === "d") only.click();
  else if (event.key === "s" && document.querySelector("[data-swap]")) document.querySelector("[data-swap]").click();
  else if (event.key === "Escape" && opened !== null) closePanel();
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (!comparison || event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
  const isElsewhere = event.target.closest("a, button, .cmp-diff") && ["Enter", "ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End"].includes(event.key);
  if (!isElsewhere && key(event)) event.preventDefault();
});

scroller.addEventListener("click", (event) => {
  const row = event.target.closest("[data-at]");
  if (!row) return;
  activate(listed.indexOf(Number(row.dataset.at)));
  open(Number(row.dataset.at), { isNewEntry: true });
});

only.addEventListener("change", () => {
  const at = listed[active];
  setAddress({ only: only.checked ? "differences" : null }, { isNewEntry: true });
  say("");
  listRows();
  if (listed.includes(at)) activate(listed.indexOf(at), { isCentred: true });
  else active = -1;
});

document.querySelector(".cmp-bar").addEventListener("click", (event) => {
  const step = event.target.closest("[data-step]");
  if (step && comparison) stepDifference(Number(step.dataset.step));
});
for (const button of [pin, document.getElementById("first")]) {
  button.addEventListener("click", () => {
    goTo(comparison.first_divergence);
    open(comparison.first_divergence, { isNewEntry: true });
  });
}
window.addEventListener("popstate", () => comparison && readAddress());

/** The first reading. */
export const ready = load();
