/**
 * One row of the timeline: a name cell and a bar cell. Rows are refilled many times a second while scrolling, so only
 * what differs is written: every write costs style, and what is laid out anew is garbage of the browser's own, which
 * it collects late. Elements stay in the document and keep their size; texts, shapes and backgrounds change in them.
 */
import { el, icon } from "../base.js";
import { compact, cost, duration } from "../format.js";
import { findSelfTime } from "./analysis.js";
import { ERROR, KINDS } from "./store.js";

const MAX_INDENT = 24;
const MOST_STRETCHES = 60;
const MARGIN = 0.02;

/** Make an empty row. */
export function createRow() {
  const parts = {
    indent: el("span", { class: "tl-indent" }),
    title: el("span", { class: "tl-title" }),
    detail: el("span", { class: "tl-detail" }),
    hidden: el("span", { class: "tl-hidden" }),
    mark: el("span", { class: "tl-mark tag" }),
    self: el("span", { class: "tl-self" }),
    duration: el("span", { class: "tl-duration" }),
    bar: el("div", { class: "tl-bar" }),
    own: el("div", { class: "tl-own" }),
    path: el("div", { class: "tl-path" }),
    label: el("span", { class: "tl-label" }),
  };
  parts.fold = drawing("10");
  parts.kind = drawing("16", { class: "icon tl-kind", role: "img" });
  parts.twisty = el("span", { class: "twisty" }, parts.fold);
  const text = el("span", { class: "tl-text" }, parts.title, parts.detail);
  const name = el("div", { class: "tl-name", role: "gridcell" },
    parts.indent, parts.twisty, parts.kind, text, parts.mark, parts.hidden, parts.self, parts.duration);
  parts.bars = el("div", { class: "tl-bars", role: "gridcell" }, parts.bar, parts.own, parts.path, parts.label);
  const row = el("div", { class: "tl-row", role: "row" }, name, parts.bars);
  row.parts = parts;
  return row;
}

/**
 * Show an event in a row. `view` is the timeline: its store, scale, and what is active, selected, found, pointed at.
 * A brief row has its name and its bar; what else was in it is not to be seen, so it may stay.
 */
export function fillRow(row, at, view, { isBrief = false } = {}) {
  const { store } = view;
  const index = store.rows[at];
  const { parts } = row;
  row.at = at;
  row.isBrief = isBrief;
  setAttribute(row, "class", classOf(index, view, isBrief));
  const indent = Math.min(store.depths[index], MAX_INDENT);
  if (parts.indent.depth !== indent) {
    parts.indent.depth = indent;
    parts.indent.style.width = `calc(var(--indent) * ${indent})`;
  }
  setAttribute(parts.bars, "class", `tl-bars kind-${KINDS[store.kinds[index]]}`);
  setMarked(parts.title, store.names[index], view.words);
  if (!isBrief) fillRest(row, index, view);
  placeBar(row, index, view);
}

function fillRest(row, index, view) {
  const { store } = view;
  const { parts } = row;
  const hasChildren = store.hasChildren(index);
  const isCollapsed = store.isCollapsed(index);
  const kind = KINDS[store.kinds[index]];
  setAttribute(row, "id", `event-row-${row.at}`);
  setAttribute(row, "aria-level", store.depths[index] + 1);
  setAttribute(row, "aria-rowindex", row.at + 1);
  setAttribute(row, "aria-posinset", store.places[index]);
  setAttribute(row, "aria-setsize", store.siblingCount(index));
  setAttribute(row, "aria-selected", index === view.selected);
  setAttribute(row, "aria-expanded", hasChildren ? !isCollapsed : null);
  draw(parts.fold, hasChildren ? (isCollapsed ? "chevron" : "chevron-down") : null);
  draw(parts.kind, store.isGhost(index) ? "missing" : kind);
  setAttribute(parts.kind, "class", `icon tl-kind kind-icon kind-${kind}`);
  setAttribute(parts.kind, "aria-label", `${kind}${wordOf(store, index)}`);
  setAttribute(parts.title, "title", store.names[index]);
  setMarked(parts.detail, store.details[index], view.words);
  setText(parts.mark, store.inferred[index] ? "inferred" : "");
  setText(parts.hidden, isCollapsed ? hiddenOf(store, index) : "");
}

