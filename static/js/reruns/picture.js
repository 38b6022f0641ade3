/**
 * The calls of the source as a picture: bars in time under a playhead, and the list of them below. What had ended by
 * the playhead is frozen, the rest really happens; each call can be chosen otherwise.
 */
import { el, icon } from "../dom.js";
import { cost, duration, offset } from "../format.js";
import { parseMicros } from "../trace/store.js";

const MOST_LANES = 6;
const MOST_LISTED = 1000;
const WORDS = { frozen: "from the recording", live: "really happens", mocked: "answered by a mock", refused: "fails: strict", within: "part of a frozen tool" };
const GLYPHS = { frozen: "❄", live: "▶", mocked: "M", refused: "✕", within: "·" };

export class Picture {
  /** `playhead` is the page's; `onChange()` hears that something else is frozen now. */
  constructor({ strip, list, playhead, startedAt, onChange }) {
    Object.assign(this, { strip, list, playhead, startedAt, onChange });
    this.calls = [];
    this.chosen = new Map();
    this.handle = el("div", { class: "rr-handle", role: "slider", tabindex: "0", "aria-label": "Playhead: frozen before it, live after it", "aria-orientation": "horizontal" }, el("span", { class: "rr-flag" }));
    this.ice = el("div", { class: "rr-iced" });
    this.bars = el("div", { class: "rr-bars" });
    strip.replaceChildren(this.ice, this.bars, this.handle);
    strip.addEventListener("pointerdown", (event) => this.#press(event));
    this.handle.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("click", (event) => this.#toggle(event.target.closest("[data-toggle]")));
    playhead.onChange(() => this.calls.length && strip.isConnected && this.#moved());
  }

  /** Take the calls of a plan. The first time, bars and rows are made; later only their states change. */
  take(calls) {
    const isNew = calls.length !== this.calls.length;
    this.calls = calls.map((call) => ({ ...call, start: parseMicros(call.startedAt), end: call.endedAt ? parseMicros(call.endedAt) : Infinity }));
    if (isNew) {
      this.from = Math.min(...this.calls.map((call) => call.start), this.startedAt);
      this.to = Math.max(this.from + 1, ...this.calls.map((call) => (call.end === Infinity ? call.start : call.end)));
      this.#draw();
    }
    this.#mark();
    this.#place();
  }

  /** Whether a call is to be frozen. At its left end the playhead freezes nothing, not even a call of no length there. */
  isFrozen(call) {
    const { at } = this.playhead;
    return this.chosen.get(call.eventDbId) ?? (at === null || (at > this.from && call.end <= at));
  }

  get frozenIds() {
    return this.calls.filter((call) => this.isFrozen(call)).map((call) => call.eventDbId);
  }

  /** Freeze all, or none: the playhead goes to that end, single choices are forgotten. */
  setAll(isFrozen) {
    this.chosen.clear();
    this.playhead.set(isFrozen ? null : this.from);
    this.#moved();
  }

  reset() {
    this.chosen.clear();
    this.#moved();
  }

  #moved() {
    this.#place();
    this.onChange();
  }

  #draw() {
    const lanes = [];
    const bars = this.calls.map((call) => {
      let lane = lanes.findIndex((end) => end <= call.start);
      if (lane < 0) lane = lanes.length < MOST_LANES ? lanes.length : MOST_LANES - 1;
      lanes[lane] = call.end === Infinity ? this.to : call.end;
      const bar = el("i", { class: `rr-bar kind-${call.kind}`, title: call.name });
      bar.style.insetInlineStart = `${this.#share(call.start) * 100}%`;
      bar.style.width = `${Math.max(0, this.#share(Math.min(call.end, this.to)) - this.#share(call.start)) * 100}%`;
      bar.style.insetBlockStart = `${6 + lane * 9}px`;
      call.lane = lane;
      return bar;
    });
    this.bars.replaceChildren(...bars);
    this.strip.style.height = `${Math.max(1, lanes.length) * 9 + 14}px`;
    this.list.classList.remove("is-slow");
    const listed = this.calls.slice(0, MOST_LISTED);
    this.list.replaceChildren(...listed.map((call) => this.#makeRow(call)), this.calls.length > listed.length ? el("li", { class: "faint" }, `and ${this.calls.length - listed.length} more, by the playhead`) : "");
    if (!this.calls.length) this.list.replaceChildren(el("li", { class: "muted" }, "The trace has no model, tool, HTTP or database call that could be frozen."));
  }

  #makeRow(call) {
    return el("li", { class: `rr-call kind-${call.kind}` },
      el("button", { type: "button", class: "rr-mark", "data-toggle": call.eventDbId, "aria-pressed": "false" }),
      icon(call.kind, "kind-icon"), el("span", { class: "rr-call-name clip" }, call.name),
      el("span", { class: "rr-effect clip" }), el("span", { class: "rr-call-time num" }, call.durationMs == null ? "running" : duration(call.durationMs)));
  }

  /** Show what the plan says of each call. */
  #mark() {
    this.calls.forEach((call, at) => {
      const bar = this.bars.children[at];
      if (bar) bar.dataset.state = call.state;
      const row = this.list.children[at];
      const button = row?.querySelector?.("[data-toggle]");
      if (!button) return;
      row.dataset.state = call.state;
      row.classList.toggle("is-chosen", this.chosen.has(call.eventDbId));
      button.textContent = GLYPHS[call.state];
      button.disabled = !call.canFreeze || call.state === "within";
      row.classList.toggle("is-within", Boolean(call.madeBy));
      button.setAttribute("aria-pressed", String(call.state === "frozen"));
      button.setAttribute("aria-label", `${call.name}${call.ordinal ? `, call ${call.ordinal}` : ""}: ${WORDS[call.state]}`);
      button.title = call.state === "within" ? "A tool that is frozen made this call: it does not come" : call.canFreeze ? (call.state === "frozen" ? "Let it really happen" : "Answer it from the recording") : call.reason;
      const said = row.querySelector(".rr-effect");
      const paid = call.state === "live" && call.costMicros ? `, ${cost(call.costMicros)} then` : "";
      said.textContent = call.reason && call.isToFreeze && call.state === "live" ? `cannot be frozen: ${call.reason}` : call.state === "live" ? call.effectText + paid : WORDS[call.state];
      said.title = said.textContent;
      said.dataset.effect = call.state === "live" ? call.effect : "";
    });
  }

  #place() {
    const at = this.playhead.at ?? this.to;
    const share = Math.max(0, Math.min(1, this.#share(at)));
    this.handle.style.insetInlineStart = this.ice.style.width = `${share * 100}%`;
    const said = this.playhead.at === null ? "at the end: all is frozen" : offset((at - this.startedAt) / 1000);
    this.handle.firstChild.textContent = this.playhead.at === null ? "end" : said;
    this.handle.classList.toggle("is-late", share > 0.85);
    for (const [name, value] of [["valuemin", 0], ["valuemax", 1000], ["valuenow", Math.round(share * 1000)], ["valuetext", said]]) this.handle.setAttribute(`aria-${name}`, String(value));
  }

  #share(micros) {
    return (micros - this.from) / (this.to - this.from);
  }

  #toggle(button) {
    if (!button) return;
    const call = this.calls.find((one) => String(one.eventDbId) === button.dataset.toggle);
    this.chosen.set(call.eventDbId, !this.isFrozen(call));
    this.onChange();
  }

  #press(down) {
    if (down.button !== 0 || !this.calls.length) return;
    this.handle.focus({ preventScroll: true });
    this.strip.setPointerCapture(down.pointerId);
    const move = (event) => {
      const box = this.strip.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      this.playhead.set(share >= 1 ? null : this.from + Math.max(0, share) * (this.to - this.from));
    };
    move(down);
    this.strip.addEventListener("pointermove", move);
    this.strip.addEventListener("lostpointercapture", () => this.strip.removeEventListener("pointermove", move), { once: true });
    down.preventDefault();
  }

  /** Arrows go from call to call: each step freezes or frees one. */
  #key(event) {
    const ends = [...new Set(this.calls.map((call) => call.end).filter(Number.isFinite))].sort((a, b) => a - b);
    const at = this.playhead.at ?? Infinity;
    if (event.key === "ArrowRight" || event.key === "]") this.playhead.set(ends.find((end) => end > at) ?? null);
    else if (event.key === "ArrowLeft" || event.key === "[") this.playhead.set(ends.findLast((end) => end < at) ?? this.from);
    else if (event.key === "Home") this.playhead.set(this.from);
    else if (event.key === "End") this.playhead.set(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
