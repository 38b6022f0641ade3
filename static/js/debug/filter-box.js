/** The filter: its field, what is wrong with it, and its conditions as chips. It is applied on Enter. */
import { el, icon } from "../dom.js";
import { hideProblem, showProblem } from "../query-problem.js";
import { completeIn } from "./completion.js";
import { addCondition, removeCondition, splitConditions } from "./filter-text.js";

export class FilterBox {
  /** `apply(text)` resolves to `{ filter }` or `{ problem }`; `onApplied(text)` hears what holds from now on. */
  constructor({ apply, onApplied, listValues }) {
    Object.assign(this, { apply, onApplied });
    this.field = document.getElementById("filter");
    this.chips = document.getElementById("chips");
    this.parts = { field: this.field, marks: document.getElementById("query-marks"), problem: document.getElementById("query-problem") };
    this.applied = "";
    const fields = JSON.parse(document.getElementById("filter-fields").textContent);
    this.close = completeIn({ field: this.field, list: document.getElementById("completions"), fields, listValues, onAccept: () => this.submit() });
    document.getElementById("filter-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.field.addEventListener("input", () => {
      hideProblem(this.parts);
      // The cross of the field.
      if (!this.field.value && this.applied) this.submit();
    });
    this.field.addEventListener("scroll", () => (this.parts.marks.scrollLeft = this.field.scrollLeft));
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      hideProblem(this.parts);
      this.field.value = this.applied;
      this.field.blur();
    });
    this.chips.addEventListener("click", (event) => {
      const chip = event.target.closest("[data-chip]");
      if (!chip) return;
      if (event.target.closest("[data-remove]")) this.set(removeCondition(this.applied, Number(chip.dataset.chip)));
      else this.#edit(Number(chip.dataset.chip));
    });
  }

  /** Show what holds, without asking for it. */
  show(text) {
    this.applied = text;
    if (document.activeElement !== this.field) this.field.value = text;
    const conditions = splitConditions(text);
    this.chips.hidden = !conditions.length;
    this.chips.replaceChildren(...conditions.map((condition, index) => el("span", { class: "chip", "data-chip": index },
      el("button", { type: "button", class: "mono clip", title: `Edit: ${condition}` }, condition),
      el("button", { type: "button", class: "chip-remove", "data-remove": true, "aria-label": `Remove ${condition}` }, icon("close")))));
  }

  set(text) {
    this.field.value = text;
    return this.submit();
  }

  add(name, value, options) {
    return this.set(addCondition(this.applied, name, value, options));
  }

  async submit() {
    const text = this.field.value.trim();
    hideProblem(this.parts);
    if (text === this.applied) return;
    const { problem, filter, isCurrent = true } = await this.apply(text);
    if (!isCurrent) return;
    if (problem) {
      showProblem(this.parts, problem);
      return;
    }
    this.field.value = filter;
    this.show(filter);
    this.onApplied(filter);
  }

  #edit(index) {
    const conditions = splitConditions(this.applied);
    const rest = removeCondition(this.applied, index);
    this.field.value = rest ? `${rest} ${conditions[index]}` : conditions[index];
    this.field.focus();
    this.field.setSelectionRange(this.field.value.length - conditions[index].length, this.field.value.length);
  }
}