/** An empty drawing of one shape: a `use` of the symbol would build its shadow tree anew at every change. */
function drawing(size, attributes = { class: "icon" }) {
  const svg = icon("span");
  svg.replaceChildren(document.createElementNS(svg.namespaceURI, "path"));
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  if (attributes.role) svg.removeAttribute("aria-hidden");
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  return svg;
}

const shapes = {};

/** Draw the shape of a symbol; null is nothing. The symbols used here are of one path each. */
function draw(svg, name) {
  setAttribute(svg.firstChild, "d", name && (shapes[name] ??= document.querySelector(`#i-${name} path`).getAttribute("d")));
}

function classOf(index, view, isBrief) {
  const { store } = view;
  const isGhost = store.isGhost(index);
  const isPast = view.playhead !== null && store.starts[index] > view.playhead;
  // The kind stands on the parts that wear its colour: on the row, every change would restyle all that is in it.
  return `tl-row${isBrief ? " is-brief" : ""}${store.statuses[index] === ERROR ? " is-error" : ""}`
    + `${Number.isNaN(store.ends[index]) && !isGhost ? " is-running" : ""}${isGhost ? " is-missing" : ""}`
    + `${store.hasChildren(index) ? " is-container" : ""}${index === view.active ? " is-active" : ""}`
    + `${index === view.selected ? " is-selected" : ""}${view.path && !view.path.has(index) ? " is-off-path" : ""}`
    + `${view.found?.has(index) ? " is-found" : ""}${isPast ? " is-ahead" : ""}`;
}

function hiddenOf(store, index) {
  return `${compact(store.sizes[index] - 1)}${store.errorsBelow[index] ? ` ▲${compact(store.errorsBelow[index])}` : ""}`;
}

function wordOf(store, index) {
  if (store.statuses[index] === ERROR) return ", error";
  return Number.isNaN(store.ends[index]) ? ", running" : "";
}

/** Put the bar where its time is. What lies outside of what is shown is cut off, so that no zoom makes it too wide. */
export function placeBar(row, index, view) {
  const { store, scale } = view;
  const { bar } = row.parts;
  const start = store.starts[index];
  const end = store.end(index, view.now());
  const left = Math.max(-MARGIN, Math.min(1 + MARGIN, scale.share(start)));
  const right = Math.max(-MARGIN, Math.min(1 + MARGIN, scale.share(end)));
  const isShown = right > -MARGIN && left < 1 + MARGIN;
  const isAtEnd = !scale.zoom && left > 0.999;
  setStyle(bar, "left", percent(isAtEnd ? 0.999 : left));
  setStyle(bar, "width", percent(Math.min(right, isAtEnd ? 1 : 1 + MARGIN) - (isAtEnd ? 0.999 : left)));
  setStyle(bar, "display", isShown ? "" : "none");
  if (row.isBrief) return;
  sayTimes(row, index, { view, took: end - start, isShown });
  placeLabel(row, index, { store, left: Math.max(0, left), right: Math.min(1, right), isShown });
}

/** Write how long an event took, and mark which of that time was its own and which of it was waited for. */
function sayTimes(row, index, { view, took, isShown }) {
  const { store, scale } = view;
  const { own, path, duration: text, self, bars } = row.parts;
  const said = store.isGhost(index) ? "" : duration(took / 1000);
  const ownTime = store.hasChildren(index) && !store.isGhost(index) ? selfTimeOf(view, index, view.now()) : null;
  setText(text, said);
  setText(self, ownTime ? `self ${duration(ownTime.sum / 1000)}` : "");
  const more = ownTime ? `, of which ${duration(ownTime.sum / 1000)} (${sharePercent(ownTime.sum, took)}) are its own` : "";
  setAttribute(bars, "title", `${said}${more}`);
  setStretches(own, isShown && ownTime ? ownTime.stretches : null, scale);
  setStretches(path, isShown ? (view.path?.get(index) ?? null) : null, scale);
}

