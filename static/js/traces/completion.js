/**
 * Completion in the query field: fields, then operators, then values that are there, with how often; and for an id, the
 * place it leads to. An ARIA combobox: the focus stays in the field, arrows move through the list.
 */
import { el } from "../dom.js";
import { read } from "./api.js";
import { field, submit } from "./query.js";

const list = document.getElementById("completions");
const WAIT_MS = 120;
const AT_FIELD = /(?:^|[\s(])-?([a-z_]*)$/i;
const AT_VALUE = /(?:^|[\s(])-?([a-z_]+)(:|!=|>=|<=|>|<|=)\(?((?:[^\s"(),]|"(?:[^"\\]|\\.)*"?|,)*)$/i;
const ID = /^[^\s"()<>=,]{4,200}$/;

let items = [];
let active = -1;
let timer = 0;
let abort = null;
let fields = null;

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(offer, WAIT_MS);
});
field.addEventListener("click", () => field.value === "" && offer());
field.addEventListener("blur", () => setTimeout(() => document.activeElement !== field && close(), 120));
field.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" && list.hidden) {
    event.preventDefault();
    offer();
  } else if (!list.hidden) keyInList(event);
  else if (event.key === "Enter") close();
});
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const index = items.findIndex((item) => item.element === event.target.closest("[role=option]"));
  if (index >= 0) accept(items[index]);
});

function keyInList(event) {
  const moves = { ArrowDown: active + 1, ArrowUp: active < 0 ? items.length - 1 : active - 1 };
  if (event.key in moves) activate(moves[event.key] >= items.length ? -1 : moves[event.key]);
  else if (event.key === "Escape") close();
  else if (event.key === "Tab" && !event.shiftKey) accept(items[Math.max(0, active)]);
  else if (event.key === "Enter" && (active >= 0 || items[0]?.url)) accept(items[Math.max(0, active)]);
  else {
    if (event.key === "Enter") close();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

/** Find what fits at the caret and show it. */
async function offer() {
  abort?.abort();
  abort = new AbortController();
  const { signal } = abort;
  const before = field.value.slice(0, field.selectionStart ?? field.value.length);
  const [completions, jumps] = await Promise.all([complete(before, signal), jump(field.value.trim(), signal)]).catch(() => [[], []]);
  if (signal.aborted || document.activeElement !== field) return;
  show([...jumps, ...completions]);
}

async function jump(text, signal) {
  if (!ID.test(text) || !/\d|::|-/.test(text) || /^[a-z_]+:[^:]*$/i.test(text)) return [];
  const found = await read("jump", { id: text }, { signal });
  return (found?.items ?? []).map((item) => ({ text: `Go to ${item.kind} ${item.label || item.id}`, url: item.url, kind: "jump" }));
}

async function complete(before, signal) {
  fields ??= (await read("traces-completions", {}, { signal }))?.items ?? null;
  const value = AT_VALUE.exec(before);
  if (value) return completeValue(value, before, signal);
  const name = AT_FIELD.exec(before);
  if (!name) return [];
  const prefix = name[1].toLowerCase();
  const start = before.length - name[1].length;
  return (fields ?? []).filter((one) => one.text.startsWith(prefix)).map((one) => ({ ...one, start, insert: one.text }));
}

const SHORT_NAMES = ["env", "trace"];

async function completeValue([found, name, operator, given], before, signal) {
  const name_ = name.toLowerCase();
  if (!SHORT_NAMES.includes(name_) && !fields?.some((one) => one.text === `${name_}:`)) return [];
  const last = given.slice(given.lastIndexOf(",") + 1);
  const prefix = last.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1");
  const params = { field: name_ };
  if (prefix) params.prefix = prefix;
  const answer = await read("traces-completions", params, { signal });
  const valueStart = before.length - last.length;
  // Operators and examples are spelt with their field, and take the place of what there is of it.
  const termStart = before.length - found.trimStart().replace(/^[(-]+/, "").length;
  return (answer?.items ?? [])
    .filter((one) => one.kind === "value" || (operator === ":" && !given))
    .map((one) => ({ ...one, start: one.kind === "value" ? valueStart : termStart, insert: one.text }))
    .filter((one) => one.insert !== last);
}

function show(found) {
  items = found;
  active = -1;
  list.replaceChildren(...items.map((item, index) => {
    item.element = el("li", { role: "option", id: `completion-${index}`, "aria-selected": "false", class: item.kind },
      el("span", { class: item.kind === "jump" ? "clip" : "clip mono" }, item.text),
      item.detail ? el("span", { class: "faint clip" }, item.detail) : null,
      item.count != null ? el("span", { class: "count" }, String(item.count)) : null);
    return item.element;
  }));
  list.hidden = !items.length;
  field.setAttribute("aria-expanded", String(!list.hidden));
  field.removeAttribute("aria-activedescendant");
  if (items[0]?.url) activate(0);
}

function activate(index) {
  items[active]?.element.setAttribute("aria-selected", "false");
  active = index;
  const { element } = items[active] ?? {};
  if (!element) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  element.setAttribute("aria-selected", "true");
  element.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", element.id);
}

function accept(item) {
  if (item.url) {
    location.assign(item.url);
    return;
  }
  const end = field.selectionStart ?? field.value.length;
  const isField = item.kind === "field" || item.kind === "operator";
  const after = field.value.slice(end);
  const insert = isField || after.startsWith(" ") ? item.insert : `${item.insert} `;
  field.setRangeText(insert, item.start, end, "end");
  if (isField) {
    offer();
    return;
  }
  close();
  submit();
}

export function close() {
  clearTimeout(timer);
  abort?.abort();
  list.hidden = true;
  items = [];
  active = -1;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

