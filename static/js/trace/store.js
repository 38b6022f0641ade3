/**
 * A trace's events in columns, and the tree they form.
 *
 * 100,000 events as objects would cost hundreds of megabytes and stall the collector; as typed arrays they cost about
 * ten. An event is known by its index; the tree is linked by indexes; texts that are alike are one. Events whose parent
 * has not arrived hang under a ghost: a stand-in that spans its children and disappears when the parent comes.
 */
import { detailOf, textOf } from "./event-texts.js";

export const KINDS = ["workflow", "agent", "node", "ai", "tool", "http", "db", "side_effect", "event", "span"];
const STATUSES = ["running", "ok", "error", "unset"];
export const RUNNING = 0, OK = 1, ERROR = 2;

const NONE = -1;
const SPAN = KINDS.indexOf("span");
const MOST_SHARED = 20000;

/** Microseconds since the epoch, from an ISO time with up to six decimals or from a number that already is. */
export function parseMicros(value) {
  if (value == null) return NaN;
  if (typeof value === "number") return value;
  const micros = /\.\d{3}(\d{1,3})/.exec(value);
  return Date.parse(value) * 1000 + (micros ? Number(micros[1].padEnd(3, "0")) : 0);
}

export class TraceStore {
  constructor() {
    this.length = 0;
    this.version = 0;
    this.ids = [];
    this.spanIds = [];
    this.parentIds = [];
    this.names = [];
    this.details = [];
    this.messages = [];
    this.texts = [];
    this.shared = new Map();
    this.indexById = new Map();
    this.indexBySpan = new Map();
    this.collapsed = new Set();
    this.kept = null;
    /** Events in order of start; those that came since the last `rebuild` are not among them yet. */
    this.order = new Int32Array(0);
    this.isMoved = false;
    this.openCount = 0;
    this.#allocate(1024);
    this.rebuild();
  }

  /** Take events of the API, new ones and changed ones alike. Returns whether anything differs. */
  add(events) {
    for (const event of events) this.#put(event);
    return events.length > 0;
  }

  /** Put the tree together again, after `add`. */
  rebuild() {
    this.version += 1;
    this.#sort();
    this.#link();
    this.#walk();
    this.show();
  }

  /** List the rows that no collapsed event hides, or only those in `kept`: `rows` in order of display. */
  show() {
    const rows = new Int32Array(this.walk.length);
    let count = 0;
    for (let at = 0; at < this.walk.length;) {
      const index = this.walk[at];
      const isKept = !this.kept || this.kept[index];
      if (isKept) rows[count++] = index;
      at += !isKept || this.isCollapsed(index) ? this.sizes[index] : 1;
    }
    this.rows = rows.subarray(0, count);
    this.rowOf = null;
  }

  /** Show only these events and their ancestors, or everything with null. */
  keepOnly(indexes) {
    this.kept = indexes && new Uint8Array(this.total);
    for (const index of indexes ?? []) {
      for (let at = index; at !== NONE && !this.kept[at]; at = this.parents[at]) this.kept[at] = 1;
    }
    this.show();
  }

  /** Events that have all of some lower-case texts in what they say of themselves, in order of the tree. */
  search(texts) {
    const found = [];
    for (const index of this.walk) {
      if (index < this.length && texts.every((text) => this.#says(index, text))) found.push(index);
    }
    return found;
  }

  #says(index, text) {
    if (this.texts[index].includes(text) || this.spanIds[index].toLowerCase().includes(text)) return true;
    return /^(id:)?\d+$/.test(text) && `id:${this.ids[index]}`.includes(text);
  }

  /** One string for all that are alike: each event comes with copies of its own. */
  #share(text) {
    if (this.shared.size > MOST_SHARED) this.shared.clear();
    const known = this.shared.get(text);
    if (known === undefined) this.shared.set(text, text);
    return known ?? text;
  }

