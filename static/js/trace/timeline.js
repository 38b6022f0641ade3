/**
 * The timeline: the tree of events and their bars, one row each, in an ARIA treegrid.
 *
 * The grid itself holds the focus and names the active row (`aria-activedescendant`), because rows are recycled while
 * scrolling. The time scale stays still while a trace runs: it has room ahead, and grows in steps when that is used up.
 */
import { el, icon } from "../base.js";
import { compact, cost, duration, offset } from "../format.js";
import { stepFor, tickLabel, ticks } from "./ruler.js";
import { ERROR, KINDS, RUNNING } from "./store.js";
import { VirtualRows } from "./virtual.js";

const ROW_HEIGHT = 28;
const HEADROOM = 1.25;
const MAX_INDENT = 24;
const LABEL_ROOM_PX = 44;
const TICK_MS = 200;

export default class Timeline {
  constructor({ root, page }) {
    Object.assign(this, { root, page, store: page.store, now: page.now });
    this.onOpen = (index) => page.openEvent(index);
    this.onActive = (index) => page.followEvent(index);
    this.scroller = root.querySelector("[role=treegrid]");
    this.ruler = root.querySelector(".tl-ruler");
    this.lines = root.querySelector(".tl-lines");
    this.active = -1;
    this.selected = -1;
    this.viewStart = 0;
    this.viewEnd = 0;
    this.list = new VirtualRows({
      scroller: this.scroller, space: root.querySelector(".tl-space"), rowHeight: ROW_HEIGHT,
      create: () => this.#createRow(), fill: (row, at) => this.#fillRow(row, at),
    });
    this.#listen();
  }

  show() {
    this.update();
    this.timer = setInterval(() => this.hasOpen && !document.hidden && this.tick(), TICK_MS);
  }

  hide() {
    clearInterval(this.timer);
  }

  /** Take a key that was pressed elsewhere on the page; the first step into the timeline is to its first row. */
  key(event) {
    if (!["j", "k", "ArrowDown", "ArrowUp", "e", "E"].includes(event.key)) return false;
    const isFirstStep = this.active < 0 && event.key.toLowerCase() !== "e";
    this.focus();
    if (!isFirstStep) this.#key(event);
    return true;
  }

  /** Show what the store holds now. The first visible row stays where it is, whatever came in above it. */
  update() {
    const anchor = this.#anchor();
    this.#fitScale();
    this.scroller.setAttribute("aria-rowcount", this.store.rows.length);
    this.list.setCount(this.store.rows.length);
    this.#restore(anchor);
  }

  /** Let running bars grow to now. */
  tick() {
    if (this.#needsRescale()) {
      this.#fitScale();
      this.list.refresh();
      return;
    }
    this.list.eachShown((row, at) => {
      const index = this.store.rows[at];
      if (this.store.statuses[index] === RUNNING || Number.isNaN(this.store.ends[index])) this.#placeBar(row, index);
    });
  }

  /** Mark an event as the one the side panel shows; null for none. `isRevealed` brings it to the middle. */
  select(spanId, { isRevealed = false } = {}) {
    const index = spanId === null ? -1 : this.store.findShown(spanId);
    this.selected = index;
    if (index >= 0) this.activate(index, { isCentred: isRevealed });
    this.list.refresh();
  }

  /** Make an event the active row, opening its ancestors, and bring it into view. */
  activate(index, { isCentred = false } = {}) {
    if (index < 0 || index >= this.store.total) return;
    this.store.unfold(index);
    this.active = index;
    this.scroller.setAttribute("aria-rowcount", this.store.rows.length);
    this.list.setCount(this.store.rows.length);
    this.list.reveal(this.store.row(index), { isCentred });
    this.#nameActive();
  }

  focus() {
    this.scroller.focus({ preventScroll: true });
  }

  /* Keys and pointer */

