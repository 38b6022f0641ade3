/**
 * Reads a trace's events in windows: first a small one, so that the first rows are there at once, then large ones; and
 * later only what changed.
 */
import { coalesce } from "../live.js";
import { parseMicros } from "./store.js";

const FIRST_WINDOW = 1000;
const NEXT_WINDOW = 10000;
const AROUND_WINDOW = 1000;
const MOST_WITH_PREVIEWS = 2000;
const LIVE_INTERVAL_MS = 250;

export class Reader {
  /** `onTake(events)` hears of every window; `onProblem(text)` of what keeps reading from going on, "" when it does. */
  constructor({ page, onTake, onProgress, onProblem, onRefresh }) {
    Object.assign(this, { page, onTake, onProgress, onProblem, onRefresh });
    this.since = null;
    this.isLoading = false;
    this.isLoaded = false;
    this.hasPreviews = Number(page.urls.eventCount) <= MOST_WITH_PREVIEWS;
    /** Read what is new, soon and not too often. */
    this.refresh = coalesce(() => this.#refresh(), LIVE_INTERVAL_MS);
  }

  /** Start reading, or start over where reading broke off: rows that are there already stay. */
  async load() {
    if (this.isLoaded || this.isLoading) return;
    this.isLoading = true;
    try {
      await this.#loadAll();
      this.onProblem("");
    } catch (error) {
      this.onProgress(false);
      this.onProblem(error.status === 404 ? "This trace has been deleted." : `The events could not be read. ${error.message}. Trying again.`);
    } finally {
      this.isLoading = false;
    }
  }

  /** Read what happened around an event that no window has brought yet. */
  async loadAround(event) {
    if (this.isLoaded || this.page.store.find(event.span_id) >= 0) return;
    const around = await this.#read(null, AROUND_WINDOW, { from: event.started_at, to: new Date(parseMicros(event.started_at) / 1000 + 1).toISOString() });
    this.onTake([...around.items, event]);
  }

  /** Read all events; the next window is under way while one is being shown. */
  async #loadAll() {
    let reading = this.#read(null, FIRST_WINDOW);
    while (reading) {
      const window = await reading;
      this.since ??= window.since;
      reading = window.next_cursor ? this.#read(window.next_cursor, NEXT_WINDOW) : null;
      this.isLoaded = !reading;
      this.onTake(window.items);
      this.onProgress(Boolean(reading));
    }
  }

  async #refresh() {
    try {
      await Promise.all([this.isLoaded ? this.#loadChanges() : this.load(), this.onRefresh()]);
    } catch (error) {
      // The next hint or poll tries again; the live indicator tells of a server that is away.
      if (error.status === 404) this.onProblem("This trace has been deleted.");
    }
  }

  /** Read what changed since the last read. Windows of a change are rare, but a long sleep may need several. */
  async #loadChanges() {
    let cursor = null;
    let next = null;
    do {
      const window = await this.#read(cursor, NEXT_WINDOW, { since: this.since });
      next ??= window.since;
      if (window.items.length) this.onTake(window.items);
      cursor = window.next_cursor;
    } while (cursor);
    this.since = next;
  }

  #read(cursor, limit, more = {}) {
    return this.page.getJson(this.page.urls.eventsUrl, { limit, previews: this.hasPreviews, ...more, ...(cursor && { cursor }) });
  }
}
