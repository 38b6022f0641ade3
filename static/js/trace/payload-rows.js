/**
 * The rows of a laid-out value: any number of one height, asked for as they come into view. Beyond the height that
 * browsers can scroll, the scroll bar stands for the rows in proportion, and the wheel still moves line by line.
 */
import { el } from "../dom.js";

export const ROW_HEIGHT = 18;
const MOST_PIXELS = 8_000_000;
const OVERSCAN = 10;
const REST_OF_TEXT = /^\s*(?:[^"\\]|\\.)*"?/;
const TOKENS = /"(?:[^"\\]|\\.)*"?(?=(\s*:)?)|-?\b\d[\d.eE+-]*|\b(?:true|false|null)\b/g;

export class PayloadRows {
  /** `onWanted(first, count)` is asked for rows; they come back through `fill`. */
  constructor({ scroller, onWanted }) {
    Object.assign(this, { scroller, onWanted });
    this.space = el("div", { class: "pl-space" });
    this.layer = el("div", { class: "pl-layer" });
    this.space.append(this.layer);
    scroller.replaceChildren(this.space);
    this.count = 0;
    this.current = -1;
    this.isColoured = true;
    scroller.addEventListener("scroll", () => this.#ask(), { passive: true });
    scroller.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.#ask()).observe(scroller);
  }

  get fits() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT));
  }

  get first() {
    const room = this.height - this.scroller.clientHeight;
    if (this.ratio === 1 || room <= 0) return Math.floor(this.scroller.scrollTop / ROW_HEIGHT);
    return Math.round((this.scroller.scrollTop / room) * Math.max(0, this.count - this.fits));
  }

  get ratio() {
    return Math.max(1, (this.count * ROW_HEIGHT) / MOST_PIXELS);
  }

  get height() {
    return Math.min(this.count * ROW_HEIGHT, MOST_PIXELS);
  }

  setCount(count, widest) {
    this.count = count;
    this.space.style.height = `${this.height}px`;
    this.space.style.minWidth = `calc(${widest + 2}ch + var(--pl-gutter))`;
    this.#ask();
  }

  /** Forget what is shown, as when another value is opened. */
  clear() {
    this.setCount(0, 0);
    this.layer.replaceChildren();
    this.scroller.scrollTo(0, 0);
  }

  refresh() {
    this.#ask();
  }

  moveTo(row) {
    const top = Math.max(0, Math.min(this.count - this.fits, row));
    const room = this.height - this.scroller.clientHeight;
    this.scroller.scrollTop = this.ratio === 1 ? top * ROW_HEIGHT : (top / Math.max(1, this.count - this.fits)) * room;
    this.#ask();
  }

  reveal(row) {
    const { first, fits } = this;
    if (row < first || row >= first + fits) this.moveTo(row - Math.floor(fits / 3));
    else this.#ask();
  }

  /** Show rows; `current` is the offset of the match that the reader is at. */
  fill(first, rows) {
    const base = this.first;
    const shift = this.ratio === 1 ? first * ROW_HEIGHT : this.scroller.scrollTop + (first - base) * ROW_HEIGHT;
    this.layer.style.top = `${Math.max(0, shift)}px`;
    this.layer.replaceChildren(...rows.map((row) => this.#makeRow(row)));
  }

  #ask() {
    if (!this.count) return;
    const first = Math.max(0, this.first - (this.ratio === 1 ? OVERSCAN : 0));
    this.onWanted(first, this.fits + 2 * OVERSCAN);
  }

  #wheel(event) {
    if (this.ratio === 1 || event.ctrlKey || event.shiftKey || !event.deltaY) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? event.deltaY : event.deltaY / ROW_HEIGHT;
    this.moveTo(this.first + Math.sign(lines) * Math.max(1, Math.round(Math.abs(lines))));
  }

  #makeRow({ line, isRest, isText, text, ranges }) {
    const content = el("span", { class: "pl-text" });
    const kinds = this.#kindsOf(text, isText);
    for (const [from, until, offset] of ranges) kinds.fill(offset === this.current ? "is-match is-current" : "is-match", from, until);
    for (let at = 0; at < text.length;) {
      let until = at + 1;
      while (until < text.length && kinds[until] === kinds[at]) until++;
      const part = text.slice(at, until);
      content.append(kinds[at] ? el(kinds[at].startsWith("is-match") ? "mark" : "span", { class: kinds[at] }, part) : part);
      at = until;
    }
    return el("div", { class: "pl-row" }, el("span", { class: "pl-line" }, isRest ? "" : String(line)), content);
  }

  #kindsOf(text, isText) {
    const kinds = new Array(text.length).fill("");
    if (!this.isColoured) return kinds;
    const rest = isText ? REST_OF_TEXT.exec(text)[0].length : 0;
    kinds.fill("json-string", 0, rest);
    for (const match of text.slice(rest).matchAll(TOKENS)) {
      const isKey = match[1] !== undefined;
      const kind = match[0][0] === '"' ? (isKey ? "json-key" : "json-string") : /[tfn]/.test(match[0][0]) ? "json-word" : "json-number";
      kinds.fill(kind, rest + match.index, rest + match.index + match[0].length);
    }
    return kinds;
  }
}