  #listen() {
    this.scroller.addEventListener("keydown", (event) => this.#key(event));
    this.scroller.addEventListener("click", (event) => this.#click(event));
    this.scroller.addEventListener("dblclick", (event) => {
      const index = this.#indexOf(event.target);
      if (index >= 0 && !event.target.closest(".twisty")) this.#toggle(index);
    });
    this.scroller.addEventListener("focus", () => {
      if (this.active < 0 && this.store.rows.length) this.activate(this.store.rows[this.list.range[0]]);
    });
    this.scroller.addEventListener("pointermove", (event) => this.#moveCursor(event), { passive: true });
    this.scroller.addEventListener("pointerleave", () => this.#hideCursor());
    new ResizeObserver(() => this.#drawRuler()).observe(this.ruler);
    document.getElementById("collapse-all").addEventListener("click", () => this.collapseAll(true));
    document.getElementById("expand-all").addEventListener("click", () => this.collapseAll(false));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.store.row(this.active);
    const moves = {
      ArrowDown: () => this.#goTo(row + 1), j: () => this.#goTo(row + 1),
      ArrowUp: () => this.#goTo(row - 1), k: () => this.#goTo(row - 1),
      PageDown: () => this.#goTo(row + this.list.pageSize), PageUp: () => this.#goTo(row - this.list.pageSize),
      Home: () => this.#goTo(0), End: () => this.#goTo(this.store.rows.length - 1),
      ArrowRight: () => this.#goIn(), l: () => this.#goIn(), ArrowLeft: () => this.#goOut(), h: () => this.#goOut(),
      Enter: () => this.active >= 0 && this.onOpen(this.active),
      " ": () => this.active >= 0 && this.#toggle(this.active),
      e: () => this.#goToError(1), E: () => this.#goToError(-1),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  }

  #goTo(row) {
    const index = this.store.rows[Math.max(0, Math.min(this.store.rows.length - 1, row))];
    if (index === undefined) return;
    this.activate(index);
    this.onActive(index);
  }

  #goIn() {
    if (this.active < 0 || !this.store.hasChildren(this.active)) return;
    if (this.store.isCollapsed(this.active)) this.#toggle(this.active);
    else this.#goTo(this.store.row(this.active) + 1);
  }

  #goOut() {
    if (this.active < 0) return;
    if (this.store.hasChildren(this.active) && !this.store.isCollapsed(this.active)) this.#toggle(this.active);
    else if (this.store.parents[this.active] >= 0) this.#goTo(this.store.row(this.store.parents[this.active]));
  }

  /** The next or previous error in the order of the tree, collapsed or not. */
  #goToError(step) {
    const { walk, statuses } = this.store;
    const from = walk.indexOf(this.active);
    for (let at = from + step; at >= 0 && at < walk.length; at += step) {
      if (statuses[walk[at]] !== ERROR) continue;
      this.activate(walk[at], { isCentred: true });
      this.onActive(walk[at]);
      return;
    }
  }

  #toggle(index) {
    if (!this.store.hasChildren(index)) return;
    this.store.setCollapsed(index, !this.store.isCollapsed(index));
    this.update();
    this.#nameActive();
  }

  /** Collapse or open everything; what was active stays in view, or its nearest visible ancestor does. */
  collapseAll(isCollapsed) {
    this.store.collapseAll(isCollapsed);
    let index = this.active;
    while (index >= 0 && this.store.row(index) < 0) index = this.store.parents[index];
    this.active = index;
    this.update();
    if (index >= 0) this.list.reveal(this.store.row(index));
    this.#nameActive();
  }

  #click(event) {
    const index = this.#indexOf(event.target);
    if (index < 0) return;
    this.active = index;
    this.#nameActive();
    if (event.target.closest(".twisty")) this.#toggle(index);
    else this.onOpen(index);
  }

