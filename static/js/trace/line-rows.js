/**
 * A list of any length whose rows have heights of their own, known before they are drawn. Only what is visible is in
 * the document. Rows are recycled, and what is looked at stays where it is when rows come in above.
 */
const OVERSCAN = 8;

export class LineRows {
  /** `create()` makes an empty row; `fill(row, index)` shows an entry; `onScroll()` hears of every scroll. */
  constructor({ scroller, space, create, fill, onScroll }) {
    Object.assign(this, { scroller, space, create, fill });
    this.count = 0;
    this.tops = new Float64Array(1);
    this.rows = new Map();
    this.free = [];
    this.frame = 0;
    scroller.addEventListener("scroll", () => {
      this.#schedule();
      onScroll();
    }, { passive: true });
    new ResizeObserver(() => this.#schedule()).observe(scroller);
  }

  /** Set how many rows there are and how high each is; `anchor` is the old and new index of one that must not move. */
  setRows(count, heightOf, anchor = null) {
    const shift = anchor ? this.scroller.scrollTop - this.tops[anchor[0]] : 0;
    this.count = count;
    this.tops = new Float64Array(count + 1);
    for (let index = 0; index < count; index++) this.tops[index + 1] = this.tops[index] + heightOf(index);
    this.space.style.height = `${this.tops[count]}px`;
    if (anchor) this.scroller.scrollTop = this.tops[anchor[1]] + shift;
    this.refresh();
  }

  refresh() {
    for (const row of this.rows.values()) this.#release(row);
    this.rows.clear();
    this.#draw();
  }

  get height() { return this.tops[this.count]; }
  get first() { return this.#indexAt(this.scroller.scrollTop); }
  get isAtEnd() { return this.scroller.scrollTop + this.scroller.clientHeight >= this.scroller.scrollHeight - 8; }

  get pageSize() {
    return Math.max(1, this.#indexAt(this.scroller.scrollTop + this.scroller.clientHeight) - this.first - 1);
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#draw();
  }

  reveal(index) {
    const { scroller, tops } = this;
    if (tops[index] < scroller.scrollTop) scroller.scrollTop = tops[index];
    else if (tops[index + 1] > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = tops[index + 1] - scroller.clientHeight;
    this.#draw();
  }

  #indexAt(top) {
    let low = 0;
    let high = Math.max(0, this.count - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  #release(row) {
    row.hidden = true;
    this.free.push(row);
  }

  #draw() {
    const first = Math.max(0, this.first - OVERSCAN);
    const last = Math.min(this.count - 1, this.#indexAt(this.scroller.scrollTop + this.scroller.clientHeight) + OVERSCAN);
    for (const [index, row] of this.rows) {
      if (index >= first && index <= last) continue;
      this.rows.delete(index);
      this.#release(row);
    }
    for (let index = first; index <= last; index++) {
      if (this.rows.has(index)) continue;
      const row = this.free.pop() ?? this.space.appendChild(this.create());
      row.hidden = false;
      row.style.top = `${this.tops[index]}px`;
      row.style.height = `${this.tops[index + 1] - this.tops[index]}px`;
      this.rows.set(index, row);
      this.fill(row, index);
    }
  }
}