  /** Collapse every event at a depth that has children, and open those above it. */
  openToDepth(depth) {
    this.collapsed.clear();
    for (const index of this.walk) if (this.depths[index] === depth && this.hasChildren(index)) this.collapsed.add(this.spanIds[index]);
    this.show();
  }

  /** The row that shows an event, or -1 when an ancestor hides it. */
  row(index) {
    if (!this.rowOf) {
      this.rowOf = new Int32Array(this.total).fill(NONE);
      this.rows.forEach((event, row) => { this.rowOf[event] = row; });
    }
    return this.rowOf[index] ?? NONE;
  }

  /** Open every ancestor of an event. */
  unfold(index) {
    let isChanged = false;
    for (let at = this.parents[index]; at !== NONE; at = this.parents[at]) isChanged = this.collapsed.delete(this.spanIds[at]) || isChanged;
    if (isChanged) this.show();
  }

  isCollapsed(index) { return this.sizes[index] > 1 && this.collapsed.has(this.spanIds[index]); }
  isGhost(index) { return index >= this.length; }
  hasChildren(index) { return this.sizes[index] > 1; }

  setCollapsed(index, isCollapsed) {
    if (isCollapsed) this.collapsed.add(this.spanIds[index]);
    else this.collapsed.delete(this.spanIds[index]);
    this.show();
  }

  /** Collapse everything that has children, except the roots; or open everything. */
  collapseAll(isCollapsed) {
    this.collapsed.clear();
    if (isCollapsed) {
      for (const index of this.walk) if (this.depths[index] > 0 && this.hasChildren(index)) this.collapsed.add(this.spanIds[index]);
    }
    this.show();
  }

  /** The end of an event as far as is known; a running one reaches to `now`. */
  end(index, now) {
    const end = this.ends[index];
    return Number.isNaN(end) ? Math.max(now, this.starts[index]) : end;
  }

  /** The index of an event by its span id or its number. */
  find(key) {
    return this.indexBySpan.get(String(key)) ?? this.indexById.get(Number(key)) ?? NONE;
  }

  /** As `find`, and also the ghost of a parent that is not here. */
  findShown(spanId) {
    const index = this.find(spanId);
    return index >= 0 ? index : this.spanIds.indexOf(spanId, this.length);
  }