  #indexOf(target) {
    const row = target.closest(".tl-row");
    return row ? this.store.rows[row.at] : -1;
  }

  #nameActive() {
    const at = this.active >= 0 ? this.store.row(this.active) : -1;
    if (at >= 0) this.scroller.setAttribute("aria-activedescendant", `event-row-${at}`);
    else this.scroller.removeAttribute("aria-activedescendant");
    this.list.refresh();
  }

  /* Scale */

  #needsRescale() {
    return this.hasOpen && this.now() > this.viewEnd;
  }

  /** Measure first start and last end; with something still running, keep room to grow into. */
  #fitScale() {
    const { store } = this;
    const now = this.now();
    let first = Infinity, last = -Infinity, lastOpen = -Infinity;
    for (let index = 0; index < store.length; index++) {
      if (store.starts[index] < first) first = store.starts[index];
      const end = store.ends[index];
      if (end > last) last = end;
      if (Number.isNaN(end)) lastOpen = Math.max(lastOpen, now, store.starts[index]);
      else if (store.starts[index] > last) last = store.starts[index];
    }
    this.hasOpen = lastOpen > -Infinity;
    if (first === Infinity) return;
    const isMoved = first !== this.viewStart;
    this.viewStart = first;
    const needed = Math.max(last, lastOpen);
    if (!this.hasOpen) this.viewEnd = Math.max(needed, first + 1);
    else if (isMoved || needed > this.viewEnd) this.viewEnd = first + Math.max((needed - first) * HEADROOM, 2e6);
    this.#drawRuler();
  }

  #drawRuler() {
    const span = this.viewEnd - this.viewStart;
    const width = this.ruler.clientWidth;
    if (!(span > 0) || !width) return;
    const step = stepFor(span, width);
    const marks = ticks(span, width).filter((at) => (1 - at / span) * width > LABEL_ROOM_PX);
    this.ruler.querySelectorAll(".tl-tick").forEach((tick) => tick.remove());
    this.ruler.prepend(...marks.map((at) => at100(el("div", { class: "tl-tick" }, tickLabel(at, step)), at / span)));
    this.lines.replaceChildren(...marks.slice(1).map((at) => at100(el("div", { class: "tl-line" }), at / span)));
  }

  #moveCursor(event) {
    const box = this.ruler.getBoundingClientRect();
    const x = event.clientX - box.left;
    if (x < 0 || x > box.width || !(this.viewEnd > this.viewStart)) return this.#hideCursor();
    this.cursor ??= this.scroller.parentElement.appendChild(el("div", { class: "tl-cursor" }));
    this.cursorTime ??= this.ruler.appendChild(el("div", { class: "tl-cursor-time" }));
    this.cursor.hidden = this.cursorTime.hidden = false;
    const left = event.clientX - this.root.getBoundingClientRect().left;
    this.cursor.style.transform = `translateX(${left}px)`;
    this.cursorTime.textContent = offset(((x / box.width) * (this.viewEnd - this.viewStart)) / 1000);
    const labelWidth = this.cursorTime.offsetWidth;
    this.cursorTime.style.transform = `translateX(${Math.max(0, Math.min(x - labelWidth / 2, box.width - labelWidth))}px)`;
  }

  #hideCursor() {
    if (this.cursor) this.cursor.hidden = this.cursorTime.hidden = true;
  }

  /* Keeping still */

  #anchor() {
    const [first] = this.list.range;
    const index = this.lastRows?.[first];
    return index === undefined || this.scroller.scrollTop === 0 ? null : { index, shift: this.scroller.scrollTop - first * ROW_HEIGHT };
  }

  #restore(anchor) {
    this.lastRows = this.store.rows;
    if (!anchor) return;
    const row = this.store.row(anchor.index);
    if (row >= 0) this.scroller.scrollTop = row * ROW_HEIGHT + anchor.shift;
  }

  /* Rows */

  #createRow() {
    const parts = {
      indent: el("span", { class: "tl-indent" }),
      title: el("span", { class: "tl-title" }),
      detail: el("span", { class: "tl-detail" }),
      hidden: el("span", { class: "tl-hidden" }),
      mark: el("span", { class: "tl-mark tag" }),
      spoken: el("span", { class: "visually-hidden" }),
      duration: el("span", { class: "tl-duration" }),
      bar: el("div", { class: "tl-bar" }),
      label: el("span", { class: "tl-label" }),
    };
    const kind = icon("span", "tl-kind kind-icon");
    parts.use = kind.firstChild;
    const name = el("div", { class: "tl-name", role: "gridcell" },
      parts.indent, el("span", { class: "twisty" }, icon("chevron")), kind,
      parts.spoken, parts.title, parts.detail, parts.mark, parts.hidden, parts.duration);
    const row = el("div", { class: "tl-row", role: "row" }, name, el("div", { class: "tl-bars", role: "gridcell" }, parts.bar, parts.label));
    row.parts = parts;
    return row;
  }

  #fillRow(row, at) {
    const { store } = this;
    const index = store.rows[at];
    const { parts } = row;
    const kind = KINDS[store.kinds[index]];
    const isError = store.statuses[index] === ERROR;
    const isOpen = Number.isNaN(store.ends[index]);
    const isGhost = store.isGhost(index);
    const isCollapsed = store.isCollapsed(index);
    row.id = `event-row-${at}`;
    row.at = at;
    setClass(row, `tl-row kind-${kind}${isError ? " is-error" : ""}${isOpen && !isGhost ? " is-running" : ""}`
      + `${isGhost ? " is-missing" : ""}${store.hasChildren(index) ? " is-container" : ""}`
      + `${index === this.active ? " is-active" : ""}${index === this.selected ? " is-selected" : ""}`);
    setAttribute(row, "aria-level", store.depths[index] + 1);
    setAttribute(row, "aria-rowindex", at + 1);
    setAttribute(row, "aria-selected", index === this.selected);
    setAttribute(row, "aria-expanded", store.hasChildren(index) ? !isCollapsed : null);
    const indent = Math.min(store.depths[index], MAX_INDENT);
    if (parts.indent.depth !== indent) {
      parts.indent.depth = indent;
      parts.indent.style.width = `calc(var(--indent) * ${indent})`;
    }
    setAttribute(parts.use, "href", isGhost ? "#i-missing" : `#i-${kind}`);
    setText(parts.title, store.names[index]);
    setAttribute(parts.title, "title", store.names[index]);
    setText(parts.detail, store.details[index]);
    setText(parts.mark, store.inferred[index] ? "inferred" : "");
    setText(parts.hidden, isCollapsed ? `${compact(store.sizes[index] - 1)}${store.errorsBelow[index] ? ` ▲${store.errorsBelow[index]}` : ""}` : "");
    setText(parts.spoken, `${kind}${isError ? ", error" : isOpen ? ", running" : ""}`);
    this.#placeBar(row, index);
  }

  #placeBar(row, index) {
    const { store } = this;
    const { bar, label, duration: text } = row.parts;
    const span = this.viewEnd - this.viewStart;
    const start = store.starts[index];
    const end = store.end(index, this.now());
    const left = span > 0 ? (start - this.viewStart) / span : 0;
    const width = span > 0 ? (end - start) / span : 0;
    bar.style.left = percent(Math.min(left, 0.999));
    bar.style.width = percent(Math.min(width, 1 - left));
    setText(text, store.isGhost(index) ? "" : duration((end - start) / 1000));
    const said = labelOf(store, index);
    setText(label, said);
    if (!said) return;
    // After the bar where there is room, else before it, else over its end.
    const isAfter = left + width < 0.72;
    label.classList.toggle("is-over", !isAfter && left <= 0.28);
    label.style.left = isAfter ? percent(left + width) : "auto";
    label.style.right = isAfter ? "auto" : left > 0.28 ? percent(1 - left) : "0";
  }
}

function labelOf(store, index) {
  const parts = [];
  if (!Number.isNaN(store.tokens[index])) parts.push(`${compact(store.tokens[index])} tok`);
  if (!Number.isNaN(store.costs[index])) parts.push(cost(store.costs[index]));
  return parts.join(" · ");
}

/* Rows are refilled many times a second while scrolling: only what differs is written, since every write costs style. */

function setText(element, text) {
  if (element.text === text) return;
  element.text = text;
  element.textContent = text;
}

function setClass(element, names) {
  if (element.className !== names) element.className = names;
}

function setAttribute(element, name, value) {
  const text = value === null ? null : String(value);
  if (element.getAttribute(name) === text) return;
  if (text === null) element.removeAttribute(name);
  else element.setAttribute(name, text);
}

function percent(share) {
  return `${(Math.max(0, share) * 100).toFixed(4)}%`;
}

function at100(element, share) {
  element.style.left = percent(share);
  return element;
}
