/**
 * The rows as a list that grows at its end and loses its oldest, with only what is visible in the document.
 *
 * Each row keeps its place for as long as it is there: what comes or goes moves no other row, only the sheet that they
 * lie on. Heights are known before rows are drawn, but for opened ones, which are measured when they are.
 */
const OVERSCAN = 6;
/** Browsers lay nothing out beyond some 33 million pixels. */
const FARTHEST = 4_000_000;

export class LineList {
  /** `create()` makes an empty row; `fill(element, row)` shows one; `heightOf(row)` is known; `onScroll()` hears of it. */
  constructor({ scroller, space, create, fill, heightOf, onScroll, onResize }) {
    Object.assign(this, { scroller, space, create, fill, heightOf });
    this.rows = [];
    this.base = this.end = this.origin = 0;
    this.laid = 0;
    this.elements = new Map();
    this.free = [];
    this.frame = 0;
    this.isFollowing = true;
    this.viewHeight = scroller.clientHeight;
    scroller.addEventListener("scroll", () => {
      this.#schedule();
      onScroll();
    }, { passive: true });
    new ResizeObserver(() => {
      this.viewHeight = scroller.clientHeight;
      onResize();
      this.#schedule();
    }).observe(scroller);
  }

  /** Show other rows, or the same at other heights. What is looked at stays where it is. */
  setRows(rows) {
    const anchor = this.isFollowing ? null : this.rows[this.first];
    const shift = anchor ? this.scroller.scrollTop + this.base - anchor.top : 0;
    this.rows = rows;
    this.base = this.origin = 0;
    this.#layOut(0);
    if (anchor) {
      const at = rows.includes(anchor) ? anchor : rows.find((row) => row.key > anchor.key) ?? rows.at(-1);
      if (at) this.scroller.scrollTop = at.top + (at === anchor ? shift : 0);
    }
    this.refresh();
  }

  /** Rows were added at the end, and `dropped` taken from the beginning. */
  grow(dropped = 0) {
    if (dropped) this.#drop(dropped);
    this.#layOut(this.laid);
    this.draw();
  }

  /** Fill what is visible again. */
  refresh() {
    for (const element of this.elements.values()) this.#release(element);
    this.elements.clear();
    this.draw();
  }

  get first() { return this.#indexAt(this.scroller.scrollTop + this.base); }
  get isAtEnd() { return this.scroller.scrollTop + this.viewHeight >= this.end - this.base - 8; }
  get pageSize() { return Math.max(1, this.#indexAt(this.scroller.scrollTop + this.base + this.viewHeight) - this.first - 1); }

  reveal(index) {
    const row = this.rows[index];
    const top = row.top - this.base;
    const { scroller } = this;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + row.height > scroller.scrollTop + this.viewHeight) scroller.scrollTop = top + Math.min(row.height, this.viewHeight) - this.viewHeight;
    this.draw();
  }

  /** A row is opened, closed, or otherwise of another height. */
  changed(row) {
    this.#layOut(this.rows.indexOf(row));
    for (const [one, element] of this.elements) this.#place(element, one);
    this.draw();
  }

  elementOf(row) {
    return this.elements.get(row);
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.isFollowing) this.scroller.scrollTop = this.end - this.base;
    const top = this.base + (this.isFollowing ? Math.max(0, this.end - this.base - this.viewHeight) : this.scroller.scrollTop);
    const first = Math.max(0, this.#indexAt(top) - OVERSCAN);
    const last = Math.min(this.rows.length - 1, this.#indexAt(top + this.viewHeight) + OVERSCAN);
    const [from, until] = [this.rows[first]?.top ?? 0, this.rows[last]?.top ?? -1];
    for (const [row, element] of this.elements) {
      if (row.top >= from && row.top <= until && this.rows.length) continue;
      this.elements.delete(row);
      this.#release(element);
    }
    const measured = [];
    // In the document they stand in the order of their rows: so they are read, and selected.
    let next = this.space.firstChild;
    for (let index = first; index <= last; index++) {
      const row = this.rows[index];
      let element = this.elements.get(row);
      if (!element) {
        element = this.free.pop() ?? this.create();
        this.elements.set(row, element);
        this.fill(element, row);
        this.#place(element, row);
        element.hidden = false;
        if (row.isOpen) measured.push([row, element]);
      }
      if (element === next) next = element.nextSibling;
      else this.space.insertBefore(element, next);
    }
    for (const [row, element] of measured) this.#measure(row, element);
  }

  #measure(row, element) {
    const height = element.lastElementChild.offsetHeight;
    if (height === row.openHeight) return;
    row.openHeight = height;
    this.changed(row);
  }

  #drop(count) {
    const base = this.laid > count && this.rows.length ? this.rows[0].top : this.end;
    const height = base - this.base;
    this.laid = Math.max(0, this.laid - count);
    this.base = base;
    if (this.base - this.origin > FARTHEST) {
      this.origin = this.base;
      for (const [row, element] of this.elements) this.#place(element, row);
    }
    if (!this.isFollowing) this.scroller.scrollTop = Math.max(0, this.scroller.scrollTop - height);
    this.#size();
  }

  #layOut(from) {
    const { rows } = this;
    let top = from > 0 ? rows[from - 1].top + rows[from - 1].height : this.base;
    for (let index = Math.max(0, from); index < rows.length; index++) {
      const row = rows[index];
      row.top = top;
      row.height = this.heightOf(row);
      top += row.height;
    }
    this.laid = rows.length;
    this.end = top;
    this.#size();
  }

  #size() {
    this.space.style.transform = this.base === this.origin ? "" : `translateY(${this.origin - this.base}px)`;
    this.space.parentElement.style.height = `${this.end - this.base}px`;
  }

  #place(element, row) {
    element.style.top = `${row.top - this.origin}px`;
    element.style.height = `${row.height}px`;
  }

  #release(element) {
    element.hidden = true;
    this.free.push(element);
  }

  #indexAt(top) {
    let low = 0;
    let high = Math.max(0, this.rows.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle].top <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #schedule() {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }
}
