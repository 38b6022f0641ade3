/**
 * A look at an extension's output: a session of the API, and the connection through which its lines come.
 *
 * Opening, then open, reconnecting whenever the connection is lost, and at last ended or refused. Where it is in the
 * stream is a token, so whatever the way and however often it is lost, each line comes once, and what cannot come is
 * told. What came waits in `take()` until it is wanted; `acknowledge()` lets the server send more.
 */
import { call } from "./api.js";
import { LADDER } from "./transports.js";

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;
/** Connections in a row that came to nothing until the next way down is tried, and when to look up again. */
const FAILURES = 2;
const CLIMB_AFTER_MS = 60_000;
/** Ends after which the same session goes on. */
const COMES_BACK = new Set(["slow_consumer", "server_drain", "unverifiable", "busy", "lost"]);
const OVER_CODES = { 4403: "revoked", 4404: "lost", 4409: "replaced", 4410: "expired", 4429: "budget" };
/** The place to go on from was refused. */
const NO_SUCH_PLACE = 4400;

export class Session {
  /** `wish` is what the API is asked for. `onChange()` hears of every change of `phase`, `onMail()` that something came. */
  constructor({ url, wish, keeper, onChange, onMail, onRestored }) {
    Object.assign(this, { url, wish, keeper, onChange, onMail, onRestored });
    this.phase = "opening";
    this.filter = wish.filter ?? "";
    this.after = "";
    this.rung = this.failures = this.attempts = this.connection = this.received = 0;
    this.climbAfter = CLIMB_AFTER_MS;
    this.clockShift = 0;
    this.lastId = null;
    this.inbox = [];
    this.rev = 0;
    this.awaited = new Map();
  }

  get way() { return LADDER[this.rung].kind; }
  get share() { return this.session?.sample ?? 1; }
  /** The server's clock. */
  get now() { return Date.now() + this.clockShift; }

  /** Go on where this tab was, or open a session. */
  async start() {
    await this.keeper.leaveOthers();
    const kept = this.keeper.recall();
    const found = kept && await call("GET", kept.session.url);
    if (found?.status === 200 && found.data.is_open) {
      this.#adopt({ ...kept.session, ...found.data, url: kept.session.url });
      this.after = kept.after;
      this.filter = found.data.filter;
      this.onRestored(kept.rows);
      this.lastId = kept.rows.findLast((event) => !event.scope)?.id ?? null;
      this.#connect();
      return;
    }
    if (found?.status === 0 || found?.status === 503) {
      this.#retry(() => this.start(), found.problem);
      return;
    }
    this.keeper.forget();
    await this.open();
  }

  /** Open another session. */
  async open() {
    this.#set("opening");
    Object.assign(this, { after: "", lastId: null, end: null, refusal: null });
    const wish = { ...this.wish, filter: this.filter, transport: this.way };
    let answer = await call("POST", this.url, wish);
    if (answer.code === "viewer_limit" && await this.keeper.closeDead()) answer = await call("POST", this.url, wish);
    if (answer.status === 201) {
      this.#adopt(answer.data);
      this.#connect(answer.data.ticket);
    } else if ([0, 503].includes(answer.status)) {
      this.#retry(() => this.open(), answer.problem);
    } else {
      this.refusal = answer;
      this.#set("refused");
    }
  }

  /** Take what came since, in its order. Lines that were there before are counted as `twice` and left out. */
  take() {
    const mail = this.inbox;
    this.inbox = [];
    for (const message of mail) {
      this.after = message.after || this.after;
      if (message.op !== "batch") continue;
      this.received += message.connection === this.connection ? message.events.length : 0;
      // Lines with a scope are of one process alone: they are in no stream, and never come twice.
      const fresh = message.events.filter((event) => event.scope || isAfter(event.id, this.lastId));
      message.twice = message.events.length - fresh.length;
      message.events = fresh;
      this.lastId = fresh.findLast((event) => !event.scope)?.id ?? this.lastId;
    }
    return mail;
  }

  /** What was taken is handled: so much more may come. */
  acknowledge() {
    if (this.received !== this.acknowledged && this.transport?.send({ op: "ack", n: this.received })) this.acknowledged = this.received;
  }

  /** Ask for other lines from now on. Resolves to `{ filter }`, or `{ problem: { detail, position, length } }`. */
  async setFilter(text) {
    const rev = ++this.rev;
    const isSent = this.transport?.send({ op: "filter", expr: text, rev });
    const answer = isSent ? await new Promise((done) => this.awaited.set(rev, done)) : await this.#patch({ filter: text });
    if (answer.problem) return answer;
    this.filter = answer.filter ?? text;
    return { filter: this.filter, isCurrent: rev === this.rev };
  }

  pause() { return this.#say({ op: "pause" }, { paused: true }); }
  resume() { return this.#say({ op: "resume" }, { paused: false }); }
  /** Say whether anybody looks: the server holds lines back for whoever does not, and ends the session after a while. */
  tellHidden(isHidden) { this.transport?.send({ op: "visibility", hidden: isHidden }); }
  /** Ask for a share of the lines. */
  sample(share) {
    if (this.session) this.session.sample = share;
    return this.#say({ op: "sample", rate: share }, { sample: share });
  }


  /** Ask for more time. Returns what is in the way, in words. */
  async extend() {
    const { data, problem } = await call("POST", `${this.session.url}/extend`);
    if (!problem) this.#adopt({ ...this.session, expires_at: data.expires_at, hard_expires_at: data.hard_expires_at });
    this.onChange();
    return problem;
  }

  /** End the session for good. */
  async close() {
    await call("DELETE", this.session.url);
    this.#finish({ reason: "closed" });
  }

  /** Leave the page; whoever comes back goes on with these rows. */
  leave(rows) {
    if (this.session && this.phase !== "ended" && this.phase !== "refused") this.keeper.keep({ session: this.session, after: this.after, rows });
    else this.keeper.forget();
  }

  #adopt(data) {
    const url = data.url ?? `${this.url}/${data.id}`;
    this.session = { ...data, url, urls: { ws: data.ws_url ?? `/ws/debug/sessions/${data.id}`, sse: data.sse_url ?? `${url}/events`, poll: data.poll_url ?? `${url}/poll` } };
    delete this.session.ticket;
    this.keeper.stayAlive(url);
  }

  #set(phase) {
    this.phase = phase;
    this.onChange();
  }

