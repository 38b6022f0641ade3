/**
 * The Log tab: log records, starts of events and errors, merged by time. While a trace runs the end is followed until
 * the reader scrolls up; what comes meanwhile is counted. The address restores what is shown.
 */
import { copyText } from "../copy.js";
import { el } from "../dom.js";
import { absolute, duration, grouped, offset } from "../format.js";
import { coalesce } from "../live.js";
import { LineRows } from "./line-rows.js";
import { LogBar, isOn } from "./log-bar.js";
import { LogWindow } from "./log-window.js";
import { RoomLines } from "./room-lines.js";
import { ERROR, KINDS } from "./store.js";
import { countLines } from "./wrapping.js";

const ROW_HEIGHT = 24;
const LINE_HEIGHT = 18;
const MOST_LINES = 40;
const NEAR_ROWS = 400;
const RECORD = 0, START = 1, FAILURE = 2, LINE = 3;

export default class LogView {
  constructor({ root, page }) {
    Object.assign(this, { root, page, store: page.store });
    this.window = new LogWindow({ page });
    this.lines = new RoomLines({ url: page.urls.logSourceUrl, onRead: () => this.isShown && this.#showLines() });
    this.entries = [];
    this.active = this.mark = -1;
    this.unseen = 0;
    this.isShown = false;
    this.isFollowing = page.urls.status === "running";
    this.#build();
    this.read = coalesce(() => this.#readChanges(), 250);
    addEventListener("popstate", () => this.isShown && this.#restore());
  }

  show() {
    this.isShown = true;
    this.#restore();
    this.lines.read();
  }

  hide() {
    this.isShown = false;
    this.page.setAddress(Object.fromEntries(Object.keys(this.bar.address).map((name) => [name, null])));
  }

  select() {}

  /** Show what the store holds now, and read the records that came since the last read. */
  update() {
    if (!this.isShown) return;
    if (this.window.isRead) this.read();
    if (this.#isGrowing()) this.lines.read();
    this.#render();
  }

  focus() {
    this.scroller.focus({ preventScroll: true });
  }

  /** Take a key that was pressed elsewhere on the page. */
  key(event) {
    return this.#key(event);
  }

  #build() {
    this.bar = new LogBar({
      onFilter: () => this.#filter(), onLook: () => this.#look(),
      onPause: () => this.#pause(), onCopy: () => this.#copy(),
    });
    this.space = el("div", { class: "log-space", role: "rowgroup" });
    this.scroller = el("div", { class: "log-scroll", role: "grid", tabindex: "0", "aria-label": "Log records and events by time", "aria-multiselectable": "true" }, this.space);
    this.message = el("div", { class: "tl-message", "data-log-empty": true, hidden: true });
    this.pill = el("button", { type: "button", class: "log-pill", hidden: true });
    this.pill.addEventListener("click", () => this.#resume());
    this.root.replaceChildren(this.bar.root, this.message, el("div", { class: "log-body" }, this.scroller, this.pill));
    this.list = new LineRows({
      scroller: this.scroller, space: this.space, create: createRow,
      fill: (row, at) => this.#fillRow(row, at), onScroll: () => this.#scrolled(),
    });
    this.scroller.addEventListener("click", (event) => {
      const row = event.target.closest(".log-row");
      if (!row || String(getSelection())) return;
      if (event.shiftKey) this.#activate(Number(row.dataset.at), { isExtending: true });
      else this.#open(Number(row.dataset.at));
    });
    this.scroller.addEventListener("keydown", (event) => {
      if (!this.#key(event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    new ResizeObserver(() => this.isShown && isOn(this.bar.isWrapped) && this.columns !== this.#measure() && this.#render()).observe(this.scroller);
  }

  /* Reading */

  #restore() {
    this.bar.restore(new URLSearchParams(location.search));
    this.#loadCounts();
    this.#start();
  }

  #filter() {
    this.page.setAddress(this.bar.address);
    this.#start();
  }

  #look() {
    this.page.setAddress(this.bar.address);
    this.#render();
  }

  async #start({ isFromEnd = this.isFollowing } = {}) {
    this.window.filters = this.bar.filters;
    this.active = this.mark = -1;
    this.unseen = 0;
    try {
      await this.window.restart({ isFromEnd });
      this.#say("");
      this.#render({ isAnew: true });
      if (isFromEnd) this.list.toEnd();
    } catch (error) {
      this.entries = [];
      this.list.setRows(0, () => 0);
      this.#say(error.status === 400 ? error.message : `The log could not be read. ${error.message}.`, ["Try again", () => this.#start()]);
    }
  }

  #showLines() {
    this.bar.showLines({ count: this.lines.records.length, names: this.lines.extensions, problems: this.lines.problems });
    this.#render();
  }

  async #loadCounts() {
    try {
      this.bar.setCounts(await this.page.getJson(`${this.page.urls.logsUrl}-counts`, {}));
    } catch {
      // Chips without counts still filter.
    }
  }

  async #readChanges() {
    try {
      const count = await this.window.readChanges();
      if (!count && !this.window.missed) return;
      this.#loadCounts();
      if (isOn(this.bar.isPaused) || !this.isFollowing) this.unseen += count + this.window.missed;
      this.window.missed = 0;
      if (this.isFollowing && this.window.newer && !isOn(this.bar.isPaused)) await this.window.restart({ isFromEnd: true });
      this.#render();
    } catch {
      // The next hint or poll reads again; the live indicator tells of a server that is away.
    }
  }

  /** Read on where the reader gets near an end of what is there. */
  async #readNear() {
    const { window, list } = this;
    const isNearTop = window.older && list.first < NEAR_ROWS;
    const isNearEnd = window.newer && list.first + list.pageSize > this.entries.length - NEAR_ROWS;
    if (this.isReading || (!isNearTop && !isNearEnd)) return;
    this.isReading = true;
    try {
      await (isNearTop ? window.readOlder() : window.readNewer());
      this.#render();
    } catch (error) {
      this.#say(`More of the log could not be read. ${error.message}.`, ["Try again", () => { this.#say(""); this.#readNear(); }]);
    } finally {
      this.isReading = false;
    }
  }

