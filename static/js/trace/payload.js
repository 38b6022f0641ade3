/**
 * A value as a tree that opens where it is clicked. Only opened parts are in the document, long lists come in
 * portions and long texts are cut with a button, so a value of megabytes costs no more than what is looked at.
 */
import { el, icon } from "../base.js";
import { bytes } from "../format.js";

const PORTION = 100;
const LONG_TEXT = 1200;
const OPEN_ROWS = 60;
const OPEN_DEPTH = 3;

/** Show any JSON value. A text stands for itself, without quotes. */
export function renderValue(value) {
  if (typeof value === "string") return el("div", { class: "text-value" }, renderText(value));
  const tree = el("div", { class: "json" });
  const budget = { rows: OPEN_ROWS };
  tree.append(renderEntry(null, value, 0, budget));
  return tree;
}

/** Show a text with its line breaks; a long one is cut, and says how much is hidden. */
export function renderText(text) {
  const box = el("div", { class: "plain" });
  if (text.length <= LONG_TEXT * 1.5) {
    box.textContent = text;
    return box;
  }
  const more = el("button", { type: "button", class: "link" }, `Show all (${bytes(text.length)})`);
  more.addEventListener("click", () => { box.textContent = text; });
  box.append(text.slice(0, LONG_TEXT), "… ", more);
  return box;
}

function renderEntry(key, value, depth, budget) {
  return value !== null && typeof value === "object" ? renderBranch(key, value, depth, budget) : renderLeaf(key, value);
}

function renderLeaf(key, value) {
  const line = el("div", { class: "json-line" }, ...keyParts(key));
  if (typeof value === "string") line.append(...stringParts(value));
  else line.append(el("span", { class: typeof value === "number" ? "json-number" : "json-word" }, String(value)));
  return el("div", { class: "json-row" }, el("span", { class: "json-toggle" }), line);
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

function renderBranch(key, value, depth, budget) {
  const isList = Array.isArray(value);
  const entries = isList ? value.map((item, index) => [index, item]) : Object.entries(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (!entries.length) {
    return el("div", { class: "json-row" }, el("span", { class: "json-toggle" }),
      el("div", { class: "json-line" }, ...keyParts(key), el("span", { class: "json-dim" }, open + close)));
  }
  const toggle = el("button", { type: "button", class: "json-toggle", "aria-expanded": "false", "aria-label": key === null ? "Value" : `${key}` }, icon("chevron"));
  const summary = el("span", { class: "json-dim" });
  const line = el("div", { class: "json-line" }, ...keyParts(key), summary);
  const row = el("div", { class: "json-row" }, toggle, line);
  const kids = el("div", { class: "json-kids", hidden: true });
  const setOpen = (isOpen) => {
    toggle.setAttribute("aria-expanded", String(isOpen));
    kids.hidden = !isOpen;
    summary.textContent = isOpen ? open : `${open} ${entries.length} ${isList ? (entries.length === 1 ? "item" : "items") : (entries.length === 1 ? "key" : "keys")} ${close}`;
    if (isOpen && !kids.childElementCount) appendPortion(kids, entries, 0, depth + 1, budget);
  };
  row.addEventListener("click", (event) => {
    if (event.target.closest("button.link") || String(getSelection())) return;
    setOpen(kids.hidden);
  });
  const isOpenAtFirst = depth < OPEN_DEPTH && budget.rows >= entries.length;
  if (isOpenAtFirst) budget.rows -= entries.length;
  setOpen(isOpenAtFirst);
  return el("div", {}, row, kids);
}

function appendPortion(box, entries, from, depth, budget) {
  const until = Math.min(from + PORTION, entries.length);
  for (const [key, value] of entries.slice(from, until)) box.append(renderEntry(key, value, depth, budget));
  if (until === entries.length) return;
  const more = el("button", { type: "button", class: "link" }, `Show ${Math.min(PORTION, entries.length - until)} more of ${entries.length}`);
  more.addEventListener("click", () => {
    more.remove();
    appendPortion(box, entries, until, depth, { rows: 0 });
  });
  box.append(more);
}

function keyParts(key) {
  if (key === null) return [];
  return [el("span", { class: typeof key === "number" ? "json-dim" : "json-key" }, String(key)), el("span", { class: "json-dim" }, ": ")];
}
