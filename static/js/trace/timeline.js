/**
 * The timeline: the tree of events and their bars, one row each, in an ARIA treegrid.
 *
 * The grid itself holds the focus and names the active row (`aria-activedescendant`), because rows are recycled while
 * scrolling. What is shown of the time is in `scale.js`, the rows in `rows.js`.
 */
import { el } from "../base.js";
import { offset } from "../format.js";
import { findCriticalPath } from "./analysis.js";
import { Finder } from "./finder.js";
import { listenToGestures } from "./gestures.js";
import { Minimap } from "./minimap.js";
import { PlayheadLine } from "./playhead-line.js";
import { createRow, fillRow, percent, placeBar } from "./rows.js";
import { stepFor, tickLabel, ticks } from "./ruler.js";
import { TimeScale } from "./scale.js";
import { ERROR } from "./store.js";
import { VirtualRows } from "./virtual.js";

const ROW_HEIGHT = 28;
const LABEL_ROOM_PX = 44;
const TICK_MS = 200;
const ADDRESS_AFTER_MS = 200;
const KEY_ZOOM = 0.6;
const PATH_KEY = "playhead.critical-path";

export default class Timeline {
  constructor({ root, page }) {
    Object.assign(this, { root, page, store: page.store, now: page.now });
    this.scroller = root.querySelector("[role=treegrid]");
    this.ruler = root.querySelector(".tl-ruler");
    this.lines = root.querySelector(".tl-lines");
    this.active = -1;
    this.selected = -1;
    this.words = [];
    this.found = null;
    this.path = null;
    this.selfTimes = { version: -1, of: new Map() };
    this.frame = 0;
    this.scale = new TimeScale();
    this.list = new VirtualRows({
      scroller: this.scroller, space: root.querySelector(".tl-space"), rowHeight: ROW_HEIGHT,
      create: createRow, fill: (row, at, how) => fillRow(row, at, this, how),
    });
    this.#makeParts();
    this.#listen();
  }

  /** The moment the reader points at, or null. */
  get playhead() { return this.page.playhead.at; }

  show() {
    this.restore(new URLSearchParams(location.search));
    this.update();
    this.timer = setInterval(() => this.scale.hasOpen && !document.hidden && this.tick(), TICK_MS);
  }

  hide() {
    clearInterval(this.timer);
  }

  /** Show the stretch of time that the address names. */
  restore(parameters) {
    const [from, to] = (parameters.get("z") ?? "").split("-").map(Number);
    const isNamed = to > from;
    this.wantedZoom = isNamed ? [this.page.startedAt + from * 1000, this.page.startedAt + to * 1000] : null;
    if (!isNamed) this.scale.zoom = null;
    this.#applyWantedZoom();
    this.#rescaled();
  }

  /** Show what the store holds now. The first visible row stays where it is, whatever came in above it. */
  update() {
    const anchor = this.#anchor();
    if (this.active >= this.lastLength) this.active = -1;
    this.scale.measure(this.store, this.now(), this.page.endedAt);
    this.#applyWantedZoom();
    if (this.path) this.path = findCriticalPath(this.store, this.now());
    if (this.finder.words.length) this.finder.update();
    this.#showRows();
    this.#restoreAnchor(anchor);
    this.#drawScale();
    this.minimap.draw();
  }

