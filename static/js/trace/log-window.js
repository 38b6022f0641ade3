/**
 * A window on a trace's log records: at most 100,000 of them, read in blocks from either end as the reader gets there.
 * Blocks at the far end are given back when there are too many, and read again when they are wanted.
 *
 * A cursor names the last row of the block that was read, so where a block is given back on the side from which it was
 * not read, that one row is kept: the next read goes on after it.
 */
import { request } from "../request.js";
import { parseMicros } from "./store.js";

const BLOCK = 5000;
const MOST_BLOCKS = 20;

export class LogWindow {
  constructor({ page }) {
    this.page = page;
    this.filters = {};
    this.turn = 0;
    this.clear();
  }

  clear() {
    this.turn++;
    this.blocks = [];
    this.ids = new Set();
    this.since = null;
    this.isRead = false;
    this.missed = 0;
    this.older = this.newer = null;
    this.reading = null;
  }

  get records() {
    return this.blocks.flatMap((block) => block.records);
  }

  get length() {
    return this.blocks.reduce((sum, block) => sum + block.records.length, 0);
  }

  /** Read anew, from the newest back or from the oldest on. */
  async restart({ isFromEnd }) {
    this.clear();
    await (isFromEnd ? this.readOlder() : this.readNewer());
  }

  readOlder() {
    return this.#once(async () => {
      if (this.isRead && !this.older) return;
      const found = await this.#get({ order: "newest", ...(this.older && { cursor: this.older }) });
      if (!found) return;
      this.#take(found.items.reverse(), { isFront: true, isBackwards: true, cursor: found.next_cursor });
      this.older = found.next_cursor;
      if (this.blocks.length > MOST_BLOCKS) this.#dropNewest();
    });
  }

  readNewer() {
    return this.#once(async () => {
      if (this.isRead && !this.newer) return;
      const found = await this.#get(this.newer ? { cursor: this.newer } : {});
      if (!found) return;
      this.#take(found.items, { isFront: false, isBackwards: false, cursor: found.next_cursor });
      this.newer = found.next_cursor;
      if (this.blocks.length > MOST_BLOCKS) this.#dropOldest();
    });
  }

  /** Read what came since the last read; returns how many records are new to the window. */
  async readChanges() {
    if (!this.isRead) return 0;
    let count = 0;
    await this.#once(async () => {
      const since = this.since;
      let cursor = null;
      do {
        const found = await this.#get({ since, ...(cursor && { cursor }) });
        if (!found) return;
        cursor = found.next_cursor;
        count += this.#insert(found.items);
      } while (cursor);
    });
    return count;
  }

  /** One read at a time; a read that is under way is waited for. */
  async #once(read) {
    const mine = this.turn;
    while (this.reading) await this.reading;
    if (mine !== this.turn) return;
    this.reading = read().finally(() => { this.reading = null; });
    await this.reading;
  }

  async #get(parameters) {
    const mine = this.turn;
    const query = new URLSearchParams({ project: this.page.urls.project, limit: BLOCK });
    for (const [name, value] of Object.entries({ ...this.filters, ...parameters })) for (const one of [value].flat()) query.append(name, one);
    const response = await request(`${this.page.urls.logsUrl}?${query}`, { headers: { Accept: "application/json" } });
    const body = await response.json();
    if (!response.ok) throw Object.assign(new Error(body.detail ?? `The server answered ${response.status}`), { status: response.status });
    if (mine !== this.turn) return null;
    if (!("cursor" in parameters)) this.since = Math.max(this.since ?? 0, body.since);
    this.isRead = true;
    return body;
  }

  #fresh(items) {
    const found = items.filter((item) => !this.ids.has(item.id));
    for (const item of found) {
      this.ids.add(item.id);
      item.at = parseMicros(item.logged_at);
    }
    return found;
  }

  #take(items, { isFront, isBackwards, cursor }) {
    const records = this.#fresh(items);
    if (records.length) this.blocks[isFront ? "unshift" : "push"]({ records, isBackwards, cursor });
  }

  /** Put records that came late where they belong, as far as the window reaches. */
  #insert(items) {
    const first = this.older ? this.blocks[0]?.records[0]?.at ?? -Infinity : -Infinity;
    const last = this.newer ? this.blocks.at(-1)?.records.at(-1)?.at ?? Infinity : Infinity;
    const within = items.filter((item) => parseMicros(item.logged_at) >= first && parseMicros(item.logged_at) <= last);
    this.missed += items.length - within.length;
    const records = this.#fresh(within);
    if (!records.length) return 0;
    let block = this.blocks.at(-1);
    if (!block || block.records.length >= BLOCK) this.blocks.push(block = { records: [], isBackwards: false, cursor: null });
    const isOrdered = !block.records.length || records[0].at >= block.records.at(-1).at;
    block.records.push(...records);
    if (!isOrdered) this.#sortAll();
    if (this.blocks.length > MOST_BLOCKS) this.#dropOldest();
    return records.length;
  }

  #sortAll() {
    const sorted = this.records.sort((a, b) => a.at - b.at || a.id - b.id);
    let at = 0;
    for (const block of this.blocks) {
      block.records = sorted.slice(at, at + block.records.length);
      at += block.records.length;
    }
  }

  #dropOldest() {
    const dropped = this.blocks[0];
    if (!dropped.isBackwards && !dropped.cursor) return;
    this.blocks.shift();
    if (!dropped.isBackwards) this.older = this.#keepEdge(dropped, dropped.records.at(-1), 0, "unshift");
    else {
      this.older = this.blocks[0].cursor ?? dropped.cursor;
      this.#forget(dropped.records);
    }
  }

  #dropNewest() {
    const dropped = this.blocks.at(-1);
    if (dropped.isBackwards && !dropped.cursor) return;
    this.blocks.pop();
    if (dropped.isBackwards) this.newer = this.#keepEdge(dropped, dropped.records[0], -1, "push");
    else {
      this.newer = this.blocks.at(-1).cursor;
      this.#forget(dropped.records);
    }
  }

  #keepEdge(dropped, edge, at, put) {
    this.#forget(dropped.records.filter((record) => record !== edge));
    this.blocks.at(at).records[put](edge);
    return dropped.cursor;
  }

  #forget(records) {
    for (const record of records) this.ids.delete(record.id);
  }
}