  #put(event) {
    let index = this.indexById.get(event.id);
    const start = parseMicros(event.started_at);
    if (index === undefined) {
      index = this.length++;
      if (index + 1 > this.starts.length) this.#allocate(this.starts.length * 2);
      this.indexById.set(event.id, index);
      if (!this.indexBySpan.has(event.span_id)) this.indexBySpan.set(event.span_id, index);
    } else if (index < this.order.length) {
      if (start !== this.starts[index]) this.isMoved = true;
      if (Number.isNaN(this.ends[index])) this.openCount -= 1;
    }
    this.ids[index] = event.id;
    this.spanIds[index] = event.span_id;
    this.parentIds[index] = event.parent_span_id ? this.#share(event.parent_span_id) : "";
    this.parentIndexes[index] = NONE;
    this.names[index] = this.#share(event.name);
    this.details[index] = this.#share(detailOf(event));
    this.messages[index] = this.#share(event.error_message ?? "");
    this.texts[index] = this.#share(textOf(event));
    this.starts[index] = start;
    this.ends[index] = event.duration_ms == null ? parseMicros(event.ended_at) : start + event.duration_ms * 1000;
    this.kinds[index] = KINDS.includes(event.kind) ? KINDS.indexOf(event.kind) : SPAN;
    this.statuses[index] = STATUSES.includes(event.status) ? STATUSES.indexOf(event.status) : OK;
    this.inferred[index] = event.inferred ? 1 : 0;
    this.tokens[index] = event.total_tokens ?? NaN;
    this.costs[index] = event.cost_micros ?? NaN;
    if (index < this.order.length && Number.isNaN(this.ends[index])) this.openCount += 1;
  }

  #allocate(capacity) {
    const grow = (Type, old) => {
      const next = new Type(capacity);
      if (old) next.set(old.subarray(0, Math.min(old.length, capacity)));
      return next;
    };
    this.starts = grow(Float64Array, this.starts);
    this.ends = grow(Float64Array, this.ends);
    this.kinds = grow(Uint8Array, this.kinds);
    this.statuses = grow(Uint8Array, this.statuses);
    this.inferred = grow(Uint8Array, this.inferred);
    this.tokens = grow(Float64Array, this.tokens);
    this.costs = grow(Float64Array, this.costs);
    this.parentIndexes = grow(Int32Array, this.parentIndexes);
  }

  /** Merge what came since into what was in order; only an event whose start has moved makes all be sorted anew. */
  #sort() {
    const { starts, order } = this;
    const byStart = (a, b) => starts[a] - starts[b] || a - b;
    const came = new Int32Array(this.length - order.length);
    let isInOrder = true;
    for (let at = 0, index = order.length; index < this.length; at++, index++) {
      came[at] = index;
      if (at && starts[index] < starts[index - 1]) isInOrder = false;
      if (Number.isNaN(this.ends[index])) this.openCount += 1;
    }
    if (!isInOrder) came.sort(byStart);
    if (this.isMoved) order.sort(byStart);
    this.isMoved = false;
    if (came.length) this.order = merge(order, came, byStart);
  }

  /** Link children to parents in order of start, with a ghost for every parent that is not here. */
  #link() {
    const ghosts = new Map();
    for (const index of this.order) {
      const parentId = this.parentIds[index];
      // A parent that was found once stays: events never go.
      if (!parentId || this.parentIndexes[index] !== NONE) continue;
      const parent = this.indexBySpan.get(parentId);
      if (parent !== undefined) this.parentIndexes[index] = parent;
      else if (!ghosts.has(parentId)) ghosts.set(parentId, this.length + ghosts.size);
    }
    this.total = this.length + ghosts.size;
    this.ghostCount = ghosts.size;
    while (this.starts.length < this.total) this.#allocate(this.starts.length * 2);
    this.spanIds.length = this.names.length = this.details.length = this.total;
    for (const [parentId, index] of ghosts) this.#placeGhost(index, parentId);

    this.parents = new Int32Array(this.total).fill(NONE);
    this.firstChild = new Int32Array(this.total).fill(NONE);
    this.nextSibling = new Int32Array(this.total).fill(NONE);
    this.lastChild = new Int32Array(this.total).fill(NONE);
    this.roots = [];
    const rooted = new Set();
    const home = this.#findHome();
    for (const index of this.order) {
      const parentId = this.parentIds[index];
      const known = this.parentIndexes[index];
      const parent = known !== NONE ? known : parentId ? ghosts.get(parentId) : this.inferred[index] ? home : NONE;
      if (parent === NONE || parent === index) this.roots.push(index);
      else {
        this.#append(parent, index);
        if (parent >= this.length) {
          if (!rooted.has(parent)) { rooted.add(parent); this.roots.push(parent); }
          this.#stretchGhost(parent, index);
        }
      }
    }
  }

  /** The run's own workflow event: what is inferred to belong to the run hangs below it. */
  #findHome() {
    this.inferredCount = 0;
    let home = NONE;
    let last = -Infinity;
    for (const index of this.order) {
      this.inferredCount += this.inferred[index];
      if (this.ends[index] > last) last = this.ends[index];
      if (home === NONE && !this.inferred[index] && !this.parentIds[index] && KINDS[this.kinds[index]] === "workflow") home = index;
    }
    // The SDK says when a run begins and never when it ends: its bar reaches over what happened in it.
    if (home !== NONE && this.ends[home] === this.starts[home]) this.ends[home] = last;
    return home;
  }

  #placeGhost(index, parentId) {
    this.spanIds[index] = parentId;
    this.names[index] = "Parent not received";
    this.details[index] = parentId;
    this.starts[index] = Infinity;
    this.ends[index] = -Infinity;
    this.kinds[index] = SPAN;
    this.statuses[index] = OK;
    this.inferred[index] = 0;
    this.tokens[index] = this.costs[index] = NaN;
  }

  #stretchGhost(ghost, child) {
    this.starts[ghost] = Math.min(this.starts[ghost], this.starts[child]);
    this.ends[ghost] = Number.isNaN(this.ends[child]) ? NaN : Math.max(this.ends[ghost], this.ends[child]);
  }

  #append(parent, index) {
    this.parents[index] = parent;
    if (this.lastChild[parent] === NONE) this.firstChild[parent] = index;
    else this.nextSibling[this.lastChild[parent]] = index;
    this.lastChild[parent] = index;
  }

  /** Depth first from the roots; what a circle of parents keeps unreachable starts a tree of its own. */
  #walk() {
    this.walk = new Int32Array(this.total);
    this.depths = new Uint16Array(this.total);
    this.sizes = new Int32Array(this.total);
    this.errorsBelow = new Int32Array(this.total);
    this.places = new Int32Array(this.total);
    this.counts = new Int32Array(this.total);
    const isSeen = new Uint8Array(this.total);
    let at = 0;
    for (const root of this.roots) at = this.#descend(root, at, isSeen);
    for (let index = 0; at < this.total && index < this.total; index++) {
      if (isSeen[index]) continue;
      this.parents[index] = NONE;
      at = this.#descend(index, at, isSeen);
    }
    this.#number();
    for (let row = this.total - 1; row >= 0; row--) {
      const index = this.walk[row];
      const parent = this.parents[index];
      if (parent === NONE) continue;
      this.sizes[parent] += this.sizes[index];
      this.errorsBelow[parent] += this.errorsBelow[index] + (this.statuses[index] === ERROR ? 1 : 0);
    }
  }

  /** `places`: which of its siblings an event is, from 1; `counts`: how many children it has. */
  #number() {
    this.rootCount = 0;
    for (const index of this.walk) {
      const parent = this.parents[index];
      this.places[index] = parent === NONE ? ++this.rootCount : ++this.counts[parent];
    }
  }

  /** How many siblings an event is one of, itself included. */
  siblingCount(index) {
    const parent = this.parents[index];
    return parent === NONE ? this.rootCount : this.counts[parent];
  }

  #descend(root, at, isSeen) {
    let index = root;
    while (index !== NONE) {
      isSeen[index] = 1;
      this.walk[at++] = index;
      this.sizes[index] = 1;
      const parent = this.parents[index];
      this.depths[index] = parent === NONE ? 0 : this.depths[parent] + 1;
      let next = this.#unseen(this.firstChild[index], isSeen);
      while (next === NONE && index !== root) {
        next = this.#unseen(this.nextSibling[index], isSeen);
        if (next === NONE) index = this.parents[index];
      }
      index = next;
    }
    return at;
  }

  #unseen(sibling, isSeen) {
    let next = sibling;
    while (next !== NONE && isSeen[next]) next = this.nextSibling[next];
    return next;
  }
}

/** Two sorted lists of indexes as one. */
function merge(left, right, compare) {
  if (!left.length || !right.length) return left.length ? left : right;
  const merged = new Int32Array(left.length + right.length);
  // What comes in order, as the windows of a reader do, is copied as a whole.
  if (compare(left[left.length - 1], right[0]) < 0) {
    merged.set(left);
    merged.set(right, left.length);
    return merged;
  }
  for (let at = 0, one = 0, other = 0; at < merged.length; at++) {
    if (other >= right.length || (one < left.length && compare(left[one], right[other]) < 0)) merged[at] = left[one++];
    else merged[at] = right[other++];
  }
  return merged;
}
