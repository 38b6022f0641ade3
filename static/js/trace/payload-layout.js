/**
 * JSON text laid out in rows of one height, from its bytes, without ever holding the rows.
 *
 * A row is known by where it begins and in which state: every 256th is remembered, the others are laid out again from
 * the one before when they are shown. So a value of 64 MiB costs its bytes and a few megabytes beside them. A row is a
 * line, or a piece of one that is wider than `columns`: nothing is cut off.
 */

const EVERY = 256;
const INDENT = 2;
const MOST_INDENT = 40;
const TAB = 9, NEWLINE = 10, RETURN = 13, SPACE = 32, QUOTE = 34, COMMA = 44, COLON = 58, BACKSLASH = 92;
const OPEN_LIST = 91, CLOSE_LIST = 93, OPEN_OBJECT = 123, CLOSE_OBJECT = 125;
const UNICODE_ESCAPE = 6;
const PLAIN_ESCAPES = { 34: 34, 92: 92, 47: 47, 98: 32, 102: 32, 110: NEWLINE, 114: 32, 116: TAB };

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const isSpace = (byte) => byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB;

/** One row being laid out: its bytes, and where in the value each of them stands. */
class Row {
  constructor() {
    this.bytes = new Uint8Array(16 * 1024);
    this.from = new Float64Array(16 * 1024);
    this.clear(0);
  }

  clear(indent) {
    this.length = 0;
    this.width = indent;
  }

  /** Take a byte; what continues a character takes no column, and wide characters take two. */
  put(byte, from) {
    if (this.length < this.bytes.length) {
      this.bytes[this.length] = byte;
      this.from[this.length++] = from;
    }
    if ((byte & 0xc0) !== 0x80) this.width += byte >= 0xe3 ? 2 : 1;
  }
}

export class Layout {
  /** `source` has `bytes`, the `length` of them that have arrived, and `isWhole`. */
  constructor(source, { mode, columns }) {
    Object.assign(this, { source, mode, columns });
    this.row = new Row();
    this.state = { at: 0, depth: 0, isText: false, isEscaped: false, line: 1, isRest: false };
    if (mode === "text") this.state.at = 1;
    this.marks = [{ ...this.state }];
    this.count = 0;
    this.widest = 0;
  }

  get isDone() {
    return this.source.isWhole && this.state.at >= this.source.length;
  }

  /** Lay out what has arrived, for at most so many bytes; returns whether there is more to lay out now. */
  advance(most) {
    const until = this.state.at + most;
    while (this.state.at < until) {
      const before = { ...this.state };
      if (!this.#lay(this.state)) {
        Object.assign(this.state, before);
        return false;
      }
      this.count++;
      if (this.row.width > this.widest) this.widest = this.row.width;
      if (this.count % EVERY === 0) this.marks.push({ ...this.state });
    }
    return this.state.at < this.source.length;
  }

  /** Return rows as `{line, isRest, isText, indent, text, ranges}`, `isText` where one goes on with a JSON text; `find` says which bytes from an offset on are a match. */
  read(first, count, find = null) {
    const found = [];
    const state = { ...this.marks[Math.floor(first / EVERY)] };
    const last = Math.min(this.count, first + count);
    for (let index = Math.floor(first / EVERY) * EVERY; index < last; index++) {
      const { line, isRest, isText } = state;
      this.#lay(state);
      if (index >= first) found.push({ line, isRest, isText, indent: this.indent, text: this.#textOf(), ranges: find ? this.#marked(find) : [] });
    }
    return found;
  }

  /** The row that holds the byte at an offset. */
  rowAt(offset) {
    let low = 0;
    let high = this.marks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.marks[middle].at <= offset) low = middle;
      else high = middle - 1;
    }
    const state = { ...this.marks[low] };
    let index = low * EVERY;
    for (; index < this.count - 1; index++) {
      this.#lay(state);
      if (state.at > offset) break;
    }
    return Math.max(0, index);
  }

