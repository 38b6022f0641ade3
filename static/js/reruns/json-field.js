/** Text fields that hold JSON: what cannot be read is said at the field, with the place. */
import { el } from "../dom.js";

/** Return `{ value }`, or `{ problem }` in words; an empty text is `{}`. */
export function parseJson(text) {
  if (!text.trim()) return {};
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: explain(error, text) };
  }
}

function explain(error, text) {
  const at = Number(/position (\d+)/.exec(error.message)?.[1] ?? NaN);
  const said = error.message.replace(/ in JSON at position.*| is not valid JSON.*|^JSON\.parse: /g, "").replace(/, "[\s\S]*$/, "");
  if (Number.isNaN(at)) return `This is no JSON: ${said}. Texts stand in double quotes.`;
  const before = text.slice(0, at).split("\n");
  return `This is no JSON: ${said}, line ${before.length}, character ${before.at(-1).length + 1}.`;
}

/** Make a field with a label that no eye needs; `onChange()` hears every change. */
export function makeJsonField({ label, value, onChange, rows = 3 }) {
  const area = el("textarea", { class: "input", rows: String(rows), spellcheck: "false", "aria-label": label });
  const problem = el("span", { class: "field-error", role: "alert" });
  if (value !== undefined) area.value = JSON.stringify(value, null, 2);
  area.addEventListener("input", () => {
    check();
    onChange();
  });
  const check = () => {
    const found = parseJson(area.value);
    area.setAttribute("aria-invalid", String(Boolean(found.problem)));
    problem.textContent = found.problem ?? "";
    return found;
  };
  return { element: el("div", { class: "field" }, area, problem), area, check };
}
