/**
 * Completion in the filter: fields, then values, those first that lines have. An ARIA combobox: the focus stays in the
 * field, arrows move through the list.
 */
import { el } from "../dom.js";
import { writeValue } from "./filter-text.js";

const AT_FIELD = /(?:^|[\s(])-?([a-z_.]*)$/i;
const AT_VALUE = /(?:^|[\s(])-?([a-z_]+|field\.[^\s:]+)(:|!=|>=|<=|>|<|=)((?:[^\s"(),]|"[^"]*"?|,)*)$/i;
const MOST = 12;

/** `listValues(field)` returns values that lines have; `onAccept()` hears that the filter is whole. */
export function completeIn({ field, list, fields, listValues, onAccept }) {
  let items = [];
  let active = -1;

  function find() {
    const before = field.value.slice(0, field.selectionStart ?? field.value.length);
    const value = AT_VALUE.exec(before);
    if (value) return findValues(value, before.length);
    const name = AT_FIELD.exec(before)?.[1];
    if (name == null) return [];
    const start = before.length - name.length;
    const known = fields.map((one) => ({ text: `${one.name}:`, detail: one.hint, start, isField: true }));
    const structured = listValues("field").map((path) => ({ text: `field.${path}:`, detail: "A structured field", start, isField: true }));
    return [...known, ...structured].filter((one) => one.text.startsWith(name.toLowerCase()));
  }

  function findValues([, name, operator, given], end) {
    const last = given.slice(given.lastIndexOf(",") + 1);
    const known = fields.find((one) => one.name === name.toLowerCase());
    const prefix = last.replace(/^"|"$/g, "").toLowerCase();
    const values = known?.choices.length ? known.choices : listValues(known?.name ?? name);
    const found = values.filter((one) => one.toLowerCase().startsWith(prefix)).map((one) => ({ text: writeValue(one), start: end - last.length }));
    if (known?.is_ordered && operator === ":" && !given) found.unshift({ text: `${name}>=warn`, detail: "warnings and errors", start: end - name.length - 1 });
    if (!found.length && known && !given && !known.choices.length) return [{ text: known.example, detail: "for example", start: end }];
    return found.filter((one) => one.text !== last);
  }

  function offer() {
    items = document.activeElement === field ? find().slice(0, MOST) : [];
    active = -1;
    list.replaceChildren(...items.map((item, index) => {
      item.element = el("li", { role: "option", id: `completion-${index}`, "aria-selected": "false" }, el("span", { class: "clip mono" }, item.text), item.detail ? el("span", { class: "faint clip" }, item.detail) : null);
      return item.element;
    }));
    list.hidden = !items.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    field.removeAttribute("aria-activedescendant");
  }

  function activate(index) {
    items[active]?.element.setAttribute("aria-selected", "false");
    active = index;
    const element = items[active]?.element;
    element?.setAttribute("aria-selected", "true");
    element?.scrollIntoView({ block: "nearest" });
    if (element) field.setAttribute("aria-activedescendant", element.id);
    else field.removeAttribute("aria-activedescendant");
  }

  function accept(item) {
    field.setRangeText(item.isField ? item.text : `${item.text} `, item.start, field.selectionStart ?? field.value.length, "end");
    if (item.isField) offer();
    else {
      close();
      onAccept();
    }
  }

  function close() {
    items = [];
    active = -1;
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  field.addEventListener("input", offer);
  field.addEventListener("click", () => field.value === "" && offer());
  field.addEventListener("blur", () => setTimeout(() => document.activeElement !== field && close(), 120));
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (list.hidden) {
      if (event.key !== "ArrowDown") return;
      offer();
    } else if (event.key === "ArrowDown") activate(active + 1 >= items.length ? -1 : active + 1);
    else if (event.key === "ArrowUp") activate(active < 0 ? items.length - 1 : active - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Tab" && !event.shiftKey) accept(items[Math.max(0, active)]);
    else if (event.key === "Enter" && active >= 0) accept(items[active]);
    else {
      if (event.key === "Enter") close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = items.find((one) => one.element === event.target.closest("[role=option]"));
    if (item) accept(item);
  });
  return close;
}
