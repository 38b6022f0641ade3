/**
 * The query of the list: the field, the conditions it consists of, and what is wrong with it. The server reads the
 * grammar; here its outermost conditions are put together anew (`#query-parts`), as `observability/query` spells them.
 */

import * as queryProblem from "../query-problem.js";

const form = document.getElementById("filters");
export const field = document.getElementById("q");
const marks = document.getElementById("query-marks");
const elements = { field, marks, problem: document.getElementById("query-problem") };
// A field's value at the end may go on, and what there is of it may be none yet: a space or Enter ends it.
const UNFINISHED = /([:=<>][^\s]*|[,(]|(^|\s)(AND|OR|NOT|-))$/;
const SAFE = /^[^\s"(),*=<>][^\s"(),*]*$/;
const TYPING_MS = 350;
const CHOOSING_MS = 1200;
let sent = field.value.trim();
let timer = 0;

/** The conditions of the list that is shown. */
export function parts() {
  return JSON.parse(document.getElementById("query-parts")?.textContent || "[]") ?? [];
}

/** Write a value as the grammar does. */
export function writeValue(text) {
  return SAFE.test(text) && !["AND", "OR", "NOT"].includes(text) ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Put the query in the field and ask for its list. */
export function ask(text) {
  field.value = text;
  submit();
}

export function submit() {
  clearTimeout(timer);
  form.requestSubmit();
}

/**
 * Add a value of a field, or take it away when it is there already. `isExcluded` asks for what does not have it.
 * A condition with other values is widened: `status:error` becomes `status:error,running`.
 */
export function toggleValue(name, value, { isExcluded = false } = {}) {
  const operator = isExcluded ? "!=" : ":";
  const kept = parts();
  const at = kept.findIndex((part) => part.field === name && part.operator === operator && part.values.every((one) => !one.includes("*")));
  const values = at < 0 ? [] : kept[at].values;
  const next = values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
  const text = next.length ? `${isExcluded ? "-" : ""}${name}:${next.map(writeValue).join(",")}` : "";
  if (at < 0) kept.push({ text });
  else kept[at] = { text };
  ask(kept.map((part) => part.text).filter(Boolean).join(" "));
}

/** Let the reader change one condition: it moves to the end of the field and is selected there. */
export function edit(index) {
  const all = parts();
  const rest = all.filter((_, at) => at !== index).map((part) => part.text).join(" ");
  field.value = rest ? `${rest} ${all[index].text}` : all[index].text;
  field.focus();
  field.setSelectionRange(field.value.length - all[index].text.length, field.value.length);
}

/* Asking while typing */

field.addEventListener("input", () => {
  clearTimeout(timer);
  queryProblem.hideProblem(elements);
  if (!isUnfinished(field.value)) timer = setTimeout(askUnlessChoosing, TYPING_MS);
});

/** Who has completions before them is probably about to take one. */
function askUnlessChoosing() {
  if (field.value.trim() === sent) return;
  if (field.getAttribute("aria-expanded") === "true") timer = setTimeout(submit, CHOOSING_MS);
  else submit();
}

/** Whether the text ends where something must still come: asking now would only bring an error. */
function isUnfinished(text) {
  const unquoted = text.replace(/\\./g, "").replace(/"[^"]*"/g, "");
  return UNFINISHED.test(unquoted) || unquoted.includes('"') || unquoted.split("(").length !== unquoted.split(")").length;
}

form.addEventListener("change", (event) => {
  if (event.target !== field) submit();
});

form.addEventListener("htmx:configRequest", (event) => {
  sent = field.value.trim();
  const { parameters } = event.detail;
  // The address holds only what says something.
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  const address = new URLSearchParams(location.search);
  for (const name of ["view", "columns"]) {
    delete parameters[name];
    if (address.get(name)) parameters[name] = address.get(name);
  }
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "results") return;
  queryProblem.hideProblem(elements);
  // What was asked by a link (a chip, a status, an older page) is what the field says, unless the reader is typing.
  const asked = new URLSearchParams(location.search).get("q") ?? "";
  if (event.detail.requestConfig?.elt !== form && field.value.trim() !== asked) field.value = asked;
  sent = field.value.trim();
});

/* Problems */

// The place says more than the frame's words for a refused request; and the list stays as it is.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target } = event.detail;
  if (xhr.status !== 400 || target?.id !== "results") return;
  event.detail.isError = false;
  event.detail.shouldSwap = false;
  let answer = {};
  try {
    answer = JSON.parse(xhr.responseText);
  } catch {
    // Said without its place then.
  }
  queryProblem.showProblem(elements, answer);
});

field.addEventListener("scroll", () => (marks.scrollLeft = field.scrollLeft));