  /** Let running bars grow to now. */
  tick() {
    if (this.now() > this.scale.end) {
      this.scale.measure(this.store, this.now(), this.page.endedAt);
      this.#rescaled();
      this.minimap.draw();
      return;
    }
    this.list.eachShown((row, at) => {
      const index = this.store.rows[at];
      if (Number.isNaN(this.store.ends[index])) placeBar(row, index, this);
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
    if (this.store.kept && !this.store.kept[index]) this.finder.setOnly(false);
    this.store.unfold(index);
    this.active = index;
    this.#showRows();
    this.list.reveal(this.store.row(index), { isCentred });
    if (isCentred) this.#bringTimeIntoView(this.store.starts[index], this.store.end(index, this.now()));
    this.#nameActive();
  }

  focus() {
    this.scroller.focus({ preventScroll: true });
  }

  /** Take a key that was pressed elsewhere on the page; the first step into the timeline is to its first row. */
  key(event) {
    if (event.key === "/") {
      this.finder.focus();
      return true;
    }
    const action = this.#actions(event.key);
    if (!action || ["Enter", " ", "Home", "End", "PageUp", "PageDown"].includes(event.key)) return false;
    const isStep = ["j", "k", "ArrowDown", "ArrowUp", "h", "l", "ArrowLeft", "ArrowRight"].includes(event.key);
    const isFirst = isStep && this.active < 0;
    if (isStep) this.focus();
    if (!isFirst) action();
    return true;
  }

  /* Parts */

  #makeParts() {
    const { root, page, store, scale, ruler } = this;
    const timeAt = (x) => this.#timeAt(x);
    this.minimap = new Minimap({
      root: root.querySelector(".tl-map"), store, scale, now: this.now,
      onShow: (from, to) => this.zoomTo(from, to), onFit: () => this.fit(),
    });
    this.line = new PlayheadLine({ root, ruler, scale, page, timeAt });
    this.finder = new Finder({
      root: root.querySelector(".tl-find"), page, onFound: () => this.#showFound(), onLeave: () => this.focus(),
      onGo: (index) => this.#goToEvent(index),
    });
    listenToGestures({
      scroller: this.scroller, ruler, scale, timeAt, onZoom: (factor, around) => this.zoomBy(factor, around),
      onPan: (micros) => this.#change(() => scale.pan(micros)), onBrush: (from, to) => this.zoomTo(from, to),
      onPlace: (at) => page.playhead.set(at),
    });
    page.playhead.onChange((at, how) => this.#followPlayhead(at, how));
  }

  #listen() {
    this.scroller.addEventListener("keydown", (event) => this.#key(event));
    this.scroller.addEventListener("click", (event) => this.#click(event));
    this.scroller.addEventListener("dblclick", (event) => {
      const index = this.#indexOf(event.target);
      if (index >= 0 && !event.target.closest(".twisty")) this.#toggle(index);
    });
    this.scroller.addEventListener("focus", () => {
      // Not for the pointer: a row brought into view would slip away from under the click.
      if (this.active < 0 && this.store.rows.length && this.scroller.matches(":focus-visible")) this.activate(this.store.rows[this.list.range[0]]);
    });
    for (const area of [this.scroller, this.ruler]) {
      area.addEventListener("pointermove", (event) => this.#moveCursor(event), { passive: true });
      area.addEventListener("pointerleave", () => this.#hideCursor());
    }
    new ResizeObserver(() => this.#drawScale()).observe(this.ruler);
    const actions = {
      "collapse-all": () => this.collapseAll(true), "expand-all": () => this.collapseAll(false), fit: () => this.fit(),
      "zoom-in": () => this.zoomBy(KEY_ZOOM), "zoom-out": () => this.zoomBy(1 / KEY_ZOOM), path: () => this.setPath(!this.path),
    };
    document.addEventListener("click", (event) => {
      const name = event.target.closest?.("[data-timeline]")?.dataset.timeline;
      if (name) actions[name]();
    });
    if (localStorage.getItem(PATH_KEY) === "yes") this.setPath(true);
  }

  /* Keys and pointer */

  #actions(key) {
    const row = this.store.row(this.active);
    return {
      ArrowDown: () => this.#goTo(row + 1), j: () => this.#goTo(row + 1),
      ArrowUp: () => this.#goTo(row - 1), k: () => this.#goTo(row - 1),
      PageDown: () => this.#goTo(row + this.list.pageSize), PageUp: () => this.#goTo(row - this.list.pageSize),
      Home: () => this.#goTo(0), End: () => this.#goTo(this.store.rows.length - 1),
      ArrowRight: () => this.#goIn(), l: () => this.#goIn(), ArrowLeft: () => this.#goOut(), h: () => this.#goOut(),
      Enter: () => this.active >= 0 && this.page.openEvent(this.active),
      " ": () => this.active >= 0 && this.#toggle(this.active),
      e: () => this.#goToError(1), E: () => this.#goToError(-1),
      n: () => this.finder.go(1), N: () => this.finder.go(-1),
      "+": () => this.zoomBy(KEY_ZOOM), "=": () => this.zoomBy(KEY_ZOOM), "-": () => this.zoomBy(1 / KEY_ZOOM),
      0: () => this.fit(), z: () => this.#zoomToActive(), c: () => this.setPath(!this.path),
      "<": () => this.#openByDepth(-1), ">": () => this.#openByDepth(1),
    }[key];
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this.#actions(event.key);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #goTo(row) {
    const index = this.store.rows[Math.max(0, Math.min(this.store.rows.length - 1, row))];
    if (index === undefined) return;
    this.activate(index);
    this.page.followEvent(index);
  }

  #goToEvent(index) {
    this.activate(index, { isCentred: true });
    this.page.followEvent(index);
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
    const from = this.active < 0 && step < 0 ? walk.length : walk.indexOf(this.active);
    for (let at = from + step; at >= 0 && at < walk.length; at += step) {
      if (statuses[walk[at]] === ERROR) return this.#goToEvent(walk[at]);
    }
  }

  #toggle(index) {
    if (!this.store.hasChildren(index)) return;
    this.#keepActive(() => this.store.setCollapsed(index, !this.store.isCollapsed(index)));
  }

  /** Collapse or open everything. */
  collapseAll(isCollapsed) {
    this.depth = isCollapsed ? 1 : null;
    this.#keepActive(() => this.store.collapseAll(isCollapsed));
  }

  /** Open one level more of the tree, or one less. */
  #openByDepth(step) {
    const deepest = this.store.depths.reduce((a, b) => Math.max(a, b), 0);
    this.depth = Math.max(0, Math.min(deepest, (this.depth ?? deepest) + step));
    this.#keepActive(() => this.store.openToDepth(this.depth));
  }

  /** Change what is collapsed; what was active stays in view, or its nearest visible ancestor does. */
  #keepActive(change) {
    change();
    let index = this.active;
    while (index >= 0 && this.store.row(index) < 0) index = this.store.parents[index];
    this.active = index;
    this.#showRows();
    if (index >= 0) this.list.reveal(this.store.row(index));
    this.#nameActive();
  }

  #click(event) {
    const index = this.#indexOf(event.target);
    if (index < 0) return;
    this.active = index;
    this.#nameActive();
    if (event.target.closest(".twisty")) this.#toggle(index);
    else this.page.openEvent(index);
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

  #showFound() {
    this.words = this.finder.words;
    this.found = this.words.length ? new Set(this.finder.found) : null;
    this.#showRows();
  }

