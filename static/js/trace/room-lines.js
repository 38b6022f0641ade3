/**
 * Lines that a room above has of this trace (`observability/pages/rooms.py`), shown among its records and marked as
 * what they are. Read when the tab is opened, and of a running trace now and then; what cannot be had is left out.
 */
import { request } from "../request.js";

const AGAIN_MS = 10_000;
const LEVELS = { trace: "debug" };

export class RoomLines {
  /** `onRead()` hears that there are other lines now. */
  constructor({ url, onRead }) {
    Object.assign(this, { url, onRead });
    this.records = [];
    this.problems = [];
    this.readAt = -Infinity;
  }

  get extensions() { return [...new Set(this.records.map((record) => record.node))]; }

  async read() {
    if (!this.url || performance.now() - this.readAt < AGAIN_MS) return;
    this.readAt = performance.now();
    const response = await request(this.url).catch(() => null);
    if (!response?.ok) return;
    const { items, problems } = await response.json();
    if (items.length === this.records.length && problems.length === this.problems.length) return;
    this.records = items.map(makeRecord);
    this.problems = problems;
    this.onRead();
  }

  /** Those that the filters of the bar let through. */
  list({ levels, streams, text }) {
    return this.records.filter((record) => (
      (!levels.size || levels.has(record.level)) && (!streams.size || streams.has(record.stream))
      && (!text || record.message.toLowerCase().includes(text))));
  }
}

/** A line in the form of a log record, for the row and the panel. */
function makeRecord({ extension, console: page, event }) {
  const more = { request: event.requestId, install: event.installId, version: event.versionId, pod: event.pod };
  const link = new URL(page, location.href);
  link.searchParams.set("line", event.id);
  return {
    id: event.id, level: LEVELS[event.level] ?? event.level, stream: event.stream, message: event.message, logged_at: event.ts,
    node: extension, type: "debug line", sequence: event.seq, at: Date.parse(event.ts) * 1000, fields: { ...JSON.parse(JSON.stringify(more)), ...event.fields },
    link: { url: link.href, label: "Open in the debug console" },
  };
}
