/**
 * What outlives a reload: in this tab, which session it looks through, where it is and its last lines; in this browser,
 * which sessions have a tab at all, so that those of closed tabs can be given up when there are too many.
 */
import { call } from "./api.js";

const HERE = "playhead.debug.";
const OPEN = "playhead.debug-sessions";
const ALIVE_MS = 5000;
const DEAD_MS = 20_000;
const MOST_ROWS = 1000;
const MOST_CHARACTERS = 1_500_000;

function read(storage, key, usual) {
  try {
    return JSON.parse(storage.getItem(key)) ?? usual;
  } catch {
    return usual;
  }
}

function write(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export class Keeper {
  /** `target` parts what a tab looked at before from what it looks at now. */
  constructor(target) {
    this.key = HERE + target;
    this.timer = 0;
  }

  /** What this tab looked through when it was here last: `{ session, after, rows }`, or null. */
  recall() {
    return read(sessionStorage, this.key, null);
  }

  /** Keep the newest rows as far as there is room; the rest is kept in any case. */
  keep({ session, after, rows }) {
    for (let count = Math.min(rows.length, MOST_ROWS); ; count = count >> 1) {
      const kept = { session, after, rows: count ? rows.slice(-count) : [] };
      if (count && JSON.stringify(kept).length > MOST_CHARACTERS) continue;
      if (write(sessionStorage, this.key, kept) || !count) return;
    }
  }

  forget() {
    sessionStorage.removeItem(this.key);
  }

  /** Say again and again that a session has a tab. Returns what ends it. */
  stayAlive(url) {
    const say = () => write(localStorage, OPEN, { ...read(localStorage, OPEN, {}), [url]: Date.now() });
    say();
    clearInterval(this.timer);
    this.timer = setInterval(say, ALIVE_MS);
  }

  /** A session is over: nobody needs to give it up. */
  letGo(url) {
    clearInterval(this.timer);
    const open = read(localStorage, OPEN, {});
    delete open[url];
    write(localStorage, OPEN, open);
  }

  /** Close what this tab looked at under other addresses: it does not any more. */
  async leaveOthers() {
    const others = Object.keys(sessionStorage).filter((key) => key.startsWith(HERE) && key !== this.key);
    for (const key of others) {
      const url = read(sessionStorage, key, null)?.session?.url;
      sessionStorage.removeItem(key);
      if (url) await this.#close(url);
    }
  }

  /** Close the sessions whose tabs are gone. Returns how many there were. */
  async closeDead() {
    const open = read(localStorage, OPEN, {});
    const dead = Object.keys(open).filter((url) => Date.now() - open[url] > DEAD_MS);
    for (const url of dead) await this.#close(url);
    return dead.length;
  }

  async #close(url) {
    await call("DELETE", url);
    this.letGo(url);
  }
}

/** Nothing of what was watched stays behind for whoever uses the tab next. */
export function forgetAll() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(HERE)) sessionStorage.removeItem(key);
}
