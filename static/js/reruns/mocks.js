/** The mock table: what answers calls of a tool or model that are not frozen, and the prompts that are replaced. */
import { el, icon } from "../dom.js";
import { makeJsonField } from "./json-field.js";

const MOST_CALLS = 50;
const MODES = [["", "Not mocked"], ["mock-all", "Mock all calls"], ["mock-specific", "Mock specific calls"], ["live", "May happen, also if strict"]];

export class Mocks {
  /** `readOutput(call)` returns what a call answered then, to begin with. */
  constructor({ root, onChange, readOutput }) {
    Object.assign(this, { root, onChange, readOutput });
    this.entries = new Map();
  }

  /** List the tools and models of the source, once. */
  take(calls) {
    if (this.entries.size) return;
    for (const call of calls.filter(({ kind }) => kind === "tool" || kind === "ai")) {
      const key = `${call.kind} ${call.name}`;
      if (!this.entries.has(key)) this.entries.set(key, { kind: call.kind, name: call.name, calls: [], mode: "", fields: new Map() });
      this.entries.get(key).calls.push(call);
    }
    this.root.replaceChildren(...[...this.entries.values()].map((entry) => this.#makeRow(entry)));
    if (!this.entries.size) this.root.replaceChildren(el("p", { class: "faint" }, "The source called no tool or model."));
  }

  /** `{tool, ai}` as the API takes them; null while a field cannot be read, which then has the focus. */
  read() {
    const made = { tool: {}, ai: {} };
    for (const entry of this.entries.values()) {
      if (!entry.mode) continue;
      const config = { mode: entry.mode };
      for (const [call, field] of entry.mode === "live" ? [] : entry.fields) {
        const found = field.check();
        if (found.problem) {
          field.area.focus();
          return null;
        }
        (config.mockData ??= {})[call] = found.value ?? null;
      }
      if (entry.mode === "mock-specific") config.callIndices = [...entry.fields.keys()].map(Number).sort((a, b) => a - b);
      made[entry.kind][entry.name] = config;
    }
    return made;
  }

  get count() {
    return [...this.entries.values()].filter((entry) => entry.mode).length;
  }

  #makeRow(entry) {
    const select = el("select", { class: "select", "aria-label": `Mock ${entry.name}` }, ...MODES.map(([value, label]) => el("option", { value }, label)));
    const body = el("div", { class: "rr-mock-body" });
    select.addEventListener("change", () => {
      entry.mode = select.value;
      entry.fields.clear();
      body.replaceChildren();
      if (entry.mode === "mock-all") this.#addField(entry, body, "0", entry.calls[0]);
      if (entry.mode === "mock-specific") body.append(this.#makeChoices(entry));
      this.onChange();
    });
    return el("div", { class: `rr-mock kind-${entry.kind}` }, el("div", { class: "rr-mock-head" }, icon(entry.kind, "kind-icon"), el("span", { class: "clip" }, entry.name), el("span", { class: "faint" }, `×${entry.calls.length}`), select), body);
  }

  #makeChoices(entry) {
    const list = el("div", { class: "stack" });
    for (const call of entry.calls.slice(0, MOST_CALLS)) {
      const box = el("input", { type: "checkbox" });
      const place = el("div");
      box.addEventListener("change", () => {
        place.replaceChildren();
        entry.fields.delete(String(call.number));
        if (box.checked) this.#addField(entry, place, String(call.number), call);
        this.onChange();
      });
      list.append(el("div", {}, el("label", { class: "row" }, box, `Call ${call.number}`), place));
    }
    return list;
  }

  /** The recorded answer is a good beginning, if the reader has not written anything by then. */
  async #addField(entry, place, number, call) {
    const label = number === "0" ? `What every call of ${entry.name} answers, as JSON` : `What call ${number} of ${entry.name} answers, as JSON`;
    const field = makeJsonField({ label, onChange: this.onChange });
    entry.fields.set(number, field);
    place.append(field.element);
    const value = await this.readOutput(call).catch(() => undefined);
    if (value === undefined || field.area.value) return;
    field.area.value = JSON.stringify(value, null, 2);
    this.onChange();
  }
}

export class Prompts {
  constructor({ root, add, onChange }) {
    Object.assign(this, { root, onChange });
    this.known = el("datalist", { id: "rr-prompt-names" });
    root.before(this.known);
    add.addEventListener("click", () => this.#add());
  }

  /** Offer the names that the source's prompts had. */
  take(calls) {
    const names = new Set(calls.map((call) => call.promptName).filter(Boolean));
    this.known.replaceChildren(...[...names].map((name) => el("option", { value: name })));
  }

  /** `{system, user}`, each texts by name. */
  read() {
    const made = { system: {}, user: {} };
    for (const row of this.root.children) {
      const name = row.querySelector("[data-prompt-name]").value.trim();
      if (name) made[row.querySelector("select").value][name] = row.querySelector("textarea").value;
    }
    return made;
  }

  get count() {
    return this.root.children.length;
  }

  #add() {
    const remove = el("button", { type: "button", class: "button quiet icon-only", "aria-label": "Remove this prompt" }, icon("close"));
    const name = el("input", { class: "input", "data-prompt-name": true, "aria-label": "Name of the prompt", placeholder: "Name of the prompt", list: "rr-prompt-names" });
    const row = el("div", { class: "rr-prompt" },
      el("div", { class: "row" }, el("select", { class: "select", "aria-label": "Which prompt" }, el("option", { value: "system" }, "System"), el("option", { value: "user" }, "User")), name, remove),
      el("textarea", { class: "input", rows: "4", "aria-label": "Text of the prompt", placeholder: "The text that takes its place" }));
    row.addEventListener("input", this.onChange);
    remove.addEventListener("click", () => {
      row.remove();
      this.onChange();
    });
    this.root.append(row);
    name.focus();
    this.onChange();
  }
}