  /** Lay out one row into `row` and move the state past it; false where its end has not arrived. */
  #lay(state) {
    const { source, row } = this;
    if (state.at >= source.length && !(this.count === 0 && source.isWhole)) return false;
    const isWhole = this.mode === "pretty" ? this.#layPretty(state) : this.mode === "text" ? this.#layText(state) : this.#layRaw(state);
    return isWhole || source.isWhole || row.width >= this.columns;
  }

  #begin(state) {
    const depth = this.mode === "pretty" ? state.depth + (state.isRest ? 1 : 0) : 0;
    this.indent = Math.min(depth * INDENT, MOST_INDENT, Math.floor(this.columns / 2));
    this.row.clear(this.indent);
  }

  /** End the row: `isRest` says that its line goes on in the next. */
  #end(state, isRest) {
    state.isRest = isRest;
    if (!isRest) state.line++;
    return true;
  }

  #isFull(state) {
    // A character is not cut in two: what continues it still belongs to this row.
    return this.row.width >= this.columns && (this.source.bytes[state.at] & 0xc0) !== 0x80;
  }

  #layRaw(state) {
    const { bytes, length } = this.source;
    this.#begin(state);
    while (state.at < length) {
      if (this.#isFull(state)) return this.#end(state, true);
      const byte = bytes[state.at++];
      if (byte === NEWLINE) return this.#end(state, false);
      if (byte !== RETURN) this.row.put(byte === TAB ? SPACE : byte, state.at - 1);
    }
    return this.#end(state, false) && this.source.isWhole;
  }

  /** A JSON text as what it says: escapes resolved, its own line breaks. */
  #layText(state) {
    const { bytes, length, isWhole } = this.source;
    const stop = isWhole ? length - 1 : length - UNICODE_ESCAPE * 2;
    this.#begin(state);
    while (state.at < stop) {
      if (this.#isFull(state)) return this.#end(state, true);
      const from = state.at;
      const byte = bytes[state.at++];
      if (byte !== BACKSLASH) {
        this.row.put(byte, from);
        continue;
      }
      const escaped = bytes[state.at++];
      const plain = PLAIN_ESCAPES[escaped];
      if (plain === NEWLINE) return this.#end(state, false);
      if (plain !== undefined) this.row.put(plain === TAB ? SPACE : plain, from);
      else this.#putUnicode(state, from);
    }
    if (isWhole) state.at = length;
    return this.#end(state, false) && isWhole;
  }

  #putUnicode(state, from) {
    const read = (at) => parseInt(String.fromCharCode(...this.source.bytes.subarray(at, at + 4)), 16);
    let units = [read(state.at)];
    state.at += 4;
    if (units[0] >= 0xd800 && units[0] < 0xdc00 && this.source.bytes[state.at] === BACKSLASH) {
      units = [units[0], read(state.at + 2)];
      state.at += UNICODE_ESCAPE;
    }
    for (const byte of encoder.encode(String.fromCharCode(...units))) this.row.put(byte, from);
  }

  #layPretty(state) {
    const { bytes, length, isWhole } = this.source;
    const { row } = this;
    let isBegun = state.isRest;
    if (!isBegun) {
      while (state.at < length && !state.isText && isSpace(bytes[state.at])) state.at++;
      const byte = bytes[state.at];
      if (state.at < length && (byte === CLOSE_LIST || byte === CLOSE_OBJECT)) state.depth = Math.max(0, state.depth - 1);
    }
    this.#begin(state);
    while (state.at < length) {
      if (this.#isFull(state)) return this.#end(state, true);
      const from = state.at;
      const byte = bytes[state.at++];
      if (state.isText) {
        row.put(byte, from);
        if (state.isEscaped) state.isEscaped = false;
        else if (byte === BACKSLASH) state.isEscaped = true;
        else if (byte === QUOTE) state.isText = false;
      } else if (isSpace(byte)) continue;
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
        row.put(byte, from);
        const next = this.#skipSpace(state.at);
        if (next >= length && !isWhole) return false;
        if (bytes[next] !== (byte === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT)) {
          state.depth++;
          return this.#end(state, false);
        }
        row.put(bytes[next], next);
        state.at = next + 1;
      } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        if (isBegun) {
          state.at = from;
          return this.#end(state, false);
        }
        row.put(byte, from);
      } else {
        row.put(byte, from);
        if (byte === QUOTE) state.isText = true;
        else if (byte === COLON) row.put(SPACE, from);
        else if (byte === COMMA) {
          state.at = this.#skipSpace(state.at);
          return this.#end(state, false);
        }
      }
      isBegun = true;
    }
    return this.#end(state, false) && isWhole;
  }

  #skipSpace(at) {
    const { bytes, length } = this.source;
    let next = at;
    while (next < length && isSpace(bytes[next])) next++;
    return next;
  }

  #textOf() {
    return " ".repeat(this.indent) + decoder.decode(this.row.bytes.subarray(0, this.row.length));
  }

  /** Return `[from, until]` in characters of the row's text for each run of its bytes that `find` knows. */
  #marked(find) {
    const { row } = this;
    const ranges = [];
    if (!row.length) return ranges;
    const length = (end) => this.indent + decoder.decode(row.bytes.subarray(0, end)).length;
    for (const [start, stop] of find(row.from[0], row.from[row.length - 1] + 1)) {
      let first = 0;
      while (first < row.length && row.from[first] < start) first++;
      let last = first;
      while (last < row.length && row.from[last] < stop) last++;
      if (last > first) ranges.push([length(first), length(last), start]);
    }
    return ranges;
  }
}