  async #connect(ticket = "") {
    clearTimeout(this.timer);
    const Way = LADDER[this.rung];
    if (Way.needsTicket && !ticket) {
      const answer = await call("POST", `${this.session.url}/ticket`);
      if ([403, 404, 409, 410].includes(answer.status)) return this.#finish({ reason: answer.status === 403 ? "revoked" : "lost", detail: answer.problem });
      if (answer.problem) return this.#retry(() => this.#connect(), answer.problem);
      ticket = answer.data.ticket;
    }
    const connection = ++this.connection;
    this.received = this.acknowledged = 0;
    this.hasHello = false;
    this.transport = new Way({
      urls: this.session.urls, ticket, after: this.after,
      hear: (message) => this.#hear({ ...message, connection }),
      lost: (how) => this.#lost(how),
    });
  }

  #hear(message) {
    if (message.op === "hello") {
      this.hasHello = true;
      this.failures = this.attempts = 0;
      this.limit = message.limits?.lines_per_second ?? Infinity;
      this.clockShift = Date.parse(message.server_time) - Date.now();
      this.#adopt({ ...this.session, expires_at: message.expires_at, hard_expires_at: message.hard_expires_at, sample: message.sample ?? this.share });
      this.#climbLater();
      this.#set("open");
    } else if (message.op === "hb" && !this.hasHello) {
      // A poll that goes on right behind the last answer is greeted no more.
      this.inbox.push({ op: "hello", resume: this.after ? "exact" : "new", lost: 0, state: message.state });
      this.hasHello = true;
      this.failures = this.attempts = 0;
      this.#set("open");
    } else if (message.op === "filter_ok" || message.op === "filter_error") {
      const { rev, op, ...problem } = message;
      this.awaited.get(rev)?.(op === "filter_ok" ? { filter: message.expr } : { problem });
      this.awaited.delete(rev);
      return;
    } else if (message.op === "end") {
      this.#hearEnd(message);
      return;
    }
    this.inbox.push(message);
    this.onMail();
  }

  #hearEnd({ reason, retry_ms: retryMs, detail }) {
    this.transport.close();
    if (retryMs == null && !COMES_BACK.has(reason)) {
      this.#finish({ reason, detail });
      return;
    }
    this.#release();
    this.#retry(() => this.#connect(), "", retryMs);
  }

  #lost({ code = 0, status = 0 }) {
    this.#release();
    if (code === NO_SUCH_PLACE && this.after) {
      this.after = "";
      this.lastId = null;
    } else if (OVER_CODES[code] || [204, 404, 409, 410].includes(status)) {
      this.#finish({ reason: OVER_CODES[code] ?? "lost" });
      return;
    }
    if (!this.hasHello && ++this.failures >= FAILURES && this.rung < LADDER.length - 1) {
      this.rung += 1;
      this.failures = this.attempts = 0;
    }
    this.#retry(() => this.#connect());
  }

  /** Whoever waits for an answer asks again in another way. */
  #release() {
    clearTimeout(this.climb);
    for (const [rev, done] of this.awaited) done({ problem: { detail: "The connection was lost meanwhile: try again" }, rev });
    this.awaited.clear();
  }

  /** Half of each wait is chance, so that a restarted server is not stormed. */
  #retry(what, problem = "", after = null) {
    const wait = after ?? Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.attempts++);
    this.problem = problem;
    this.retriesAt = Date.now() + wait;
    this.#set("reconnecting");
    clearTimeout(this.timer);
    this.timer = setTimeout(what, wait / 2 + Math.random() * (wait / 2));
  }

  #climbLater() {
    clearTimeout(this.climb);
    if (!this.rung) return;
    this.climb = setTimeout(() => {
      this.climbAfter *= 2;
      this.rung = 0;
      this.transport.close();
      this.#connect();
    }, this.climbAfter);
  }

  #finish(end) {
    clearTimeout(this.timer);
    clearTimeout(this.climb);
    this.transport?.close();
    this.end = end;
    this.keeper.forget();
    if (this.session) this.keeper.letGo(this.session.url);
    this.#set("ended");
  }

  async #patch(change) {
    const { problem, data, status } = await call("PATCH", this.session.url, change);
    if (!problem) return { filter: data.filter };
    return { problem: { detail: problem, ...(status === 400 && { position: data?.position, length: data?.length }) } };
  }

  async #say(message, change) {
    if (!this.transport?.send(message)) await this.#patch(change);
  }
}

/** Whether an entry's id comes after another: `…-10` after `…-9`. */
export function isAfter(id, other) {
  if (other == null) return true;
  const [ms, seq] = id.split("-").map(Number);
  const [otherMs, otherSeq] = other.split("-").map(Number);
  return ms > otherMs || (ms === otherMs && seq > otherSeq);
}
