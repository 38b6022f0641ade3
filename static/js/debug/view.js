/** The list of the console: rows on their sheet, the one that is active, opened ones, and how they all look. */
import { copyText } from "../copy.js";
import { el } from "../dom.js";
import { compact } from "../format.js";
import { countLines } from "../trace/wrapping.js";
import { createRow, fillRow, hasPills } from "./line-row.js";
import { LineList } from "./list.js";
import { LINE } from "./rows.js";

const LINE_HEIGHT = 18;
const MOST_LINES = 60;

export class LinesView {
  /** `onFollow()` hears that the end is followed or no longer; `onPick(field, value, options)` of a click to filter. */
  constructor({ rows, finder, onFollow, onPick, onRequest }) {
    Object.assign(this, { rows, onFollow, onPick, onRequest });
    this.scroller = document.getElementById("lines");
    this.sheet = this.scroller.querySelector(".dbg-sheet");
    this.pill = document.getElementById("latest");
    this.unseen = 0;
    this.look = { isUtc: false, isWrapped: false, isRoomy: false, marks: null, active: null, findTrace: (event, link) => finder.show(event, link) };
    this.list = new LineList({
      scroller: this.scroller, space: this.sheet, create: createRow,
      fill: (element, row) => fillRow(element, row, this.look),
      heightOf: (row) => this.#heightOf(row), onScroll: () => this.#scrolled(), onResize: () => this.#resized(),
    });
    this.list.rows = rows.shown;
    this.scroller.addEventListener("click", (event) => this.#click(event));
    // Whoever wants to look back is not pulled to the end by what comes before the first scroll is noticed.
    this.scroller.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#letGo(), { passive: true });
    this.scroller.addEventListener("touchmove", () => this.#letGo(), { passive: true });
    this.scroller.addEventListener("pointerdown", (event) => event.target === this.scroller && this.#letGo());
    this.pill.addEventListener("click", () => this.follow());
  }

  get isFollowing() { return this.list.isFollowing; }

  /** Rows were added, and `dropped` of the oldest went. */
  grow(added, dropped) {
    if (!this.isFollowing) this.unseen += added;
    this.list.rows = this.rows.shown;
    this.list.grow(dropped);
    this.#sayUnseen();
  }

  /** Other rows are to be shown, or the same look different. */
  renew() {
    this.columns = this.#measure();
    this.scroller.classList.toggle("is-wrapped", this.look.isWrapped);
    this.scroller.classList.toggle("is-roomy", this.look.isRoomy);
    this.list.setRows(this.rows.shown);
  }

  follow() {
    this.unseen = 0;
    this.list.isFollowing = true;
    this.list.draw();
    this.#sayUnseen();
    this.onFollow();
  }

  /** Show which terms are to be found: at most five. */
  highlight(terms) {
    const patterns = terms.slice(0, 5).map((term) => `(${term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")})`);
    this.look.marks = patterns.length ? new RegExp(patterns.join("|"), "gi") : null;
    this.list.refresh();
  }

  /** Go to the line so many rows on, or the next beyond it that `passes`; to the last there is when there are none. */
  move(step, passes = () => true) {
    const { shown } = this.rows;
    const direction = Math.sign(step);
    const at = shown.indexOf(this.look.active);
    const from = at >= 0 ? at : direction > 0 ? this.list.first - 1 : shown.length;
    const isWanted = (row) => row.type === LINE && passes(row);
    const aim = Math.max(0, Math.min(shown.length - 1, from + step));
    for (let index = aim; shown[index]; index += direction) if (isWanted(shown[index])) return this.activate(shown[index]);
    for (let index = aim; index !== from && shown[index]; index -= direction) if (isWanted(shown[index])) return this.activate(shown[index]);
    return null;
  }

  activate(row) {
    const before = this.look.active;
    this.look.active = row;
    this.list.isFollowing = false;
    for (const one of [before, row]) this.redraw(one);
    this.list.reveal(this.rows.shown.indexOf(row));
    this.#scrolled();
    return row;
  }

  toggle(row) {
    if (row.type !== LINE) return;
    row.isOpen = !row.isOpen;
    this.activate(row);
    if (row.isOpen) {
      row.openHeight = this.list.elementOf(row)?.lastElementChild.offsetHeight ?? 0;
      this.list.changed(row);
      this.list.reveal(this.rows.shown.indexOf(row));
    } else this.list.changed(row);
  }

  /** Find the line of an entry id, open it and bring it into view. */
  find(id) {
    const row = this.rows.shown.find((one) => one.type === LINE && one.event.id === id);
    if (!row) return false;
    row.isLinked = true;
    if (!row.isOpen) this.toggle(row);
    else this.activate(row);
    return true;
  }

  copy(row, what) {
    const { event } = row;
    if (what === "json") copyText(JSON.stringify(event, null, 2), "JSON copied");
    else if (what === "link") {
      const url = new URL(location.href);
      url.searchParams.set("line", event.id);
      copyText(url.href, "Link copied: it leads here for as long as the line is kept");
    } else copyText(`${event.ts} ${event.level.padEnd(5)} ${event.stream} ${event.requestId ?? "-"} ${event.message}`, "Line copied");
  }

  redraw(row) {
    const element = row && this.list.elementOf(row);
    if (element) fillRow(element, row, this.look);
  }

  #click(event) {
    const element = event.target.closest(".dbg-row");
    const row = element?.row;
    if (!row) return;
    const act = event.target.closest("[data-act]")?.dataset.act;
    const pick = event.target.closest("[data-pick]");
    if (act === "request") this.onRequest(row.event.requestId);
    else if (act) this.copy(row, act);
    else if (pick) this.onPick(pick.dataset.pick, pick.dataset.value, { isExcluded: "excluded" in pick.dataset });
    else if (event.target.closest(".dbg-detail") || String(getSelection())) return;
    else this.#clickCell(event, element, row);
  }

  /** A level, a stream or a request is a click away from being the filter, with Alt from being left out. */
  #clickCell(event, element, row) {
    const [, level, stream, request] = element.cells;
    const isExcluded = event.altKey;
    if (row.type !== LINE) return;
    if (event.target === level) this.onPick("level", row.event.level, { isExcluded });
    else if (event.target === stream) this.onPick("stream", row.event.stream, { isExcluded });
    else if (event.target === request && row.event.requestId) this.onPick("request", row.event.requestId, { isExcluded });
    else this.toggle(row);
  }

  /* Following */

  #letGo() {
    if (!this.isFollowing || this.scroller.scrollHeight <= this.scroller.clientHeight) return;
    this.list.isFollowing = false;
    this.#sayUnseen();
  }

