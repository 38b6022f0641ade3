/**
 * The command palette: a combobox over everything that can be done, every place one can go to, and any id. Loaded when
 * it is first opened.
 */
import { listActions } from "./actions.js";
import { el, icon } from "./dom.js";
import { match } from "./fuzzy.js";
import { request } from "./request.js";

const RECENT_SHOWN = 5;
const RECENT_KEPT = 20;
const SHOWN = 60;
const ASK_AFTER_MS = 150;
const ID = /^[^\s]{4,200}$/;
const GROUPS = ["Found", "Recent", "This page", "Go to", "Saved views", "Switch project", "Account", "Appearance", "Help"];

const config = JSON.parse(document.getElementById("palette-data").textContent);
const storageKey = `playhead.recent.${config.person}`;
const state = { options: [], active: 0, found: [], views: null, asked: "", request: null, timer: 0, returnsTo: null };

const input = el("input", {
  class: "palette-input", id: "palette-input", type: "text", role: "combobox", "aria-expanded": "true",
  "aria-controls": "palette-list", "aria-autocomplete": "list", "aria-label": "Type a command, a page or an id",
  placeholder: "Type a command, a page or any id", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
});
const list = el("div", { class: "palette-list", id: "palette-list", role: "listbox", "aria-label": "Commands" });
const count = el("div", { class: "visually-hidden", role: "status" });
const dialog = el(
  "dialog", { class: "palette", id: "palette", "aria-label": "Command palette" },
  el("div", { class: "palette-field" }, icon("search"), input, el("kbd", { "aria-hidden": "true" }, "Esc")),
  list, count,
  el("div", { class: "palette-foot", "aria-hidden": "true" },
    el("span", {}, el("kbd", {}, "↑"), el("kbd", {}, "↓"), " move"),
    el("span", {}, el("kbd", {}, "Enter"), " do it"),
    el("span", {}, el("kbd", {}, "Ctrl"), el("kbd", {}, "Enter"), " in a new tab")),
);
document.body.append(dialog);

/** Open the palette, with what was `typed` already, or close it when it is open. */
export function togglePalette(typed = "") {
  if (dialog.open) {
    dialog.close();
    return;
  }
  for (const menu of document.querySelectorAll(".menu:popover-open")) menu.hidePopover();
  Object.assign(state, { active: 0, found: [], asked: "" });
  input.value = typed;
  dialog.showModal();
  input.focus();
  ask();
  draw();
  loadViews();
}

/* What can be chosen */

function listOptions() {
  const actions = [...listActions(), ...(state.views ?? [])];
  const typed = input.value.trim();
  return typed ? [...state.found, ...rank(typed, actions)].slice(0, SHOWN) : listUntyped(actions);
}

function listUntyped(actions) {
  const known = new Map(actions.map((action) => [action.id, action]));
  const recent = readRecent()
    // What has no address can only be done where it exists.
    .map((entry) => known.get(entry.id) ?? (entry.url ? entry : null))
    .filter((entry) => entry && !isHere(entry.url))
    .slice(0, RECENT_SHOWN)
    .map((entry) => ({ ...entry, group: "Recent", at: [] }));
  const taken = new Set(recent.map((entry) => entry.id));
  const others = actions.filter((action) => !taken.has(action.id)).map((action) => ({ ...action, at: [] }));
  return [...recent, ...byGroup(others)];
}

function byGroup(actions) {
  const place = (action) => (GROUPS.includes(action.group) ? GROUPS.indexOf(action.group) : GROUPS.indexOf("This page"));
  return actions.map((action, index) => ({ action, index })).sort((a, b) => place(a.action) - place(b.action) || a.index - b.index).map(({ action }) => action);
}

/** Best first; groups follow their best member, so that the first option is the best of all. */
function rank(typed, actions) {
  const hits = [];
  for (const action of actions) {
    const label = match(typed, action.label);
    const other = label ? null : match(typed, `${action.label} ${action.group} ${action.detail ?? ""} ${action.words ?? ""}`);
    if (label) hits.push({ ...action, at: label.at, score: label.score + 10 });
    else if (other) hits.push({ ...action, at: [], score: other.score });
  }
  hits.sort((a, b) => b.score - a.score);
  const order = [...new Set(hits.map((hit) => hit.group))];
  const ranked = order.flatMap((group) => hits.filter((hit) => hit.group === group));
  return config.search_url ? [...ranked, searchFor(typed)] : ranked;
}

function searchFor(typed) {
  const url = `${config.search_url}?${new URLSearchParams({ q: /[\s:"()]/.test(typed) ? typed : `"${typed}"` })}`;
  return { id: "search", group: "Go to", label: `Search traces for ${typed}`, icon: "search", url, at: [], isPassing: true };
}

const isHere = (url) => Boolean(url) && new URL(url, location.href).href === location.href;

/* Ids and saved views: asked of the server */

function ask() {
  clearTimeout(state.timer);
  const typed = input.value.trim();
  if (typed === state.asked) return;
  state.request?.abort();
  Object.assign(state, { asked: typed, found: [] });
  if (!config.jump_url || !ID.test(typed)) return;
  state.timer = setTimeout(() => jump(typed), ASK_AFTER_MS);
}

async function jump(typed) {
  const asking = new AbortController();
  state.request = asking;
  const query = new URLSearchParams({ id: typed, ...(config.project && { project: config.project }) });
  const answer = await readJson(`${config.jump_url}?${query}`, asking.signal);
  if (asking.signal.aborted || typed !== input.value.trim()) return;
  state.found = (answer?.items ?? []).map((item) => ({
    id: `found.${item.kind}.${item.id}`, group: "Found", label: item.label || item.id, detail: item.kind,
    icon: KIND_ICONS[item.kind] ?? "right", url: item.url, at: [],
  }));
  if (state.found.length) draw();
}