const sharePercent = (part, whole) => `${whole > 0 ? Math.round((part / whole) * 100) : 100}%`;

function selfTimeOf(view, index, now) {
  const { store } = view;
  if (view.selfTimes.version !== store.version) view.selfTimes = { version: store.version, of: new Map() };
  const known = view.selfTimes.of.get(index);
  if (known) return known;
  const found = findSelfTime(store, index, now);
  if (!Number.isNaN(store.ends[index])) view.selfTimes.of.set(index, found);
  return found;
}

/** Draw stretches of time [from, to, …] as one background; the longest, where there are too many to tell apart. */
function setStretches(element, stretches, scale) {
  let shown = [];
  for (let at = 0; at < (stretches?.length ?? 0); at += 2) {
    const from = Math.max(0, scale.share(stretches[at]));
    const to = Math.min(1, scale.share(stretches[at + 1]));
    if (to - from > 0.0004) shown.push([from, to]);
  }
  if (shown.length > MOST_STRETCHES) shown = shown.sort((a, b) => b[1] - b[0] - a[1] + a[0]).slice(0, MOST_STRETCHES);
  // Nothing is a background less: an element that comes and goes is laid out.
  if (!shown.length) return setStyle(element, "backgroundImage", "none");
  setStyle(element, "backgroundSize", shown.map(([from, to]) => `${percent(to - from)} 100%`).join(","));
  // A background's position is a share of the room that its size leaves.
  setStyle(element, "backgroundPosition", shown.map(([from, to]) => `${to - from >= 1 ? 0 : percent(from / (1 - to + from))} 0`).join(","));
  setStyle(element, "backgroundImage", shown.map(() => "linear-gradient(var(--stretch), var(--stretch))").join(","));
}

/** After the bar where there is room, else before it, else over its end. */
function placeLabel(row, index, { store, left, right, isShown }) {
  const { label } = row.parts;
  const said = isShown ? labelOf(store, index) : "";
  setText(label, said);
  if (!said) return;
  const isAfter = right < 0.72;
  label.classList.toggle("is-over", !isAfter && left <= 0.28);
  setStyle(label, "left", isAfter ? percent(right) : "auto");
  setStyle(label, "right", isAfter ? "auto" : left > 0.28 ? percent(1 - left) : "0");
}

function labelOf(store, index) {
  const parts = [];
  if (!Number.isNaN(store.tokens[index])) parts.push(`${compact(store.tokens[index])} tok`);
  if (!Number.isNaN(store.costs[index])) parts.push(cost(store.costs[index]));
  return parts.join(" · ");
}

/** Write into the text node that is there: a new one would be laid out and matched against `:empty` anew. */
function setText(element, text) {
  if (element.text === text) return;
  element.text = text;
  if (element.childNodes.length === 1 && element.firstChild.nodeType === Node.TEXT_NODE) element.firstChild.data = text;
  else element.textContent = text;
}

/** Set a text with what was searched for marked in it. */
function setMarked(element, text, words) {
  if (!words.length) return setText(element, text);
  const key = `${words.join(" ")}\n${text}`;
  if (element.text === key) return;
  element.text = key;
  const lower = text.toLowerCase();
  const word = words.find((one) => lower.includes(one));
  if (!word || lower.length !== text.length) {
    element.textContent = text;
    return;
  }
  const at = lower.indexOf(word);
  element.replaceChildren(text.slice(0, at), el("mark", {}, text.slice(at, at + word.length)), text.slice(at + word.length));
}

function setStyle(element, property, value) {
  element.styles ??= {};
  if (element.styles[property] === value) return;
  element.styles[property] = value;
  element.style[property] = value;
}

/** What was written is remembered beside the element: asking it would cost more than most of the writing. */
function setAttribute(element, name, value) {
  const text = value === null ? null : String(value);
  element.attributesSet ??= {};
  if (element.attributesSet[name] === text) return;
  element.attributesSet[name] = text;
  if (text === null) element.removeAttribute(name);
  else element.setAttribute(name, text);
}

/** A share as a length. */
export function percent(share) {
  return `${(share * 100).toFixed(4)}%`;
}
