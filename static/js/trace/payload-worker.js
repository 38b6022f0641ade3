/**
 * A large value beside the page: read by ranges, laid out and searched here, so that the page never waits and never
 * holds more than the rows it shows. Messages in: `{type: "open", url}`, `layout`, `rows`, `find`, `locate`, `copy`.
 */
import { Finder, Layout } from "./payload-layout.js";

const FIRST_BYTES = 256 * 1024;
const NEXT_BYTES = 4 * 2 ** 20;
const SLICE_BYTES = 2 * 2 ** 20;
const MOST_MATCHES = 10_000;
const MOST_COPIED = 8 * 2 ** 20;
const MOST_BYTES = 256 * 2 ** 20;
const QUOTE = 34;

let source = null;
let layout = null;
let finder = null;
let sought = "";
let turn = 0;

const rest = () => new Promise((resolve) => setTimeout(resolve));
const say = (type, more = {}) => postMessage({ type, turn, ...more });

const actions = {
  async open({ url, mode, columns }) {
    turn++;
    const mine = turn;
    source = layout = finder = null;
    try {
      await read(url, mine, { mode, columns });
    } catch (error) {
      if (mine === turn) say("failed", { text: error.message, status: error.status });
    }
  },

  layout({ mode, columns }) {
    if (!source) return;
    layout = new Layout(source, { mode, columns });
    layOut();
  },

  rows({ first, count, id }) {
    if (!layout) {
      say("rows", { id, first, rows: [] });
      return;
    }
    const find = finder && ((from, until) => finder.between(from, until));
    say("rows", { id, first, rows: layout.read(first, count, find) });
  },

  async find({ text }) {
    sought = text;
    // Before the first bytes have come there is nothing to look through; `begin` does it then.
    finder = text && source ? new Finder(source, text, { most: MOST_MATCHES }) : null;
    if (finder) await lookOn();
    else say("found", { count: 0, isFull: false, isDone: !text });
  },

  locate({ match }) {
    if (!finder || match >= finder.starts.length) return;
    const offset = finder.starts[match];
    say("located", { match, offset, row: layout.rowAt(offset) });
  },

  copy() {
    const isTooLarge = source.length > MOST_COPIED || !source.isWhole;
    const lines = isTooLarge ? [] : layout.read(0, layout.count);
    const text = lines.map((row, at) => (row.isRest ? row.text.slice(row.indent) : (at ? "\n" : "") + row.text)).join("");
    say("copied", { text, isTooLarge });
  },
};

onmessage = (event) => actions[event.data.type](event.data);

/** Read the value range by range into one buffer; what has arrived is laid out meanwhile. */
async function read(url, mine, how) {
  let at = 0;
  let tag = null;
  do {
    const stop = at + (at ? NEXT_BYTES : FIRST_BYTES) - 1;
    const response = await fetch(url, { headers: { Range: `bytes=${at}-${stop}`, ...(tag && { "If-Range": tag }) } });
    if (mine !== turn) return;
    if (!response.ok) throw await problemOf(response);
    const part = new Uint8Array(await response.arrayBuffer());
    if (mine !== turn) return;
    // All of it at once: not a value that has ranges, or one that changed meanwhile.
    if (response.status === 200) at = 0;
    const size = response.status === 200 ? part.length : Number(response.headers.get("Content-Range").split("/")[1]);
    if (size > MOST_BYTES) throw new Error("The value is too large for this page; download it");
    if (at === 0) source = { bytes: new Uint8Array(size), length: 0, isWhole: false };
    source.bytes.set(part, at);
    at += part.length;
    source.length = at;
    source.isWhole = at >= size;
    tag = response.headers.get("ETag");
    if (at === part.length) begin({ ...how, size, hash: tag?.replaceAll('"', "") ?? null });
    say("read", { length: at, size });
    layOut();
    if (finder) lookOn();
  } while (!source.isWhole);
}

/** Lay the value out anew; what is a text is shown as what it says, unless the reader wants its JSON. */
function begin({ mode, columns, size, hash }) {
  const isText = source.bytes[0] === QUOTE;
  const used = mode === "text" && !isText ? "pretty" : mode ?? (isText ? "text" : "pretty");
  layout = new Layout(source, { mode: used, columns });
  finder = sought ? new Finder(source, sought, { most: MOST_MATCHES }) : null;
  say("opened", { size, hash, isText, mode: used });
}

async function problemOf(response) {
  const body = await response.json().catch(() => null);
  return Object.assign(new Error(body?.detail ?? `The server answered ${response.status}`), { status: response.status });
}

/** Lay out what has arrived, slice by slice, so that rows are asked for and given in between. */
async function layOut() {
  const mine = layout;
  if (mine.isBusy) return;
  mine.isBusy = true;
  let seen;
  let isMore;
  do {
    seen = source.length;
    isMore = mine.advance(SLICE_BYTES);
    say("laid", { count: mine.count, widest: mine.widest, isDone: mine.isDone });
    await rest();
    // What arrived meanwhile found this loop busy: it is for this loop to go on.
  } while (mine === layout && (isMore || source.length > seen));
  mine.isBusy = false;
}

async function lookOn() {
  const mine = finder;
  if (mine.isBusy) return;
  mine.isBusy = true;
  let seen;
  let isMore;
  do {
    seen = source.length;
    isMore = mine.advance(SLICE_BYTES);
    say("found", { count: mine.starts.length, isFull: mine.isFull, isDone: !isMore && source.isWhole });
    await rest();
  } while (mine === finder && !mine.isFull && (isMore || source.length > seen));
  mine.isBusy = false;
}