const KIND_ICONS = { trace: "workflow", event: "event", session: "user", correlation: "link", step: "node", project: "logo", key: "key" };

async function loadViews() {
  if (state.views || !config.views_url) return;
  const answer = await readJson(`${config.views_url}?${new URLSearchParams({ project: config.project })}`);
  state.views = (answer?.items ?? []).map((view) => ({
    id: `view.${config.project}.${view.id}`, group: "Saved views", label: view.name, icon: "bookmark",
    detail: view.is_shared ? `shared by ${view.owner}` : "", words: view.q, url: addressOf(view),
  }));
  if (dialog.open && state.views.length) draw();
}

/** Return where a view's menu entry leads, too. */
function addressOf({ id, q, range, from, to }) {
  const given = Object.entries({ q, range, from, to, view: id }).filter(([, value]) => value);
  return `${config.search_url}?${new URLSearchParams(given)}`;
}

async function readJson(url, signal) {
  try {
    const response = await request(url, { signal, headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/* Drawing */

function draw() {
  const kept = state.options[state.active]?.id;
  state.options = listOptions();
  const at = state.active > 0 ? state.options.findIndex((option) => option.id === kept) : 0;
  state.active = Math.max(0, at);
  const groups = [];
  for (const [index, option] of state.options.entries()) {
    if (groups.at(-1)?.name !== option.group) groups.push({ name: option.group, options: [] });
    groups.at(-1).options.push(makeOption(option, index));
  }
  list.replaceChildren(...groups.map((group, index) => makeGroup(group, index)));
  if (!state.options.length) list.append(el("p", { class: "palette-none" }, "Nothing goes by that name."));
  count.textContent = `${state.options.length} to choose from`;
  mark();
}

function makeGroup({ name, options }, index) {
  const title = el("div", { class: "palette-group", id: `palette-group-${index}`, role: "presentation" }, name);
  return el("div", { role: "group", "aria-labelledby": title.id }, title, ...options);
}

function makeOption(option, index) {
  const keys = (option.keys ?? []).map((key) => el("kbd", {}, key));
  return el(
    "div", { class: "palette-option", role: "option", id: `palette-${index}`, "data-index": String(index), "aria-selected": "false" },
    icon(option.icon ?? "right"),
    el("span", { class: "clip" }, ...emphasize(option.label, option.at ?? [])),
    option.detail && el("span", { class: "palette-detail clip" }, option.detail),
    keys.length > 0 && el("span", { class: "palette-keys", "aria-hidden": "true" }, ...keys),
  );
}

function emphasize(text, places) {
  const wanted = new Set(places);
  const parts = [];
  for (const [index, letter] of [...text].entries()) {
    const is = wanted.has(index);
    if (parts.length && parts.at(-1).is === is) parts.at(-1).text += letter;
    else parts.push({ is, text: letter });
  }
  return parts.map((part) => (part.is ? el("mark", {}, part.text) : part.text));
}

function mark() {
  for (const node of list.querySelectorAll("[aria-selected=true]")) node.setAttribute("aria-selected", "false");
  const node = document.getElementById(`palette-${state.active}`);
  node?.setAttribute("aria-selected", "true");
  if (node) input.setAttribute("aria-activedescendant", node.id);
  else input.removeAttribute("aria-activedescendant");
  if (state.active === 0) list.scrollTop = 0;
  else node?.scrollIntoView({ block: "nearest" });
}

/* Choosing */

function choose(option, { inNewTab = false } = {}) {
  if (!option) return;
  remember(option);
  dialog.close();
  if (!option.url) option.run();
  else if (inNewTab) window.open(option.url, "_blank", "noopener");
  else location.assign(option.url);
}

function readRecent() {
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey) ?? "[]");
    return Array.isArray(kept) ? kept.filter((entry) => typeof entry?.id === "string" && typeof entry.label === "string") : [];
  } catch {
    return [];
  }
}

function remember({ id, label, icon: symbol, url, detail, isPassing }) {
  if (isPassing) return;
  const others = readRecent().filter((entry) => entry.id !== id);
  try {
    localStorage.setItem(storageKey, JSON.stringify([{ id, label, icon: symbol, url, detail }, ...others].slice(0, RECENT_KEPT)));
  } catch {
    // A full or forbidden storage costs the recent entries alone.
  }
}

input.addEventListener("input", () => {
  state.active = 0;
  ask();
  draw();
});

dialog.addEventListener("keydown", (event) => {
  const last = state.options.length - 1;
  const page = 8;
  const moves = {
    ArrowDown: state.active < last ? state.active + 1 : 0,
    ArrowUp: state.active > 0 ? state.active - 1 : last,
    PageDown: Math.min(last, state.active + page),
    PageUp: Math.max(0, state.active - page),
  };
  if (event.key === "Tab") event.preventDefault();
  else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    choose(state.options[state.active], { inNewTab: event.ctrlKey || event.metaKey });
  } else if (event.key in moves && last >= 0) {
    event.preventDefault();
    state.active = moves[event.key];
    mark();
  }
  event.stopPropagation();
});
list.addEventListener("pointermove", (event) => {
  const node = event.target.closest("[role=option]");
  if (!node || Number(node.dataset.index) === state.active) return;
  state.active = Number(node.dataset.index);
  mark();
});
list.addEventListener("click", (event) => {
  const node = event.target.closest("[role=option]");
  if (node) choose(state.options[Number(node.dataset.index)], { inNewTab: event.ctrlKey || event.metaKey });
});
