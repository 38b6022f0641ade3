/** The checks of a rerun: one form a check, from the templates that the server wrote. */
import { parseJson } from "./json-field.js";

export class Checks {
  constructor({ sheet, root, choice, onChange }) {
    Object.assign(this, { sheet, root, onChange });
    choice.addEventListener("change", () => {
      if (choice.value) this.add(choice.value);
      choice.value = "";
    });
    root.addEventListener("input", onChange);
    root.addEventListener("click", (event) => {
      if (!event.target.closest("[data-rr-remove]")) return;
      event.target.closest(".rr-check").remove();
      onChange();
    });
  }

  add(type) {
    const made = document.importNode(this.sheet.querySelector(`template[data-check="${type}"]`).content, true).firstElementChild;
    made.dataset.type = type;
    this.root.append(made);
    made.querySelector("input, select, textarea").focus();
    this.onChange();
  }

  get count() {
    return this.root.children.length;
  }

  /**
   * The checks as the API takes them; in a draft, without those that are not filled in yet. Throws an error whose
   * `element` is the field that cannot be read.
   */
  read({ isDraft }) {
    return [...this.root.children].filter((form) => !isDraft || !form.querySelector(":invalid")).map((form) => {
      const empty = form.querySelector("[data-name]:invalid");
      if (empty) throw Object.assign(new Error(`evaluations: ${empty.closest("label").querySelector("span").textContent}: fill this in.`), { element: empty, field: "evaluations" });
      const check = { type: form.dataset.type };
      for (const field of form.querySelectorAll("[data-name]")) {
        const value = readField(field);
        field.setAttribute("aria-invalid", "false");
        if (value !== undefined) check[field.dataset.name] = value;
      }
      return check;
    });
  }

  /** Point at the check that the server refused: `evaluations[2]: max_tokens: …`. */
  mark(message) {
    const [, place, name] = /evaluations\[(\d+)\]: (\w+)?/.exec(message) ?? [];
    const field = this.root.children[Number(place)]?.querySelector(`[data-name="${name}"]`);
    field?.setAttribute("aria-invalid", "true");
    return field ?? null;
  }
}

function readField(field) {
  const text = field.value.trim();
  switch (field.dataset.kind) {
    case "flag": return field.checked;
    case "number": return text === "" ? undefined : Number(text);
    case "lines": return text === "" ? undefined : text.split("\n").map((line) => line.trim()).filter(Boolean);
    case "json": {
      const { value, problem } = parseJson(text);
      if (problem) throw Object.assign(new Error(problem), { element: field });
      return value;
    }
    default: return text === "" ? undefined : field.value;
  }
}
