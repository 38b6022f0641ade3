/**
 * A list of any length with only its visible rows in the document. Every row has the same height, so the place of a
 * row is a product, never a measurement. Rows are recycled: row n lives in slot n modulo the number of slots.
 *
 * While so many rows fly by that nobody could read them, they are filled briefly, and wholly as soon as that ends.
 */
const OVERSCAN = 6;

export class VirtualRows {
  /** `create()` makes an empty row element; `fill(row, index, { isBrief })` shows the entry at `index` in it. */
  constructor({ scroller, space, rowHeight, create, fill }) {
    Object.assign(this, { scroller, space, rowHeight, create, fill });
    this.count = 0;
    this.slots = [];
    this.shown = [];
    this.brief = [];
    this.start = 0;
    /** How many frames in a row have moved by more than half of what is in view. */
    this.fastFrames = 0;
    this.frame = 0;
    scroller.addEventListener("scroll", () => this.#schedule(), { passive: true });
    new ResizeObserver(() => this.#resize()).observe(scroller);
  }

  /** Set how many rows there are and show the visible ones anew. */
  setCount(count) {
    this.count = count;
    this.space.style.height = `${count * this.rowHeight}px`;
    this.refresh();
  }

  /** Fill every visible row again. */
  refresh() {
    this.shown.fill(-1);
    this.#draw();
  }

  /** First and last visible index, without the overscan. */
  get range() {
    const first = Math.floor(this.scroller.scrollTop / this.rowHeight);
    const last = Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / this.rowHeight) - 1;
    return [Math.max(0, first), Math.min(this.count - 1, last)];
  }

  /** How many whole rows fit: one press of Page Down. */
  get pageSize() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight) - 1);
  }

  get isAtEnd() {
    return this.scroller.scrollTop + this.scroller.clientHeight >= this.scroller.scrollHeight - this.rowHeight;
  }

  /** Bring a row into view, moving as little as possible, or to the middle when `isCentred`. */
  reveal(index, { isCentred = false } = {}) {
    const top = index * this.rowHeight;
    const height = this.scroller.clientHeight;
    const at = this.scroller.scrollTop;
    if (top >= at && top + this.rowHeight <= at + height) return;
    if (isCentred) this.scroller.scrollTop = top - height / 2 + this.rowHeight / 2;
    else this.scroller.scrollTop = top < at ? top : top + this.rowHeight - height;
    this.#draw();
  }

  /** Call `visit(row, index)` for the rows in the document. */
  eachShown(visit) {
    this.shown.forEach((index, slot) => {
      if (index >= 0) visit(this.slots[slot], index);
    });
  }

  #schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const before = this.start;
      this.#place();
      this.fastFrames = Math.abs(this.start - before) > this.pageSize / 2 ? this.fastFrames + 1 : 0;
      this.#draw({ isBrief: this.fastFrames > 1 });
      if (this.brief.includes(true)) this.#schedule();
    });
  }

  #resize() {
    const wanted = Math.ceil(this.scroller.clientHeight / this.rowHeight) + 1 + 2 * OVERSCAN;
    if (wanted <= this.slots.length) return this.#draw();
    while (this.slots.length < wanted) {
      const row = this.create();
      row.hidden = true;
      this.slots.push(row);
      this.space.append(row);
    }
    this.shown = new Array(wanted).fill(-1);
    this.brief = new Array(wanted).fill(false);
    this.#draw();
  }

  /** Find which row is the first in the document now. */
  #place() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.rowHeight) - OVERSCAN);
    this.start = Math.max(0, Math.min(first, this.count - this.slots.length));
  }

  #draw({ isBrief = false } = {}) {
    const size = this.slots.length;
    if (!size) return;
    this.#place();
    for (let index = this.start; index < this.start + size; index++) {
      const slot = index % size;
      if (this.shown[slot] === index && index < this.count && (isBrief || !this.brief[slot])) continue;
      const row = this.slots[slot];
      if (index >= this.count) {
        row.hidden = true;
        this.shown[slot] = -1;
        this.brief[slot] = false;
        continue;
      }
      row.hidden = false;
      // `top`, not a transform: a transform each would cost the compositor more than this layout.
      row.style.top = `${index * this.rowHeight}px`;
      this.shown[slot] = index;
      this.brief[slot] = isBrief;
      this.fill(row, index, { isBrief });
    }
  }
}