  #showRows() {
    this.lastRows = this.store.rows;
    this.lastLength = this.store.length;
    this.scroller.setAttribute("aria-rowcount", this.store.rows.length);
    this.list.setCount(this.store.rows.length);
  }

  /** Show the chain that determined the duration, or do not. */
  setPath(isShown) {
    this.path = isShown ? findCriticalPath(this.store, this.now()) : null;
    localStorage.setItem(PATH_KEY, isShown ? "yes" : "no");
    document.querySelector("[data-timeline=path]")?.setAttribute("aria-pressed", String(isShown));
    this.list.refresh();
  }

  /* Time */

  zoomTo(from, to) { this.#change(() => this.scale.show(from, to)); }
  fit() { this.#change(() => { this.scale.zoom = null; }); }

  zoomBy(factor, around = this.#centre()) { this.#change(() => this.scale.zoomBy(factor, around)); }

  #centre() {
    const { from, to, span } = this.scale;
    const start = this.active >= 0 ? this.store.starts[this.active] : NaN;
    const wanted = this.playhead ?? start;
    return wanted >= from && wanted <= to ? wanted : from + span / 2;
  }

  #zoomToActive() {
    if (this.active < 0) return;
    const start = this.store.starts[this.active];
    const end = this.store.end(this.active, this.now());
    const margin = Math.max((end - start) * 0.04, 10);
    this.zoomTo(start - margin, end + margin);
  }

  #bringTimeIntoView(start, end) {
    const { from, to, span, zoom } = this.scale;
    if (!zoom || (end >= from && start <= to)) return;
    this.zoomTo(start - span * 0.1, start + span * 0.9);
  }

  #change(change) {
    this.wantedZoom = null;
    change();
    this.#rescaled();
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => this.#writeAddress(), ADDRESS_AFTER_MS);
  }

  #writeAddress() {
    const { zoom } = this.scale;
    const say = (at) => String(Number(((at - this.page.startedAt) / 1000).toFixed(3)));
    this.page.setAddress({ z: zoom && `${say(Math.max(zoom[0], this.page.startedAt))}-${say(zoom[1])}` });
  }

  #applyWantedZoom() {
    if (this.wantedZoom && this.scale.end > this.scale.start) this.scale.show(...this.wantedZoom);
  }

  /** Draw what depends on the scale, with the next frame. */
  #rescaled() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#drawScale();
      this.list.refresh();
    });
  }

  #drawScale() {
    this.minimap.place(this.playhead);
    this.line.place();
    this.root.classList.toggle("is-zoomed", Boolean(this.scale.zoom));
    const { from, start, span } = this.scale;
    const width = this.ruler.clientWidth;
    if (!(span > 0) || !width) return;
    const step = stepFor(span, width);
    const shift = from - start;
    const marks = ticks(span, width, shift).filter((at) => (1 - (at - shift) / span) * width > LABEL_ROOM_PX);
    this.ruler.querySelectorAll(".tl-tick").forEach((tick) => tick.remove());
    const put = (element, at) => {
      element.style.left = percent((at - shift) / span);
      return element;
    };
    this.ruler.prepend(...marks.map((at) => put(el("div", { class: "tl-tick" }, tickLabel(at, step)), at)));
    this.lines.replaceChildren(...marks.filter((at) => at > shift).map((at) => put(el("div", { class: "tl-line" }), at)));
  }

  #timeAt(x) {
    const box = this.ruler.getBoundingClientRect();
    return this.scale.at(Math.max(0, Math.min(1, (x - box.left) / box.width)));
  }

  #followPlayhead(at, { isStep }) {
    if (at !== null) this.#bringTimeIntoView(at, at);
    if (at !== null && isStep) this.#activateAt(at);
    this.#rescaled();
  }

  /** Make the event that starts or ends at a moment the active row, if a row shows it. */
  #activateAt(at) {
    const { starts, ends, rows } = this.store;
    const index = rows.find((one) => Math.round(starts[one]) === at) ?? rows.find((one) => Math.round(ends[one]) === at);
    if (index !== undefined) this.activate(index);
  }

  #moveCursor(event) {
    const box = this.ruler.getBoundingClientRect();
    const x = event.clientX - box.left;
    if (x < 0 || x > box.width || !(this.scale.span > 0)) return this.#hideCursor();
    this.cursor ??= this.root.appendChild(el("div", { class: "tl-cursor" }));
    this.cursorTime ??= this.ruler.appendChild(el("div", { class: "tl-cursor-time" }));
    this.cursor.hidden = this.cursorTime.hidden = false;
    const left = event.clientX - this.root.getBoundingClientRect().left;
    this.cursor.style.transform = `translateX(${left}px)`;
    this.cursorTime.textContent = offset((this.scale.at(x / box.width) - this.scale.start) / 1000);
    const labelWidth = this.cursorTime.offsetWidth;
    this.cursorTime.style.transform = `translateX(${Math.max(0, Math.min(x - labelWidth / 2, box.width - labelWidth))}px)`;
  }

  #hideCursor() {
    if (this.cursor) this.cursor.hidden = this.cursorTime.hidden = true;
  }

  /* Keeping still */

  /** The row to hold still: the active one if it is in view, else the first. Ghosts go, so they hold nothing. */
  #anchor() {
    const top = this.scroller.scrollTop;
    if (top === 0 || !this.lastRows) return null;
    const [first, last] = this.list.range;
    let held = -1;
    for (let row = Math.min(last, this.lastRows.length - 1); row >= first; row--) {
      const index = this.lastRows[row];
      if (index >= this.lastLength) continue;
      held = row;
      if (index === this.active) break;
    }
    return held < 0 ? null : { index: this.lastRows[held], shift: top - held * ROW_HEIGHT };
  }

  #restoreAnchor(anchor) {
    if (!anchor) return;
    const row = this.store.row(anchor.index);
    if (row >= 0) this.scroller.scrollTop = row * ROW_HEIGHT + anchor.shift;
  }
}