/** Find a text in bytes, either case of its ASCII letters, however the JSON spells it. Offsets of at most `most`. */
export class Finder {
  constructor(source, text, { most }) {
    this.source = source;
    this.most = most;
    const escaped = JSON.stringify(text).slice(1, -1);
    const ascii = escaped.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    this.patterns = [...new Set([text, escaped, ascii])].map((form) => encoder.encode(form.toLowerCase()));
    this.longest = Math.max(...this.patterns.map((pattern) => pattern.length));
    // Nearly every byte begins no match: a look at this table is all that it costs.
    this.begins = new Uint8Array(256).map((_, byte) => Number(this.patterns.some((pattern) => pattern[0] === fold(byte))));
    this.starts = [];
    this.stops = [];
    this.at = 0;
  }

  get isFull() {
    return this.starts.length >= this.most;
  }

  /** Look through at most so many bytes; returns whether there is more to look through now. */
  advance(budget) {
    const { source, begins } = this;
    const { bytes } = source;
    const limit = source.isWhole ? source.length : source.length - this.longest;
    const until = Math.min(limit, this.at + budget);
    while (!this.isFull) {
      let next = this.at;
      while (next < until && !begins[bytes[next]]) next++;
      this.at = Math.max(this.at, next);
      if (next >= until) break;
      const length = this.#matchAt(this.at);
      if (length) {
        this.starts.push(this.at);
        this.stops.push(this.at + length);
      }
      this.at += length || 1;
    }
    return !this.isFull && this.at < limit;
  }

  #matchAt(at) {
    const { bytes, length } = this.source;
    const first = fold(bytes[at]);
    for (const pattern of this.patterns) {
      if (first !== pattern[0] || at + pattern.length > length) continue;
      let index = 1;
      while (index < pattern.length && fold(bytes[at + index]) === pattern[index]) index++;
      if (index === pattern.length) return index;
    }
    return 0;
  }

  /** Return the matches that overlap the bytes from `from` up to `until`. */
  between(from, until) {
    let low = 0;
    let high = this.stops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.stops[middle] <= from) low = middle + 1;
      else high = middle;
    }
    const found = [];
    for (let index = low; index < this.starts.length && this.starts[index] < until; index++) found.push([this.starts[index], this.stops[index]]);
    return found;
  }
}

const fold = (byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte);
