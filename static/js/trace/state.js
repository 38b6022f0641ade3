/**
 * The state of the trace at the playhead: what was open, what had been said, what it had cost by then. What the store
 * knows is shown at once; messages, tokens and cost are read from the server once the playhead rests.
 */
import { el, icon } from "../base.js";
import { compact, cost, duration, grouped, offset } from "../format.js";
import { countErrorsBy, listOpenAt } from "./analysis.js";
import { KINDS } from "./store.js";

const READ_AFTER_MS = 140;
const MOST_OPEN = 8;

export class StateStrip {
  constructor({ root, page }) {
    Object.assign(this, { root, page, store: page.store });
    this.read = null;
    this.parts = {
      time: el("strong", { class: "mono" }), open: el("dd", { class: "state-open" }), messages: el("dd", { class: "state-messages" }),
      tokens: el("dd", {}), cost: el("dd", {}), errors: el("dd", {}),
    };
    root.append(
      el("div", { class: "state-time" }, el("span", { class: "faint" }, "State at"), this.parts.time,
        el("button", { class: "button quiet icon-only", type: "button", "data-state-close": true, "aria-label": "Take the playhead away (Esc)", title: "Take the playhead away (Esc)" }, icon("close"))),
      el("dl", {}, fact("Open", this.parts.open, "wide"), fact("Messages", this.parts.messages, "wide"), fact("Tokens", this.parts.tokens), fact("Cost", this.parts.cost), fact("Errors", this.parts.errors)),
    );
    root.addEventListener("click", (event) => {
      const opener = event.target.closest("[data-span]");
      if (opener) page.openEvent(opener.dataset.span, { isRevealed: true });
      else if (event.target.closest("[data-state-close]")) page.playhead.set(null);
    });
    page.playhead.onChange(() => this.update());
  }

  /** Show the state at the playhead as far as it is known, and ask for the rest. */
  update() {
    const { at } = this.page.playhead;
    this.root.hidden = at === null;
    clearTimeout(this.timer);
    if (at === null) return;
    this.#showKnown(at);
    this.timer = setTimeout(() => this.#read(at), READ_AFTER_MS);
  }

  #showKnown(at) {
    this.parts.time.textContent = offset((at - this.page.startedAt) / 1000);
    this.parts.time.title = `${duration((at - this.page.startedAt) / 1000)} after the start`;
    const open = listOpenAt(this.store, at);
    this.parts.open.replaceChildren(
      el("span", {}, grouped(open.length)),
      ...open.slice(-MOST_OPEN).reverse().map((index) => this.#opener(this.store.spanIds[index], KINDS[this.store.kinds[index]], this.store.names[index])),
      open.length > MOST_OPEN ? el("span", { class: "faint" }, `and ${grouped(open.length - MOST_OPEN)} more`) : "",
    );
    const errors = countErrorsBy(this.store, at);
    this.parts.errors.replaceChildren(errors ? el("span", { class: "tag error" }, `▲ ${grouped(errors)}`) : "0");
  }

  async #read(at) {
    try {
      const read = await this.page.getJson(this.page.urls.stateUrl, { at: isoOf(at) });
      if (this.page.playhead.at === at) this.#showRead(read);
    } catch {
      if (this.page.playhead.at !== at) return;
      for (const part of ["messages", "tokens", "cost"]) this.parts[part].replaceChildren(el("span", { class: "faint" }, "not read"));
    }
  }

  #showRead(read) {
    const { tokens, cost: spent, messages } = this.parts;
    tokens.textContent = read.total_tokens ? compact(read.total_tokens) : "none";
    tokens.title = `${grouped(read.input_tokens)} in, ${grouped(read.output_tokens)} out`;
    spent.textContent = read.cost_micros == null && !read.unpriced_count ? "none" : cost(read.cost_micros);
    spent.title = read.unpriced_count ? `${grouped(read.unpriced_count)} calls have no known cost` : "";
    const last = read.last_message;
    messages.replaceChildren(
      read.message_count == null ? (read.call_count ? el("span", { class: "faint" }, "many") : "none") : grouped(read.message_count),
      last ? this.#opener(last.span_id, "ai", last.preview || last.role, `${last.role}: ${last.preview}`) : "",
    );
  }

  #opener(spanId, kind, text, title = text) {
    return el("button", { type: "button", class: `state-event kind-${kind}`, "data-span": spanId, title }, icon(kind, "kind-icon"), el("span", { class: "clip" }, text));
  }
}

function fact(name, value, kind = "") {
  return el("div", { class: kind }, el("dt", {}, name), value);
}

/** An ISO time with its microseconds. */
function isoOf(micros) {
  const whole = Math.floor(micros / 1000);
  return new Date(whole).toISOString().replace("Z", `${String(micros - whole * 1000).padStart(3, "0")}Z`);
}
