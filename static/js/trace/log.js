/**
 * The Log tab: log records, starts of events and errors, merged by time. Lists of any length; the end is followed
 * while the reader is there.
 */
import { el, toast } from "../base.js";
import { coalesce } from "../live.js";
import { duration, offset } from "../format.js";
import { ERROR, KINDS, parseMicros } from "./store.js";
import { VirtualRows } from "./virtual.js";

const ROW_HEIGHT = 24;
const LOG_WINDOW = 5000;
const RECORD = 0, START = 1, FAILURE = 2;
const WITH_EVENTS_KEY = "playhead.log-events";

export default class LogView {
  constructor({ root, page }) {
    Object.assign(this, { root, page, store: page.store });
    this.since = null;
    this.records = [];
    this.recordIds = new Set();
    this.entries = [];
    this.active = -1;
    this.scroller = root.querySelector(".log-scroll");
    this.empty = root.querySelector("[data-log-empty]");
    this.toggle = document.getElementById("log-events");
    this.toggle.checked = localStorage.getItem(WITH_EVENTS_KEY) !== "no";
    this.toggle.addEventListener("change", () => {
      localStorage.setItem(WITH_EVENTS_KEY, this.toggle.checked ? "yes" : "no");
      this.#render();
    });
    this.list = new VirtualRows({
      scroller: this.scroller, space: root.querySelector(".tl-space"), rowHeight: ROW_HEIGHT,
      create: () => createRow(), fill: (row, at) => this.#fillRow(row, at),
    });
    this.scroller.addEventListener("click", (event) => {
      const row = event.target.closest(".log-row");
      if (row) this.#open(Number(row.dataset.at));
    });
    this.scroller.addEventListener("keydown", (event) => this.#key(event));
    this.read = coalesce(() => this.#read(), 250);
  }

  show() {
    this.update();
  }

  hide() {}

  select() {}

  /** Show what the store holds now, and read the records that came since the last read; the first time, all. */
  update() {
    this.#render();
    this.read().catch(() => toast("The log could not be read", { isError: true }));
  }

  /** Take a key that was pressed elsewhere on the page. */
  key(event) {
    if (!["j", "k", "ArrowDown", "ArrowUp"].includes(event.key)) return false;
    this.focus();
    this.#key(event);
    return true;
  }

  async #read() {
    let cursor = null;
    let next = null;
    do {
      const window = await this.page.getJson(this.page.urls.logsUrl, { limit: LOG_WINDOW, ...(this.since !== null && { since: this.since }), ...(cursor && { cursor }) });
      next ??= window.since;
      this.#add(window.items);
      cursor = window.next_cursor;
      this.#render();
    } while (cursor);
    this.since = next;
  }

  /** The same record twice is one. */
  #add(records) {
    for (const record of records) {
      if (this.recordIds.has(record.id)) continue;
      this.recordIds.add(record.id);
      this.records.push({ ...record, at: parseMicros(record.logged_at) });
    }
  }

  #render() {
    const wasAtEnd = this.page.isGrowing() && this.entries.length > 0 && this.list.isAtEnd;
    this.entries = this.#merge();
    this.empty.hidden = this.entries.length > 0;
    this.scroller.setAttribute("aria-rowcount", this.entries.length);
    this.list.setCount(this.entries.length);
    if (wasAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  focus() {
    this.scroller.focus({ preventScroll: true });
  }

  #merge() {
    const entries = this.records.map((record, ref) => ({ type: RECORD, ref, at: record.at }));
    if (this.toggle.checked) {
      const { store } = this;
      for (let index = 0; index < store.length; index++) {
        entries.push({ type: START, ref: index, at: store.starts[index] });
        if (store.statuses[index] === ERROR && store.ends[index] > store.starts[index]) entries.push({ type: FAILURE, ref: index, at: store.ends[index] });
      }
    }
    return entries.sort((a, b) => a.at - b.at || a.type - b.type || a.ref - b.ref);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = {
      ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: this.list.pageSize, PageUp: -this.list.pageSize,
      Home: -Infinity, End: Infinity,
    };
    if (event.key === "Enter" && this.active >= 0) this.#open(this.active);
    else if (moves[event.key]) this.#activate(Math.max(0, Math.min(this.entries.length - 1, this.active + moves[event.key])));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #activate(at) {
    this.active = at;
    this.list.reveal(at);
    this.scroller.setAttribute("aria-activedescendant", `log-row-${at}`);
    this.list.refresh();
  }

  #open(at) {
    const entry = this.entries[at];
    if (!entry) return;
    this.#activate(at);
    if (entry.type === RECORD) this.page.openRecord(this.records[entry.ref]);
    else this.page.openEvent(entry.ref);
  }

  #fillRow(row, at) {
    const entry = this.entries[at];
    const said = entry.type === RECORD ? sayRecord(this.records[entry.ref], this.store) : sayEvent(entry, this.store);
    const [time, level, from, text] = row.cells;
    row.id = `log-row-${at}`;
    row.dataset.at = at;
    row.className = `log-row level-${said.level}${entry.type === RECORD ? "" : " is-event"}${at === this.active ? " is-active" : ""}`;
    row.setAttribute("aria-rowindex", at + 1);
    time.textContent = offset((entry.at - this.store.starts[this.store.order[0] ?? 0] || 0) / 1000);
    level.textContent = said.label;
    from.textContent = said.from;
    text.textContent = said.text;
  }
}

function createRow() {
  const cells = ["log-time", "log-level", "log-from", "log-text"].map((name) => el("span", { class: name, role: "gridcell" }));
  const row = el("div", { class: "log-row", role: "row" }, ...cells);
  row.cells = cells;
  return row;
}

function sayRecord(record, store) {
  const owner = record.span_id ? store.find(record.span_id) : -1;
  return {
    level: record.level,
    label: record.level,
    from: record.node ?? (owner >= 0 ? store.names[owner] : record.stream),
    text: record.message.replace(/\s*\n\s*/g, " ⏎ "),
  };
}

function sayEvent(entry, store) {
  const kind = KINDS[store.kinds[entry.ref]].replace("_", " ");
  const name = store.names[entry.ref];
  if (entry.type === FAILURE) return { level: "error", label: "error", from: name, text: `${kind} failed${store.messages[entry.ref] ? `: ${store.messages[entry.ref]}` : ""}` };
  const end = store.ends[entry.ref];
  const took = Number.isNaN(end) ? "started, still running" : "took " + duration((end - store.starts[entry.ref]) / 1000);
  return { level: "event", label: kind, from: name, text: store.details[entry.ref] ? `${took} · ${store.details[entry.ref]}` : took };
}
