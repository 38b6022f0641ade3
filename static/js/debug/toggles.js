/** Which levels and streams are shown, with how many of each are held, and how rows look. The address restores it. */
import { el } from "../dom.js";
import { compact } from "../format.js";
import { LEVELS, STREAMS } from "./rows.js";

const LOOKS = { isWrapped: "wrap", isUtc: "utc", isRoomy: "roomy" };

export class Toggles {
  /** `onHide()` hears that other rows are to be shown, `onLook()` that they look different, `onTerms(terms)` of words. */
  constructor({ rows, look, onHide, onLook, onTerms }) {
    Object.assign(this, { rows, look, onHide, onLook });
    this.counts = new Map();
    this.#chips("level", LEVELS);
    this.#chips("stream", STREAMS);
    this.field = document.getElementById("highlight");
    const address = new URLSearchParams(location.search);
    for (const name of (address.get("hide") ?? "").split(",")) {
      if (LEVELS.includes(name)) rows.hidden.level.add(name);
      if (STREAMS.includes(name)) rows.hidden.stream.add(name);
    }
    for (const button of document.querySelectorAll("[data-look]")) {
      const name = button.dataset.look;
      look[name] = address.has(LOOKS[name]);
      button.addEventListener("click", () => this.press(name));
    }
    this.field.value = address.get("highlight") ?? "";
    this.field.addEventListener("input", () => {
      onTerms(this.terms);
      this.#write();
    });
    this.field.addEventListener("keydown", (event) => event.key === "Escape" && this.field.blur());
    this.#show();
  }

  get terms() {
    return this.field.value.split(",").map((term) => term.trim()).filter(Boolean).slice(0, 5);
  }

  press(name) {
    this.look[name] = !this.look[name];
    this.#show();
    this.#write();
    this.onLook();
  }

  flip(group, name) {
    const { hidden } = this.rows;
    if (!hidden[group].delete(name)) hidden[group].add(name);
    this.#show();
    this.#write();
    this.onHide();
  }

  showAll() {
    for (const hidden of Object.values(this.rows.hidden)) hidden.clear();
    this.#show();
    this.#write();
    this.onHide();
  }

  /** Show how many lines each stands for. */
  count() {
    for (const [name, cell] of this.counts) {
      const text = compact(this.rows.counts[name]);
      if (cell.textContent !== text) cell.textContent = text;
    }
  }

  #show() {
    for (const chip of document.querySelectorAll("[data-toggle]")) {
      chip.setAttribute("aria-pressed", String(!this.rows.hidden[chip.dataset.toggle].has(chip.dataset.value)));
    }
    for (const button of document.querySelectorAll("[data-look]")) button.setAttribute("aria-pressed", String(this.look[button.dataset.look]));
  }

  #write() {
    const { level, stream } = this.rows.hidden;
    setAddress({
      hide: [...level, ...stream].join(",") || null, highlight: this.field.value || null,
      ...Object.fromEntries(Object.entries(LOOKS).map(([name, parameter]) => [parameter, this.look[name] ? "1" : null])),
    });
  }

  #chips(group, names) {
    document.getElementById(`${group}-chips`).append(...names.map((name) => {
      const count = el("span", { class: "count" }, "0");
      this.counts.set(name, count);
      const chip = el("button", { type: "button", class: `log-chip dbg-chip ${group}-${name}`, "data-toggle": group, "data-value": name, "aria-pressed": "true" }, name, count);
      chip.addEventListener("click", () => this.flip(group, name));
      return chip;
    }));
  }
}

/** Change parameters of the address; null takes one away. */
export function setAddress(values) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value == null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(history.state, "", url);
}
