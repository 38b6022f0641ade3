/**
 * What follows from the times of a trace's events: where time went, and what it waited for. Pure; `now` is the end of
 * what still runs.
 */
import { ERROR } from "./store.js";

/** Times are rounded to microseconds on their way: this much overlap is none. */
const ROUNDING = 1;

/**
 * The chain of events that determines how long the trace took: index to a flat list of stretches [from, to, from, to…].
 *
 * Walked backwards from the end: the child that ended last is what its parent waited for; before that child began, the
 * one that ended last by then; what lies between is the parent's own. A parallel child that ended earlier held nobody
 * up. Children are taken only as far as they lie within their parent. O(n log n).
 */
export function findCriticalPath(store, now) {
  const path = new Map();
  const isSeen = new Uint8Array(store.total);
  const roots = Array.from(store.walk).filter((index) => store.parents[index] < 0);
  const stack = [];
  const add = (index, from, to) => {
    if (index < 0 || to <= from) return;
    const known = path.get(index);
    if (!known) path.set(index, [from, to]);
    else if (known[known.length - 2] === to) known[known.length - 2] = from;
    else known.push(from, to);
  };
  const waitFor = (owner, children, from, to) => {
    let cursor = to;
    for (const { index, start, end } of lastFirst(store, children, { from, to, now })) {
      if (end > cursor + ROUNDING || isSeen[index]) continue;
      add(owner, Math.min(end, cursor), cursor);
      isSeen[index] = 1;
      stack.push([index, start, Math.min(end, cursor)]);
      cursor = start;
    }
    add(owner, from, cursor);
  };
  waitFor(-1, roots, -Infinity, Infinity);
  while (stack.length) {
    const [index, from, to] = stack.pop();
    waitFor(index, childrenOf(store, index), from, to);
  }
  return path;
}

function lastFirst(store, children, { from, to, now }) {
  const found = [];
  for (const index of children) {
    const start = Math.max(store.starts[index], from);
    const end = Math.min(store.end(index, now), to);
    if (end > start) found.push({ index, start, end });
  }
  return found.sort((a, b) => b.end - a.end || a.start - b.start || a.index - b.index);
}

function* childrenOf(store, index) {
  for (let child = store.firstChild[index]; child >= 0; child = store.nextSibling[child]) yield child;
}

/**
 * The stretches of an event in which none of its children ran, flat as above, with their sum: its self time.
 * Linear in its children, which the store keeps in order of start.
 */
export function findSelfTime(store, index, now) {
  const from = store.starts[index];
  const to = store.end(index, now);
  const stretches = [];
  let sum = 0;
  let cursor = from;
  const add = (end) => {
    if (end <= cursor) return;
    stretches.push(cursor, end);
    sum += end - cursor;
  };
  for (const child of childrenOf(store, index)) {
    const start = store.starts[child];
    if (start >= to) break;
    add(start);
    cursor = Math.max(cursor, Math.min(store.end(child, now), to));
  }
  add(to);
  return { stretches, sum };
}

/** All moments at which something starts or ends, in order; of errors only where they failed. */
export function listBoundaries(store, { isErrorsOnly = false } = {}) {
  const found = [];
  for (let index = 0; index < store.length; index++) {
    if (isErrorsOnly) {
      if (store.statuses[index] === ERROR) found.push(Number.isNaN(store.ends[index]) ? store.starts[index] : store.ends[index]);
      continue;
    }
    found.push(store.starts[index]);
    if (!Number.isNaN(store.ends[index])) found.push(store.ends[index]);
  }
  return Float64Array.from(found).sort();
}

/** The boundary next to a moment: after it for a positive step, else before it; undefined at the end. */
export function nextBoundary(boundaries, at, step) {
  let low = 0;
  let high = boundaries.length;
  const isBefore = step > 0 ? (value) => value <= at : (value) => value < at;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(boundaries[middle])) low = middle + 1;
    else high = middle;
  }
  return boundaries[step > 0 ? low : low - 1];
}

/** Events that had begun and not ended at a moment, in order of the tree. */
export function listOpenAt(store, at) {
  const found = [];
  for (const index of store.walk) {
    if (index >= store.length || store.starts[index] > at) continue;
    if (Number.isNaN(store.ends[index]) || store.ends[index] > at) found.push(index);
  }
  return found;
}

/** How many errors had happened by a moment. */
export function countErrorsBy(store, at) {
  let count = 0;
  for (let index = 0; index < store.length; index++) {
    if (store.statuses[index] === ERROR && (Number.isNaN(store.ends[index]) ? store.starts[index] : store.ends[index]) <= at) count += 1;
  }
  return count;
}
