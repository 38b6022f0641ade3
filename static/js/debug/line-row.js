/** One row of the console: a line with what is known of it, a gap, or a mark. */
import { el, icon } from "../dom.js";
import { absolute, bytes, grouped, timeZone } from "../format.js";
import { GAP, LINE, MARK } from "./rows.js";
import { sayGap } from "./words.js";

const localClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23", timeZone });
const SHORT = 8;

/** The names under which a filter knows what an event calls otherwise. */
const FIELDS = [
  ["level", "level", "Level"], ["stream", "stream", "Stream"], ["origin", "origin", "Origin"], ["requestId", "request", "Request"],
  ["installId", "install", "Install"], ["traceId", "trace", "Trace"], ["versionId", "version", "Version"], ["pod", "pod", "Pod"], ["boot", "boot", "Boot"],
];

export function createRow() {
  const cells = ["time", "level", "stream", "request", "text", "pills"].map((name) => el("span", { class: `dbg-${name}` }));
  const row = el("div", { class: "dbg-row" }, el("div", { class: "dbg-line" }, ...cells), el("div", { class: "dbg-detail", hidden: true }));
  row.cells = cells;
  return row;
}

/** `look` is how rows look: `{ isUtc, isWrapped, marks, active, findTrace }`. */
export function fillRow(element, row, look) {
  const [time, level, stream, request, text, pills] = element.cells;
  element.row = row;
  if (row.type !== LINE) {
    fillOther(element, row);
    return;
  }
  const { event } = row;
  element.className = `dbg-row level-${event.level}${event.stream === "stderr" ? " is-stderr" : ""}${row === look.active ? " is-active" : ""}${row.isOpen ? " is-open" : ""}${row.isLinked ? " is-linked" : ""}`;
  time.textContent = clockOf(event.ts, look.isUtc);
  time.title = "";
  level.textContent = event.level;
  stream.textContent = event.stream;
  request.textContent = event.requestId ? shorten(event.requestId) : "";
  request.title = event.requestId ?? "";
  const message = look.isWrapped ? event.message : event.message.replace(/\s*\n\s*/g, " ⏎ ");
  if (look.marks) text.replaceChildren(...mark(message, look.marks));
  else text.textContent = message;
  const said = sayPills(event);
  if (said.length || pills.firstChild) pills.replaceChildren(...said);
  fillDetail(element, row, look);
}

function fillOther(element, row) {
  const [time, level, stream, request, text, pills] = element.cells;
  for (const cell of [time, level, stream, request, pills]) cell.textContent = "";
  const isTrouble = row.type === GAP || row.isTrouble;
  element.className = `dbg-row ${row.type === GAP ? "dbg-gap" : "dbg-mark"}${isTrouble ? " is-trouble" : ""}`;
  text.replaceChildren(el("span", { class: "dbg-said" }, isTrouble ? icon("alert") : null, row.type === MARK ? row.say() : sayGap(row.notice)));
  element.lastElementChild.hidden = true;
}

export function clockOf(ts, isUtc) {
  if (isUtc) return ts.slice(11, 23);
  const moment = new Date(ts);
  return Number.isNaN(moment.valueOf()) ? ts.slice(0, 12) : localClock.format(moment);
}

/** Long ids differ at their ends. */
function shorten(id) {
  return id.length > SHORT + 2 ? `…${id.slice(-SHORT)}` : id;
}

/** Whether a line has something beside its text; where lines wrap, that takes a line of its own. */
export function hasPills({ origin, redactions, truncated }) {
  return origin !== "guest" || truncated || redactions?.length > 0;
}

function sayPills(event) {
  const said = [];
  if (event.origin !== "guest") said.push(pill(event.origin, "Said by the runner about the extension", "outline"));
  for (const { kind, count } of event.redactions ?? []) said.push(pill(count > 1 ? `${count} hidden` : "hidden", `${grouped(count)} ${kind.replaceAll("_", " ")}${count > 1 ? "s" : ""} replaced before anybody saw ${count > 1 ? "them" : "it"}`, "accent"));
  if (event.truncated) said.push(pill("cut", event.origBytes ? `Cut: it had ${bytes(event.origBytes)}` : "Cut by its producer", "warn"));
  return said;
}

function pill(text, title, css) {
  return el("span", { class: `tag ${css}`, title }, text);
}

/** Parts of a text, with those that `marks` finds marked: one group for each term. */
function mark(text, marks) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(marks)) {
    const term = found.slice(1).findIndex((group) => group !== undefined);
    parts.push(text.slice(at, found.index), el("mark", { class: `hl-${term + 1}` }, found[0]));
    at = found.index + found[0].length;
  }
  parts.push(text.slice(at));
  return parts.filter((part) => part !== "");
}

/* What is known of a line */

function fillDetail(element, row, look) {
  const detail = element.lastElementChild;
  detail.hidden = !row.isOpen;
  if (!row.isOpen) {
    if (detail.firstChild) detail.replaceChildren();
    return;
  }
  const { event } = row;
  const facts = el("dl", { class: "facts dbg-facts" });
  const add = (name, value, field, shown = value) => facts.append(el("dt", {}, name), el("dd", {}, el("span", { class: "mono" }, shown), ...tools(field, value, name)));
  for (const [key, field, name] of FIELDS) if (event[key] != null) add(name, event[key], field);
  for (const [path, value] of flatten(event.fields)) add(path, value, `field.${path}`);
  add("Time", event.ts, "", `${absolute(new Date(event.ts))}${event.received_at === event.ts ? "" : `, received ${clockOf(event.received_at, look.isUtc)}`}`);
  const place = event.scope ? "of one process alone, kept nowhere" : `number ${grouped(event.n)} of its stream`;
  add("Entry", event.id, "", `${event.id}, ${place}${event.seq == null ? "" : `, ${grouped(event.seq)} of its process`}`);
  if (event.contentHash) add("Content", event.contentHash);
  detail.replaceChildren(
    el("pre", { class: "dbg-whole", tabindex: "0" }, ...(look.marks ? mark(event.message, look.marks) : [event.message || "(empty)"])),
    facts,
    el("div", { class: "row dbg-actions" },
      button("copy", "Copy line", "copy"), button("json", "Copy JSON", "copy"), button("link", "Copy link", "link"),
      event.requestId ? button("request", "Its request", "path") : null,
      el("a", { class: "button", "data-trace-link": true, hidden: true }, icon("workflow"), "Open its trace"),
    ),
  );
  look.findTrace(event, detail.querySelector("[data-trace-link]"));
}

function button(act, label, name) {
  return el("button", { type: "button", class: "button", "data-act": act }, icon(name), label);
}

function tools(field, value, name) {
  const copy = el("button", { type: "button", class: "copy-inline", "data-copy": value, "aria-label": `Copy ${name}`, title: "Copy" }, icon("copy"));
  if (!field) return [copy];
  const pick = (isExcluded, label, symbol) => el("button", { type: "button", class: "copy-inline", "data-pick": field, "data-value": value, "data-excluded": isExcluded, "aria-label": `${label} this ${name}`, title: label }, icon(symbol));
  return [pick(false, "Only", "filter"), pick(true, "Without", "minus"), copy];
}

/** Structured fields as the filter names them: `field.user.id`. */
function flatten(fields, prefix = "", depth = 0) {
  return Object.entries(fields ?? {}).flatMap(([name, value]) => (
    value && typeof value === "object" && !Array.isArray(value) && depth < 4
      ? flatten(value, `${prefix}${name}.`, depth + 1)
      : [[prefix + name, typeof value === "string" ? value : JSON.stringify(value)]]));
}
