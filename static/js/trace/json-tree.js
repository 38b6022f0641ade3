/**
 * A value as a tree that opens where it is clicked. Only opened parts are in the document, long lists come in portions
 * and long texts are cut with a button, so a value of megabytes costs no more than what is looked at.
 *
 * One stop for the Tab key; arrows walk and fold, `c` copies the value of a row and `p` its path.
 */
import { copyText } from "../copy.js";
import { el, icon } from "../dom.js";
import { bytes } from "../format.js";
import { renderText } from "./text.js";

const PORTION = 100;
const LONG_TEXT = 1200;
const OPEN_ROWS = 60;
const OPEN_DEPTH = 3;

const facts = new WeakMap();

/** Show any JSON value. A text stands for itself, without quotes. */
export function renderValue(value, { label = "Value", path = "$" } = {}) {
  if (typeof value === "string") return el("div", { class: "text-value" }, renderText(value));
  const tree = el("div", { class: "json", role: "tree", "aria-label": label });
  tree.append(renderEntry({ key: null, value, depth: 0, path }, { rows: OPEN_ROWS }));
  tree.querySelector("[role=treeitem]").tabIndex = 0;
  tree.addEventListener("keydown", walk);
  tree.addEventListener("click", click);
  return tree;
}

/** The path of an entry as people and tools write it: `$.messages[0]["odd key"]`. */
export function extendPath(path, key) {
  if (typeof key === "number") return `${path}[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

export const writeValue = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/* Entries */

function renderEntry(entry, budget) {
  const { value } = entry;
  return value !== null && typeof value === "object" ? renderBranch(entry, budget) : renderLeaf(entry);
}

function makeRow(entry, ...children) {
  const row = el("div", { class: "json-row", role: "treeitem", tabindex: "-1", "aria-level": entry.depth + 1 }, ...children,
    el("span", { class: "json-actions", "aria-hidden": "true" },
      el("button", { type: "button", tabindex: "-1", "data-json": "path", title: `Copy the path ${entry.path} (p)` }, icon("link")),
      el("button", { type: "button", tabindex: "-1", "data-json": "value", title: "Copy the value (c)" }, icon("copy"))));
  facts.set(row, entry);
  return row;
}

function renderLeaf(entry) {
  const { key, value } = entry;
  const line = el("div", { class: "json-line" }, ...keyParts(key));
  if (typeof value === "string") line.append(...stringParts(value));
  else line.append(el("span", { class: typeof value === "number" ? "json-number" : "json-word" }, String(value)));
  return makeRow(entry, el("span", { class: "json-toggle" }), line);
}

function stringParts(text) {
  if (text.length <= LONG_TEXT) return [el("span", { class: "json-string" }, JSON.stringify(text))];
  const value = el("span", { class: "json-string" }, JSON.stringify(text.slice(0, LONG_TEXT)).slice(0, -1), "…");
  const more = el("button", { type: "button", class: "link" }, ` show all (${bytes(text.length)})`);
  more.addEventListener("click", () => {
    value.textContent = JSON.stringify(text);
    more.remove();
  });
  return [value, more];
}

function renderBranch(entry, budget) {
  const { key, value, depth } = entry;
  const isList = Array.isArray(value);
  const entries = isList ? value.map((item, index) => [index, item]) : Object.entries(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (!entries.length) {
    return makeRow(entry, el("span", { class: "json-toggle" }), el("div", { class: "json-line" }, ...keyParts(key), el("span", { class: "json-dim" }, open + close)));
  }
  const summary = el("span", { class: "json-dim" });
  const row = makeRow(entry, el("span", { class: "json-toggle" }, icon("chevron")), el("div", { class: "json-line" }, ...keyParts(key), summary));
  const kids = el("div", { class: "json-kids", role: "group", hidden: true });
  const noun = isList ? (entries.length === 1 ? "item" : "items") : (entries.length === 1 ? "key" : "keys");
  entry.setOpen = (isOpen) => {
    row.setAttribute("aria-expanded", String(isOpen));
    kids.hidden = !isOpen;
    summary.textContent = isOpen ? open : `${open} ${entries.length} ${noun} ${close}`;
    if (isOpen && !kids.childElementCount) appendPortion(kids, entry, entries, 0, budget);
  };
  const isOpenAtFirst = depth < OPEN_DEPTH && budget.rows >= entries.length;
  if (isOpenAtFirst) budget.rows -= entries.length;
  entry.setOpen(isOpenAtFirst);
  return el("div", { role: "none" }, row, kids);
}

function appendPortion(box, parent, entries, from, budget) {
  const until = Math.min(from + PORTION, entries.length);
  for (const [key, value] of entries.slice(from, until)) {
    box.append(renderEntry({ key, value, depth: parent.depth + 1, path: extendPath(parent.path, key) }, budget));
  }
  if (until === entries.length) return;
  const more = el("button", { type: "button", class: "link" }, `Show ${Math.min(PORTION, entries.length - until)} more of ${entries.length}`);
  more.addEventListener("click", () => {
    more.remove();
    appendPortion(box, parent, entries, until, { rows: 0 });
  });
  box.append(more);
}

function keyParts(key) {
  if (key === null) return [];
  return [el("span", { class: typeof key === "number" ? "json-dim" : "json-key" }, String(key)), el("span", { class: "json-dim" }, ": ")];
}

/* Acting on rows */

function click(event) {
  const row = event.target.closest(".json-row");
  if (!row) return;
  const action = event.target.closest("[data-json]")?.dataset.json;
  if (action) return copyFrom(row, action);
  if (event.target.closest("button.link") || String(getSelection())) return;
  focusRow(row);
  toggle(row);
}

function copyFrom(row, what) {
  const entry = facts.get(row);
  copyText(what === "path" ? entry.path : writeValue(entry.value), what === "path" ? `Copied ${entry.path}` : "Copied the value");
}

function toggle(row, isOpen = row.getAttribute("aria-expanded") !== "true") {
  facts.get(row).setOpen?.(isOpen);
}

function focusRow(row) {
  row.closest("[role=tree]").querySelector("[tabindex='0'][role=treeitem]")?.setAttribute("tabindex", "-1");
  row.tabIndex = 0;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function walk(event) {
  const row = event.target.closest("[role=treeitem]");
  if (!row || event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...event.currentTarget.querySelectorAll(".json-row")].filter((other) => !other.closest("[hidden]"));
  const at = rows.indexOf(row);
  const isOpen = row.getAttribute("aria-expanded");
  const parent = row.closest(".json-kids")?.previousElementSibling ?? (isOpen !== null ? row.parentElement.closest(".json-kids")?.previousElementSibling : null);
  const moves = {
    ArrowDown: () => rows[at + 1], j: () => rows[at + 1], ArrowUp: () => rows[at - 1], k: () => rows[at - 1],
    Home: () => rows[0], End: () => rows.at(-1),
    ArrowRight: () => (isOpen === "false" ? toggle(row, true) : isOpen === "true" ? rows[at + 1] : null),
    ArrowLeft: () => (isOpen === "true" ? toggle(row, false) : parent),
    Enter: () => toggle(row), " ": () => toggle(row),
    c: () => copyFrom(row, "value"), p: () => copyFrom(row, "path"),
  };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  event.stopPropagation();
  const next = move();
  if (next instanceof HTMLElement) focusRow(next);
}
