/**
 * What the console holds: lines, gaps and marks in the order in which they came, as many as fit. The rest of the page
 * shows those that pass the toggles.
 */
export const LINE = 0, GAP = 1, MARK = 2;
export const LEVELS = ["trace", "debug", "info", "warn", "error"];
export const STREAMS = ["stdout", "stderr", "log"];

const MOST = 5000;
/** While the reader looks back, what they look at should not go. */
const MOST_LOOKING_BACK = 15_000;
const SLACK = 500;
const MOST_GAPS = 3;

export class Rows {
  constructor() {
    this.hidden = { level: new Set(), stream: new Set() };
    this.clear();
  }

  clear() {
    this.all = [];
    this.shown = [];
    this.gone = 0;
    this.changed = null;
    this.counts = Object.fromEntries([...LEVELS, ...STREAMS].map((name) => [name, 0]));
  }

  get lines() { return this.all.filter((row) => row.type === LINE); }
  get isFiltered() { return this.hidden.level.size + this.hidden.stream.size > 0; }

  /** Whether the toggles let a row through. Gaps and marks are always shown. */
  passes(row) {
    return row.type !== LINE || !(this.hidden.level.has(row.event.level) || this.hidden.stream.has(row.event.stream));
  }

  /** Add rows at the end. A gap right behind one of its cause becomes part of it. */
  add(rows) {
    for (const row of rows) {
      const last = this.all.at(-1);
      if (row.type === GAP && last?.type === GAP && last.notice.cause === row.notice.cause) {
        widen(last.notice, row.notice);
        this.changed = last;
        continue;
      }
      this.all.push(row);
      if (row.type === LINE) this.#count(row, 1);
      if (this.passes(row)) this.shown.push(row);
    }
  }

  /** Return the row that came to tell more since this was asked last. */
  takeChanged() {
    const row = this.changed;
    this.changed = null;
    return row;
  }

  /** Let the oldest go when there are too many. Returns how many of the shown ones went. */
  trim({ isLookingBack }) {
    const most = isLookingBack ? MOST_LOOKING_BACK : MOST;
    if (this.all.length <= most + SLACK) return 0;
    const gone = this.all.splice(0, this.all.length - most);
    let shown = 0;
    for (const row of gone) {
      if (row.type !== LINE) {
        shown += 1;
        continue;
      }
      this.#count(row, -1);
      this.gone += 1;
      if (this.passes(row)) shown += 1;
    }
    this.shown.splice(0, shown);
    return shown;
  }

  /** Choose anew what is shown. */
  refilter() {
    this.shown = this.all.filter((row) => this.passes(row));
  }

  #count({ event }, by) {
    this.counts[event.level] += by;
    this.counts[event.stream] += by;
  }
}

let numbers = 0;

export function makeLine(event) {
  return { type: LINE, key: ++numbers, event, top: 0, height: 0, isOpen: false };
}

/** Lines of a stretch with the gaps in it, each behind the last line before its end; many gaps of a cause become one. */
export function makeStretch(events, gaps) {
  const told = gaps.length > MOST_GAPS ? joinGaps(gaps) : gaps;
  const rows = [];
  let next = 0;
  for (const gap of [...told].sort((one, other) => one.to - other.to)) {
    while (next < events.length && events[next].n <= gap.to) rows.push(makeLine(events[next++]));
    rows.push({ type: GAP, key: ++numbers, notice: { ...gap }, top: 0, height: 0 });
  }
  while (next < events.length) rows.push(makeLine(events[next++]));
  return rows;
}

function joinGaps(gaps) {
  const joined = new Map();
  for (const gap of gaps) {
    const known = joined.get(gap.cause);
    if (known) widen(known, gap);
    else joined.set(gap.cause, { ...gap });
  }
  return [...joined.values()];
}

/** Let one gap tell of another as well. */
export function widen(gap, other) {
  gap.count += other.count;
  gap.from = Math.min(gap.from, other.from);
  gap.to = Math.max(gap.to, other.to);
  if (other.by_level) {
    gap.by_level = { ...gap.by_level };
    for (const [level, count] of Object.entries(other.by_level)) gap.by_level[level] = (gap.by_level[level] ?? 0) + count;
  }
}

/** `say()` is asked whenever the row is drawn: what it tells may still grow. */
export function makeMark(say, { isTrouble = false } = {}) {
  return { type: MARK, key: ++numbers, say, isTrouble, top: 0, height: 0 };
}
