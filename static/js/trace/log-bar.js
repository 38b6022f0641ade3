/** The bar over the log: which levels, streams and nodes, which words, and how times and long lines are shown. */
import { el, icon } from "../dom.js";
import { compact } from "../format.js";

const LEVELS = ["debug", "info", "warn", "error"];
const STREAMS = ["stdout", "stderr", "log", "event"];
const TYPING_MS = 200;

export class LogBar {
  /** `onFilter()` hears that other records are wanted, `onLook()` that the same are to look different. */
  constructor({ onFilter, onLook, onPause, onCopy }) {
    this.values = { level: new Set(), stream: new Set() };
    this.levels = this.#chips("level", LEVELS, "Levels");
    this.streams = this.#chips("stream", STREAMS, "Streams");
    this.node = el("select", { class: "input log-node", "aria-label": "Node" }, el("option", { value: "" }, "All nodes"));
    this.text = el("input", { class: "input", type: "search", placeholder: "Filter messages", "aria-label": "Filter messages", "data-filter-input": true, spellcheck: "false", autocomplete: "off", maxlength: 1000 });
    this.withEvents = el("input", { type: "checkbox", checked: true });
    this.withLines = el("input", { type: "checkbox", checked: true });
    this.linesCount = el("span", {});
    this.linesBox = el("label", { class: "row log-check log-lines", hidden: true }, this.withLines, this.linesCount);
    this.isAbsolute = this.#toggle("Absolute times", "Show the time of day (t)");
    this.isWrapped = this.#toggle("Wrap", "Wrap long lines (w)");
    this.isPaused = this.#toggle("Pause", "Hold new lines back (p)");
    const copy = el("button", { type: "button", class: "button quiet icon-only", "aria-label": "Copy lines", title: "Copy the selected lines, or all (c)" }, icon("copy"));
    this.root = el("div", { class: "log-bar" },
      this.levels, this.streams, this.node,
      el("div", { class: "search log-search" }, icon("search"), this.text),
      el("label", { class: "row log-check" }, this.withEvents, "Show events"),
      this.linesBox,
      el("div", { class: "log-looks" }, this.isAbsolute, this.isWrapped, this.isPaused, copy));
    this.root.addEventListener("click", (event) => {
      const chip = event.target.closest("[data-chip]");
      if (chip) {
        this.#flip(chip);
        onFilter();
      }
    });
    let typing = 0;
    this.text.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(onFilter, TYPING_MS);
    });
    this.node.addEventListener("change", onFilter);
    this.withEvents.addEventListener("change", onLook);
    this.withLines.addEventListener("change", onLook);
    copy.addEventListener("click", onCopy);
    for (const [button, run] of [[this.isAbsolute, onLook], [this.isWrapped, onLook], [this.isPaused, onPause]]) {
      button.addEventListener("click", () => {
        setOn(button, !isOn(button));
        run();
      });
    }
  }

  /** What the API is asked for. */
  get filters() {
    const { level, stream } = this.values;
    return {
      ...(level.size && { level: [...level] }), ...(stream.size && { stream: [...stream] }),
      ...(this.node.value && { node: this.node.value }), ...(this.text.value.trim() && { text: this.text.value.trim() }),
    };
  }

  get isFiltered() {
    return Object.keys(this.filters).length > 0;
  }

  /** What the address says, with what is as usual left out. */
  get address() {
    const { level, stream } = this.values;
    return {
      level: [...level].join(",") || null, stream: [...stream].join(",") || null, node: this.node.value || null, text: this.text.value.trim() || null,
      events: this.withEvents.checked ? null : "no", times: isOn(this.isAbsolute) ? "absolute" : null, wrap: isOn(this.isWrapped) ? "1" : null,
    };
  }

  restore(parameters) {
    for (const name of ["level", "stream"]) {
      this.values[name] = new Set((parameters.get(name) ?? "").split(",").filter((value) => [...LEVELS, ...STREAMS].includes(value)));
    }
    for (const chip of this.root.querySelectorAll("[data-chip]")) setOn(chip, this.values[chip.dataset.chip].has(chip.dataset.value));
    const node = parameters.get("node") ?? "";
    if (node && ![...this.node.options].some((option) => option.value === node)) this.node.append(el("option", { value: node }, node));
    this.node.value = node;
    this.text.value = parameters.get("text") ?? "";
    this.withEvents.checked = parameters.get("events") !== "no";
    setOn(this.isAbsolute, parameters.get("times") === "absolute");
    setOn(this.isWrapped, parameters.has("wrap"));
  }

  clear() {
    this.restore(new URLSearchParams({ ...(isOn(this.isWrapped) && { wrap: 1 }), ...(isOn(this.isAbsolute) && { times: "absolute" }), ...(!this.withEvents.checked && { events: "no" }) }));
  }

  /** Show how many records each chip stands for; a stream that the trace does not have is not offered. */
  setCounts({ levels, streams, nodes }) {
    const of = { level: new Map(levels.map((found) => [found.value, found.count])), stream: new Map(streams.map((found) => [found.value, found.count])) };
    for (const chip of this.root.querySelectorAll("[data-chip]")) {
      const count = of[chip.dataset.chip].get(chip.dataset.value) ?? 0;
      chip.querySelector(".count").textContent = compact(count);
      chip.hidden = !count && !isOn(chip);
    }
    const chosen = this.node.value;
    const names = nodes.map((found) => found.value);
    if (chosen && !names.includes(chosen)) names.push(chosen);
    this.node.hidden = !names.length;
    this.node.replaceChildren(el("option", { value: "" }, "All nodes"), ...names.map((name) => {
      const found = nodes.find((one) => one.value === name);
      return el("option", { value: name }, found ? `${name} (${compact(found.count)})` : name);
    }));
    this.node.value = chosen;
  }

  /** Offer the debug lines that there are, or say why they are not shown. */
  showLines({ count, names, problems }) {
    this.linesBox.hidden = !count && !problems.length;
    this.withLines.hidden = !count;
    this.linesCount.textContent = count ? `${compact(count)} debug ${count === 1 ? "line" : "lines"}` : "No debug lines";
    this.linesBox.title = [count ? `Printed by ${names.join(", ")}; kept for minutes only` : "", ...problems].filter(Boolean).join("\n");
    this.linesBox.classList.toggle("has-problem", problems.length > 0);
  }

  press(name) {
    this[name].click();
  }

  #flip(chip) {
    const chosen = this.values[chip.dataset.chip];
    if (!chosen.delete(chip.dataset.value)) chosen.add(chip.dataset.value);
    setOn(chip, chosen.has(chip.dataset.value));
  }

  #chips(name, values, label) {
    return el("div", { class: "log-chips", role: "group", "aria-label": label }, ...values.map((value) => el("button", {
      type: "button", class: `log-chip ${name}-${value}`, "data-chip": name, "data-value": value, "aria-pressed": "false",
    }, value, el("span", { class: "count" }))));
  }

  #toggle(label, title) {
    return el("button", { type: "button", class: "button quiet", "aria-pressed": "false", title }, label);
  }
}

export const isOn = (button) => button.getAttribute("aria-pressed") === "true";

function setOn(button, value) {
  button.setAttribute("aria-pressed", String(value));
}
