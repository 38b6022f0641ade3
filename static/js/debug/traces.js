/** From a line to its trace, where there is one: looked for once an id, by its trace id, else by its request. */
import { request } from "../request.js";

const MOST_KNOWN = 500;
const KINDS = ["trace", "event", "correlation", "session"];

export class TraceFinder {
  constructor({ jumpUrl, project }) {
    Object.assign(this, { jumpUrl, project });
    this.known = new Map();
  }

  /** Let `link` lead to what is recorded under an event's ids, and show it then. */
  async show({ traceId, requestId }, link) {
    if (!this.jumpUrl) return;
    for (const id of [traceId, requestId].filter(Boolean)) {
      const found = await this.#find(id);
      if (!found) continue;
      link.href = found;
      link.hidden = false;
      return;
    }
  }

  #find(id) {
    if (!this.known.has(id)) {
      if (this.known.size >= MOST_KNOWN) this.known.clear();
      this.known.set(id, this.#ask(id));
    }
    return this.known.get(id);
  }

  async #ask(id) {
    try {
      const response = await request(`${this.jumpUrl}?${new URLSearchParams({ id, project: this.project })}`);
      const items = response.ok ? (await response.json()).items : [];
      return KINDS.map((kind) => items.find((item) => item.kind === kind && item.id === id)).find(Boolean)?.url ?? null;
    } catch {
      return null;
    }
  }
}
