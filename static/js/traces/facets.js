/**
 * The facets beside the list: the values that are there, with how often, asked for after the list and never before it.
 * A click narrows to a value or lets it go, with Alt or Shift it leaves the value out.
 */
import { refreshTimes } from "../base.js";
import { el, icon } from "../dom.js";
import { compact } from "../format.js";
import { currentFilters, read } from "./api.js";
import { parts, toggleValue } from "./query.js";

const body = document.getElementById("trace-body");
const aside = document.getElementById("facets");
const list = document.getElementById("facet-list");
const LABELS = { status: "Status", workflow: "Workflow", model: "Model", environment: "Environment", service: "Service", version: "Version", agent: "Agent", tag: "Tag", user: "User", session: "Session", source: "Source", flag: "Flag" };
const YEAR_S = 31_536_000;
const narrow = matchMedia("(max-width: 900px)");
let loadedFor = null;
let abort = null;
let closed = new Set();

const isOpen = () => (narrow.matches ? body.classList.contains("is-drawer") : body.classList.contains("has-facets"));

export function toggleFacets(wanted = !isOpen()) {
  if (narrow.matches) body.classList.toggle("is-drawer", wanted);
  else {
    body.classList.toggle("has-facets", wanted);
    document.cookie = `trace-facets=${wanted ? "open" : "closed"}; path=/; max-age=${YEAR_S}; samesite=lax`;
  }
  showState();
  if (wanted) {
    loadFacets();
    if (narrow.matches) aside.querySelector("button")?.focus();
  } else if (aside.contains(document.activeElement)) document.querySelector("[data-facets-toggle]").focus();
}

function showState() {
  document.querySelector("[data-facets-toggle]")?.setAttribute("aria-expanded", String(isOpen()));
}

/** Read the facets of the filters in the address, unless they are there or nobody sees them. */
export async function loadFacets() {
  showState();
  const params = currentFilters();
  const key = location.search;
  if (!isOpen() || loadedFor === key) return;
  abort?.abort();
  abort = new AbortController();
  const { signal } = abort;
  list.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => list.classList.add("is-slow"), 200);
  const answer = await read("traces-facets", params, { signal });
  clearTimeout(slow);
  if (signal.aborted) return;
  list.classList.remove("is-slow");
  list.removeAttribute("aria-busy");
  loadedFor = answer ? key : null;
  draw(answer);
}

function draw(answer) {
  const focused = document.activeElement?.closest?.("[data-facet]")?.dataset.facet;
  if (!answer) {
    list.replaceChildren(el("p", { class: "faint small" }, "The facets could not be read. ", el("button", { class: "link", type: "button", "data-facets-again": true }, "Try again")));
    return;
  }
  const shown = answer.facets.filter((facet) => facet.values.length);
  list.replaceChildren(
    answer.is_partial ? el("p", { class: "faint small partial" }, icon("info"), answer.covered_from ? "Counted back to " : "Counted in part", answer.covered_from ? el("time", { datetime: answer.covered_from, "data-when": true }) : null) : "",
    ...shown.map((facet) => drawFacet(facet, { isPartial: answer.is_partial })),
    shown.length ? "" : el("p", { class: "faint small" }, "Nothing to choose from."),
  );
  if (focused) list.querySelector(`[data-facet="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  refreshTimes(list);
}

function drawFacet({ field, values, is_more: isMore }, { isPartial }) {
  const excluded = new Set(parts().filter((part) => part.field === field && part.operator === "!=").flatMap((part) => part.values));
  const most = Math.max(...values.map((one) => one.count));
  const box = el("details", { open: !closed.has(field), "data-facet-field": field },
    el("summary", {}, LABELS[field] ?? field),
    el("ul", {}, ...values.map((one) => drawValue(field, one, { most, isExcluded: excluded.has(one.value), isUnknown: isPartial && !one.count }))),
    isMore ? el("p", { class: "faint small" }, "The most frequent; type for others") : null);
  box.addEventListener("toggle", () => (box.open ? closed.delete(field) : closed.add(field)));
  return box;
}

function drawValue(field, { value, count, is_selected: isSelected }, { most, isExcluded, isUnknown }) {
  const bar = el("span", { class: "facet-bar", "aria-hidden": "true" });
  bar.style.width = `${Math.round((count / Math.max(1, most)) * 100)}%`;
  const button = el("button", {
    type: "button", class: "facet", "aria-pressed": String(isSelected), "data-facet": `${field}\n${value}`, "data-field": field, "data-value": value,
    title: `${value}\n${isSelected ? "Click to let it go" : "Click to narrow to it"}, Alt or Shift and click to leave it out`,
  }, el("span", { class: `clip${isExcluded ? " is-excluded" : ""}` }, value || "(empty)"), el("span", { class: "count" }, isUnknown ? "–" : compact(count)), bar);
  return el("li", {}, button);
}

list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-facet]");
  if (event.target.closest("[data-facets-again]")) loadFacets();
  if (!button) return;
  toggleValue(button.dataset.field, button.dataset.value, { isExcluded: event.altKey || event.shiftKey });
});

list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const button = event.target.closest("[data-facet]");
  if (!button || !(step || event.key === "-")) return;
  event.preventDefault();
  event.stopPropagation();
  if (event.key === "-") toggleValue(button.dataset.field, button.dataset.value, { isExcluded: true });
  const all = [...list.querySelectorAll("[data-facet], summary")].filter((one) => one.offsetParent);
  if (step) all[all.indexOf(button) + step]?.focus();
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-facets-toggle]")) toggleFacets();
  else if (event.target.closest?.("[data-facets-close]") || (body.classList.contains("is-drawer") && event.target === body)) toggleFacets(false);
});
aside.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !body.classList.contains("is-drawer")) return;
  event.preventDefault();
  toggleFacets(false);
});
narrow.addEventListener("change", () => {
  body.classList.remove("is-drawer");
  loadFacets();
});