  #scrolled() {
    const isAtEnd = this.list.isAtEnd;
    if (isAtEnd === this.isFollowing) return;
    this.list.isFollowing = isAtEnd;
    if (isAtEnd) this.unseen = 0;
    this.#sayUnseen();
    this.onFollow();
  }

  #sayUnseen() {
    this.pill.hidden = this.isFollowing;
    const text = this.unseen ? `Jump to latest · ${compact(this.unseen)} new` : "Jump to latest";
    if (this.pill.textContent !== text) this.pill.textContent = text;
  }

  /* Heights */

  get rowHeight() { return this.look.isRoomy ? 32 : 24; }

  #heightOf(row) {
    const isWrapped = this.columns && row.type === LINE;
    const wrapped = isWrapped ? Math.min(MOST_LINES, countLines(row.event.message, this.columns)) + hasPills(row.event) : 1;
    return (wrapped - 1) * LINE_HEIGHT + this.rowHeight + (row.isOpen ? row.openHeight ?? 0 : 0);
  }

  #resized() {
    if (this.look.isWrapped && this.columns !== this.#measure()) this.renew();
    else if (this.rows.shown.some((row) => row.isOpen)) this.list.refresh();
  }

  /** How many letters of a message fit beside one another; 0 when they are not wrapped. */
  #measure() {
    if (!this.look.isWrapped) return 0;
    const row = createRow();
    this.sheet.append(row);
    const text = row.cells[4];
    const probe = el("span", { class: "dbg-probe" }, "0".repeat(100));
    text.append(probe);
    const width = probe.getBoundingClientRect().width / 100 || 7;
    const columns = Math.floor(text.getBoundingClientRect().width / width);
    row.remove();
    return Math.max(10, columns);
  }
}
