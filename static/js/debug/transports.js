/**
 * Three ways to the same messages: WebSocket, then SSE, then long-poll. Each is opened with where to go on and hears the
 * envelope's messages by `hear(message)`; `lost({ code })` is called once when it is over without an `end`. `send(op)`
 * tells whether the message could go this way; `close()` ends it without `lost`.
 */
import { call } from "./api.js";

/** Longest between two messages; the server sends a heartbeat every 15 seconds. */
const SILENCE_MS = 40_000;
const POLL_WAIT_S = 15;
const POLL_LINES = 500;

class Transport {
  constructor({ hear, lost }) {
    this.isOver = false;
    this.hear = (message) => {
      if (this.isOver) return;
      this.#watch();
      hear(message);
    };
    this.lose = (detail = {}) => {
      if (this.isOver) return;
      this.close();
      lost(detail);
    };
    this.#watch();
  }

  #watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lose({ code: 0 }), SILENCE_MS);
  }

  send() {
    return false;
  }

  close() {
    this.isOver = true;
    clearTimeout(this.silence);
  }
}

/** `needsTicket`: each connection takes one. */
class SocketTransport extends Transport {
  static kind = "ws";
  static needsTicket = true;

  constructor({ urls, ticket, after, ...heard }) {
    super(heard);
    const url = new URL(urls.ws, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", ticket);
    if (after) url.searchParams.set("after", after);
    this.socket = new WebSocket(url);
    this.socket.addEventListener("message", ({ data }) => this.hear(JSON.parse(data)));
    this.socket.addEventListener("close", ({ code }) => this.lose({ code }));
  }

  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  close() {
    super.close();
    this.socket.close();
  }
}

class EventsTransport extends Transport {
  static kind = "sse";
  static needsTicket = false;

  constructor({ urls, after, ...heard }) {
    super(heard);
    const url = new URL(urls.sse, location.href);
    if (after) url.searchParams.set("after", after);
    this.source = new EventSource(url);
    this.source.addEventListener("message", ({ data, lastEventId }) => this.hear({ op: "batch", events: [JSON.parse(data)], after: lastEventId }));
    for (const op of ["hello", "hb", "notice", "end"]) {
      this.source.addEventListener(op, ({ data, lastEventId }) => this.hear({ op, ...JSON.parse(data), ...(lastEventId && { after: lastEventId }) }));
    }
    // Coming back is the session's: it knows where to go on, and by which way.
    this.source.addEventListener("error", () => this.lose());
  }

  close() {
    super.close();
    this.source.close();
  }
}

class PollTransport extends Transport {
  static kind = "poll";
  static needsTicket = false;

  constructor({ urls, after, ...heard }) {
    super(heard);
    this.#run(urls.poll, after);
  }

  async #run(address, after) {
    // The first answer is wanted at once: it says that this way works.
    let wait = 0;
    for (let at = after; !this.isOver; wait = POLL_WAIT_S) {
      const url = new URL(address, location.href);
      url.searchParams.set("limit", POLL_LINES);
      url.searchParams.set("wait", wait);
      if (at) url.searchParams.set("after", at);
      const { status, data } = await call("GET", url.href);
      if (status !== 200) {
        this.lose({ status });
        return;
      }
      if (data.hello) this.hear({ op: "hello", ...data.hello });
      const gaps = data.notices.filter((notice) => notice.code === "dropped");
      for (const notice of data.notices) if (!gaps.includes(notice)) this.hear({ op: "notice", ...notice });
      if (data.events.length || gaps.length || data.filtered) this.hear({ op: "batch", events: data.events, notices: gaps, filtered: data.filtered, after: data.after });
      this.hear({ op: "hb", ...data.hb });
      if (data.end) this.hear({ op: "end", ...data.end });
      at = data.after ?? at;
    }
  }
}

/** From the best to the one that works through anything. */
export const LADDER = [SocketTransport, EventsTransport, PollTransport];