  /* Following */

  #scrolled() {
    const wasFollowing = this.isFollowing;
    this.isFollowing = this.list.isAtEnd && !this.window.newer && this.#isGrowing();
    if (this.isFollowing && !wasFollowing && !isOn(this.bar.isPaused)) this.unseen = 0;
    this.#sayUnseen();
    this.#readNear();
  }

  #isGrowing() {
    return this.page.urls.status === "running" || this.page.isGrowing();
  }

  #pause() {
    if (isOn(this.bar.isPaused)) return this.#sayUnseen();
    this.#resume();
  }

  async #resume() {
    if (isOn(this.bar.isPaused)) this.bar.press("isPaused");
    this.unseen = 0;
    this.isFollowing = this.#isGrowing();
    if (this.window.newer) await this.#start({ isFromEnd: true });
    this.#render();
    this.list.toEnd();
    this.#sayUnseen();
  }

  #sayUnseen() {
    const isPaused = isOn(this.bar.isPaused);
    this.pill.hidden = !this.unseen && !isPaused;
    this.pill.textContent = isPaused ? `Paused · ${grouped(this.unseen)} new` : `${grouped(this.unseen)} new`;
  }

  /* Showing */

  #render({ isAnew = false } = {}) {
    if (isOn(this.bar.isPaused) && !isAnew && this.entries.length && !this.isReading) return this.#sayUnseen();
    const anchor = this.entries[this.list.first];
    const at = this.list.first;
    this.entries = this.#merge();
    const activeKey = this.activeKey;
    this.active = activeKey ? this.entries.findIndex((entry) => keyOf(entry) === activeKey) : -1;
    const moved = !isAnew && anchor ? this.entries.findIndex((entry) => keyOf(entry) === keyOf(anchor)) : -1;
    this.columns = this.#measure();
    this.root.classList.toggle("is-wrapped", isOn(this.bar.isWrapped));
    this.root.classList.toggle("is-absolute", isOn(this.bar.isAbsolute));
    this.scroller.setAttribute("aria-rowcount", this.entries.length);
    this.list.setRows(this.entries.length, (index) => this.#heightOf(index), moved >= 0 ? [at, moved] : null);
    if (this.isFollowing && !isAnew) this.list.toEnd();
    this.#sayEmpty();
    this.#sayUnseen();
    if (isAnew) this.#readNear();
  }

  #sayEmpty() {
    if (this.entries.length || !this.window.isRead) {
      if (this.message.dataset.empty) this.#say("");
      return;
    }
    if (this.bar.isFiltered) this.#say("No record matches these filters.", ["Clear the filters", () => { this.bar.clear(); this.#filter(); }]);
    else this.#say("No log record has arrived for this trace. Records come from the OTLP logs door and from span events.");
    this.message.dataset.empty = "yes";
  }

  #say(text, action) {
    delete this.message.dataset.empty;
    this.message.hidden = !text;
    const button = action && el("button", { type: "button", class: "button" }, action[0]);
    button?.addEventListener("click", action[1]);
    this.message.replaceChildren(el("p", {}, text), ...(button ? [button] : []));
  }

  #merge() {
    const { window, store, bar } = this;
    const entries = window.records.map((record) => ({ type: RECORD, ref: record.id, record, at: record.at }));
    if (bar.withLines.checked && !bar.node.value) this.#mergeLines(entries);
    if (!bar.withEvents.checked || bar.values.stream.size || bar.node.value) return sortEntries(entries);
    const first = window.older ? entries[0]?.at ?? 0 : -Infinity;
    const last = window.newer ? entries.at(-1)?.at ?? 0 : Infinity;
    const { level } = bar.values;
    const text = bar.text.value.trim().toLowerCase();
    const take = (type, ref, at) => {
      if (at < first || at > last) return;
      if (text && !`${store.names[ref]} ${type === FAILURE ? store.messages[ref] : store.details[ref]}`.toLowerCase().includes(text)) return;
      entries.push({ type, ref, at });
    };
    for (let index = 0; index < store.length; index++) {
      if (!level.size) take(START, index, store.starts[index]);
      const hasFailed = store.statuses[index] === ERROR && (store.ends[index] > store.starts[index] || level.size);
      if (hasFailed && (!level.size || level.has("error"))) take(FAILURE, index, store.ends[index]);
    }
    return sortEntries(entries);
  }

  #mergeLines(entries) {
    const { level: levels, stream: streams } = this.bar.values;
    for (const record of this.lines.list({ levels, streams, text: this.bar.text.value.trim().toLowerCase() })) {
      entries.push({ type: LINE, ref: record.id, record, at: record.at });
    }
  }

  #measure() {
    if (!isOn(this.bar.isWrapped)) return 0;
    const row = this.space.appendChild(createRow());
    const [, , , cell] = row.cells;
    cell.textContent = "0".repeat(100);
    const width = this.#probe(cell) / 100;
    cell.textContent = "";
    cell.classList.add("is-whole");
    const columns = Math.floor(cell.getBoundingClientRect().width / width);
    row.remove();
    return Math.max(10, columns);
  }

  #probe(cell) {
    const range = document.createRange();
    range.selectNodeContents(cell);
    cell.classList.add("is-probe");
    const { width } = range.getBoundingClientRect();
    cell.classList.remove("is-probe");
    return width || 700;
  }

  #heightOf(index) {
    const entry = this.entries[index];
    if (!this.columns || !entry.record) return ROW_HEIGHT;
    return Math.min(MOST_LINES, countLines(entry.record.message, this.columns)) * LINE_HEIGHT + ROW_HEIGHT - LINE_HEIGHT;
  }

  #fillRow(row, at) {
    const entry = this.entries[at];
    const said = entry.record ? sayRecord(entry.record, this.store, { isWrapped: this.columns > 0 }) : sayEvent(entry, this.store);
    const [time, level, from, text, more] = row.cells;
    const isMarked = this.mark >= 0 && at >= Math.min(this.mark, this.active) && at <= Math.max(this.mark, this.active);
    row.id = `log-row-${at}`;
    row.dataset.at = at;
    row.className = `log-row level-${said.level}${{ [START]: " is-event", [FAILURE]: " is-event", [LINE]: " is-line" }[entry.type] ?? ""}${at === this.active ? " is-active" : ""}${isMarked ? " is-selected" : ""}`;
    row.setAttribute("aria-rowindex", at + 1);
    row.setAttribute("aria-selected", String(isMarked || at === this.active));
    time.textContent = this.#sayTime(entry.at);
    time.title = absolute(new Date(entry.at / 1000));
    level.textContent = said.label;
    from.textContent = said.from;
    from.title = entry.type === LINE ? "A line of the debug console: kept for minutes, and not a record of the trace" : "";
    text.textContent = said.text;
    const hidden = this.columns && entry.record ? countLines(entry.record.message, this.columns) - MOST_LINES : 0;
    more.textContent = hidden > 0 ? `+${grouped(hidden)} lines: open to read` : "";
  }

  #sayTime(at) {
    if (isOn(this.bar.isAbsolute)) return clock(at);
    return offset((at - Date.parse(this.page.urls.startedAt) * 1000 || 0) / 1000);
  }

  /* Keys */

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const { list } = this;
    const moves = {
      ArrowDown: 1, j: 1, J: 1, ArrowUp: -1, k: -1, K: -1, PageDown: list.pageSize, PageUp: -list.pageSize,
      Home: -Infinity, End: Infinity,
    };
    if (event.key === "Enter" && this.active >= 0) this.#open(this.active);
    else if (event.key === "End" && this.#isGrowing()) this.#resume();
    else if (event.key === "End" && this.window.newer) this.#start({ isFromEnd: true });
    else if (event.key === "Home" && this.window.older) this.#start({ isFromEnd: false });
    else if (moves[event.key]) {
      this.focus();
      this.#activate(Math.max(0, Math.min(this.entries.length - 1, this.active + moves[event.key])), { isExtending: event.shiftKey });
    } else if (event.key === "w") this.bar.press("isWrapped");
    else if (event.key === "t") this.bar.press("isAbsolute");
    else if (event.key === "p") this.bar.press("isPaused");
    else if (event.key === "c") this.#copy();
    else return false;
    return true;
  }

  #activate(at, { isExtending = false } = {}) {
    if (!this.entries[at]) return;
    this.mark = isExtending ? (this.mark < 0 ? this.active : this.mark) : -1;
    this.active = at;
    this.activeKey = keyOf(this.entries[at]);
    this.list.reveal(at);
    this.scroller.setAttribute("aria-activedescendant", `log-row-${at}`);
    this.list.refresh();
  }

  #open(at) {
    const entry = this.entries[at];
    if (!entry) return;
    this.#activate(at);
    if (entry.record) this.page.openRecord(entry.record);
    else this.page.openEvent(entry.ref);
  }

  /** Copy the marked lines, else all that are loaded. */
  #copy() {
    const isMarked = this.mark >= 0;
    const [from, until] = isMarked ? [Math.min(this.mark, this.active), Math.max(this.mark, this.active) + 1] : [0, this.entries.length];
    const lines = this.entries.slice(from, until).map((entry) => {
      const said = entry.record ? sayRecord(entry.record, this.store, { isWrapped: true }) : sayEvent(entry, this.store);
      return `${new Date(entry.at / 1000).toISOString()} ${said.label.padEnd(6)} ${said.from}: ${said.text}`;
    });
    copyText(lines.join("\n"), `${grouped(lines.length)} ${lines.length === 1 ? "line" : "lines"} copied`);
  }
}

const sortEntries = (entries) => entries.sort((a, b) => a.at - b.at || a.type - b.type || (a.ref > b.ref) - (a.ref < b.ref));
const keyOf = (entry) => `${entry.type}.${entry.ref}`;

function createRow() {
  const cells = ["log-time", "log-level", "log-from", "log-text", "log-more"].map((name) => el("span", { class: name, role: "gridcell" }));
  const row = el("div", { class: "log-row", role: "row" }, ...cells);
  row.cells = cells;
  return row;
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const clock = (micros) => clockFormat.format(new Date(micros / 1000));

function sayRecord(record, store, { isWrapped }) {
  const owner = record.span_id ? store.find(record.span_id) : -1;
  return {
    level: record.level,
    label: record.level,
    from: record.node ?? (owner >= 0 ? store.names[owner] : record.stream),
    text: isWrapped ? record.message : record.message.replace(/\s*\n\s*/g, " ⏎ "),
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
