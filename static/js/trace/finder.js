/**
 * Search within the trace: what the store knows of its events, and what the server finds in their values. Matches are
 * marked; Enter and Shift+Enter go from one to the next; on demand nothing else is shown.
 */
import { grouped } from "../format.js";

const VALUES_AFTER_MS = 300;
const MANY = 5000;
const TYPING_MS = 90;

export class Finder {
  /** `onFound()` is told of new matches, `onGo(index)` goes to one. */
  constructor({ root, page, onFound, onGo, onLeave }) {
    Object.assign(this, { root, page, store: page.store, onFound, onGo, onLeave });
    this.input = root.querySelector("input[type=search]");
    this.count = root.querySelector("[data-find-count]");
    this.only = root.querySelector("[data-find-only]");
    this.words = [];
    this.found = [];
    this.fromValues = new Set();
    this.input.addEventListener("input", () => this.#runSoon());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.only.addEventListener("click", () => this.setOnly(this.only.getAttribute("aria-pressed") !== "true"));
    root.querySelector("[data-find-next]").addEventListener("click", () => this.go(1));
    root.querySelector("[data-find-previous]").addEventListener("click", () => this.go(-1));
    this.#show();
  }

  get isOnly() {
    return this.only.getAttribute("aria-pressed") === "true";
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** In a large trace a search takes longer than a key press: it waits for the last one. */
  #runSoon() {
    clearTimeout(this.typing);
    if (this.store.length < MANY) this.run();
    else this.typing = setTimeout(() => this.run(), TYPING_MS);
  }

  /** Search anew, for a changed text. */
  run() {
    this.words = wordsOf(this.input.value);
    this.fromValues.clear();
    clearTimeout(this.timer);
    if (this.words.length && this.input.value.trim().length > 2) this.timer = setTimeout(() => this.#searchValues(), VALUES_AFTER_MS);
    this.at = -1;
    this.update();
  }

  /** Search again in what the store holds now. */
  update() {
    const current = this.found[this.at];
    this.found = this.words.length ? this.store.search(this.words) : [];
    this.#addFromValues();
    this.at = this.found.indexOf(current);
    this.store.keepOnly(this.isOnly && this.words.length ? this.found : null);
    this.#show();
    this.onFound();
  }

  setOnly(isOnly) {
    this.only.setAttribute("aria-pressed", String(isOnly));
    this.update();
  }

  /** Go to the next match, or the previous one, round and round; the first time to the next from the active row. */
  go(step) {
    if (!this.found.length) return;
    this.at = (this.at + step + (this.at < 0 && step < 0 ? 1 : 0) + this.found.length) % this.found.length;
    this.#show();
    this.onGo(this.found[this.at]);
  }

  #addFromValues() {
    if (!this.fromValues.size) return;
    const all = new Set(this.found);
    for (const spanId of this.fromValues) {
      const index = this.store.find(spanId);
      if (index >= 0) all.add(index);
    }
    this.found = Array.from(this.store.walk).filter((index) => all.has(index));
  }

  async #searchValues() {
    const text = this.input.value;
    try {
      const { span_ids: spanIds } = await this.page.getJson(this.page.urls.matchesUrl, { text });
      if (text !== this.input.value || !spanIds.length) return;
      this.fromValues = new Set(spanIds);
      this.update();
    } catch {
      // The names and ids have been searched; a server that is away is said elsewhere.
    }
  }

  #key(event) {
    if (event.key === "Enter") this.#goNow(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") this.#leave();
    else if (event.key === "ArrowDown") this.onLeave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #goNow(step) {
    clearTimeout(this.typing);
    if (wordsOf(this.input.value).join(" ") !== this.words.join(" ")) this.run();
    this.go(step);
  }

  #leave() {
    if (this.input.value) {
      this.input.value = "";
      this.run();
    } else this.onLeave();
  }

  #show() {
    const isSearching = this.words.length > 0;
    this.root.classList.toggle("is-searching", isSearching);
    const place = this.at >= 0 ? `${grouped(this.at + 1)} of ` : "";
    this.count.textContent = isSearching ? (this.found.length ? `${place}${grouped(this.found.length)}` : "no match") : "";
  }
}

/** Words, all of which must match; what stands in quotes is one. */
function wordsOf(text) {
  return Array.from(text.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g), (match) => (match[1] ?? match[2]).trim()).filter(Boolean);
}
