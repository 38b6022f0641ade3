/** The session in the head of the page: its state, how long it still lasts, and what can be done about it. */
import { el, icon } from "../dom.js";
import { absolute } from "../format.js";
import { toast } from "../toast.js";
import { endOf, sayState } from "./words.js";

const SOON_MS = 60_000;
const WAYS = { ws: "WebSocket", sse: "SSE: WebSockets do not get through", poll: "long-poll: neither WebSockets nor SSE get through" };

export class SessionBar {
  /** `look()` is what the state depends on beside the session. */
  constructor({ session, look, onAgain }) {
    Object.assign(this, { session, look, onAgain });
    this.pill = document.getElementById("state");
    this.countdown = document.getElementById("countdown");
    this.banner = document.getElementById("banner");
    this.extend = document.querySelector("[data-do=extend]");
    this.facts = Object.fromEntries([...document.querySelectorAll("[data-fact]")].map((one) => [one.dataset.fact, one]));
    this.extend.addEventListener("click", () => this.#extend());
    document.querySelector("[data-do=end]").addEventListener("click", () => session.phase !== "ended" && session.session && session.close());
    setInterval(() => this.tick(), 1000);
  }

  /** Show the state, and what goes with it. */
  show() {
    const { session } = this;
    const said = sayState({ phase: session.phase, end: session.end, refusal: session.refusal, problem: session.problem, ...this.look() });
    this.pill.dataset.state = said.state;
    this.pill.title = said.title ?? "";
    if (this.pill.textContent !== said.text) this.pill.textContent = said.text;
    const isOver = ["ended", "refused"].includes(session.phase);
    const { session: opened } = session;
    this.extend.disabled = isOver || !opened || Date.parse(opened.expires_at) >= Date.parse(opened.hard_expires_at);
    document.querySelector("[data-do=end]").disabled = isOver || !opened;
    document.querySelector("[data-do=pause]").disabled = isOver;
    for (const link of document.querySelectorAll("[data-export]")) if (opened) link.href = `${opened.export_url ?? `${opened.url}/export`}?format=${link.dataset.export}`;
    if (opened) {
      this.#fact("ends", absolute(new Date(opened.expires_at)));
      this.#fact("latest", absolute(new Date(opened.hard_expires_at)));
      this.#fact("way", WAYS[session.way]);
    }
    this.#sayOver(isOver);
    this.tick();
  }

  tick() {
    const { session } = this;
    const left = session.session && session.phase !== "ended" ? Math.max(0, Date.parse(session.session.expires_at) - session.now) : 0;
    const seconds = Math.ceil(left / 1000);
    const text = session.session ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "–:––";
    if (this.countdown.textContent !== text) this.countdown.textContent = text;
    this.countdown.parentElement.classList.toggle("is-soon", left > 0 && left < SOON_MS);
  }

  #fact(name, text) {
    if (this.facts[name].textContent !== text) this.facts[name].textContent = text;
  }

  async #extend() {
    this.extend.disabled = true;
    const problem = await this.session.extend();
    toast(problem || "Extended", { isError: Boolean(problem) });
    this.show();
  }

  #sayOver(isOver) {
    const { session } = this;
    const key = isOver ? `${session.phase}${session.end?.reason}${session.refusal?.problem}` : "";
    if (key === this.said) return;
    this.said = key;
    this.banner.hidden = !isOver;
    if (!isOver) return;
    const isRefused = session.phase === "refused";
    const words = isRefused ? session.refusal.problem : `Ended: ${endOf(session.end)}. What came stays here until you leave.`;
    const button = el("button", { type: "button", class: "button" }, isRefused ? "Try again" : session.end.reason === "replaced" ? "Watch here" : "Watch again");
    button.addEventListener("click", this.onAgain);
    // A rule that refuses is explained by the page itself, with the way to ask for leave.
    const why = isRefused && session.refusal.status === 403 ? el("a", { href: location.href }, "Why, and how to ask for leave") : null;
    this.banner.classList.toggle("warn", isRefused);
    this.banner.replaceChildren(icon(isRefused ? "alert" : "info"), el("div", {}, words, why ? " " : null, why), button);
  }
}
