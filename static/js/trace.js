/**
 * The Trace page. Reads the events in windows, first a small one, so that the first rows are there at once; then only
 * what changed, whenever the live connection hints at it. The address always restores what is shown.
 */
import { isTyping, refreshTimes, toast } from "./base.js";
import { grouped } from "./format.js";
import { coalesce, connectLive } from "./live.js";
import { LogView } from "./trace/log.js";
import { Panel } from "./trace/panel.js";
import { KINDS, TraceStore } from "./trace/store.js";
import { Timeline } from "./trace/timeline.js";

const FIRST_WINDOW = 1000;
const NEXT_WINDOW = 10000;
const LOG_WINDOW = 5000;
const MOST_WITH_PREVIEWS = 2000;
const LIVE_INTERVAL_MS = 250;
const TICK_MS = 200;
const FOLLOW_DELAY_MS = 90;

const page = document.getElementById("trace");
const urls = page.dataset;
const serverAhead = Date.parse(urls.now) - Date.now();
/** Now, in microseconds, by the server's clock. */
const now = () => (Date.now() + serverAhead) * 1000;

const store = new TraceStore();
const timeline = new Timeline({ root: document.querySelector(".timeline"), store, now, onOpen: (index) => openEvent(index), onActive: followActive });
const log = new LogView({
  root: document.querySelector(".log"), store, isFollowing: () => isLoaded && timeline.hasOpen,
  onOpenEvent: (index) => openEvent(index),
  onOpenRecord: (record) => {
    setAddress({ event: null });
    timeline.select(-1);
    panel.showLog(record, { openEvent: (spanId) => openEvent(store.find(spanId), { isRevealed: true }) });
  },
});
const panel = new Panel({ root: document.querySelector(".side"), onClose: closePanel });
const progress = document.getElementById("progress");

/* Reading */

async function getJson(address, parameters) {
  const query = new URLSearchParams({ project: urls.project, ...parameters });
  const response = await fetch(`${address}?${query}`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw Object.assign(new Error(`The server answered ${response.status}`), { status: response.status });
  return response.json();
}

let since = null;
let isLoading = false;
let isLoaded = false;
let logSince = null;

const hasPreviews = Number(urls.eventCount) <= MOST_WITH_PREVIEWS;
const readWindow = (cursor, limit, more = {}) => getJson(urls.eventsUrl, { limit, previews: hasPreviews, ...more, ...(cursor && { cursor }) });

/** Read all events; the next window is under way while one is being shown. */
async function loadEvents() {
  let reading = readWindow(null, FIRST_WINDOW);
  while (reading) {
    const window = await reading;
    since ??= window.since;
    reading = window.next_cursor ? readWindow(window.next_cursor, NEXT_WINDOW) : null;
    isLoaded = !reading;
    take(window.items);
    say(reading ? `${grouped(store.length)} of ${grouped(Number(urls.eventCount))} events` : "");
  }
}

/** Start reading, or start over where reading broke off: rows that are there already stay. */
async function load() {
  if (isLoaded || isLoading) return;
  isLoading = true;
  try {
    await loadEvents();
    showProblem("");
  } catch (error) {
    say("");
    showProblem(error.status === 404 ? "This trace has been deleted." : `The events could not be read. ${error.message}. Trying again.`);
  } finally {
    isLoading = false;
  }
}

function showProblem(text) {
  const box = document.getElementById("load-error");
  box.hidden = !text;
  box.querySelector("p").textContent = text;
}

/** Read what changed since the last read. Windows of a change are rare, but a long sleep may need several. */
async function loadChanges() {
  let cursor = null;
  let next = null;
  do {
    const window = await readWindow(cursor, NEXT_WINDOW, { since });
    next ??= window.since;
    if (window.items.length) take(window.items);
    refreshPanel(window.items);
    cursor = window.next_cursor;
  } while (cursor);
  since = next;
}

function take(events) {
  document.getElementById("waiting")?.remove();
  store.add(events);
  store.rebuild();
  sayInferred(store.inferredCount);
  timeline.update();
  if (isLogShown()) log.update();
  restoreEvent();
}

/** Read the log records that came since the last read; the first time, all. */
const loadLogs = coalesce(async () => {
  let cursor = null;
  let next = null;
  do {
    const window = await getJson(urls.logsUrl, { limit: LOG_WINDOW, ...(logSince !== null && { since: logSince }), ...(cursor && { cursor }) });
    next ??= window.since;
    log.add(window.items);
    cursor = window.next_cursor;
    if (isLogShown()) log.update();
  } while (cursor);
  logSince = next;
}, 0);

async function loadHeader() {
  const response = await fetch(urls.headerUrl, { headers: { "HX-Request": "true" } });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const shown = document.querySelector(`[data-part="${part.dataset.part}"]`);
    if (shown && shown.innerHTML !== part.innerHTML) shown.replaceChildren(...document.importNode(part, true).childNodes);
  }
  refreshTimes();
}

const refresh = coalesce(async () => {
  try {
    await Promise.all([isLoaded ? loadChanges() : load(), loadHeader(), isLogShown() && loadLogs()]);
  } catch (error) {
    // The next hint or poll tries again; the live indicator tells of a server that is away.
    if (error.status === 404) showProblem("This trace has been deleted.");
  }
}, LIVE_INTERVAL_MS);

function say(text) {
  progress.textContent = text;
}

/* Address */

function setAddress(changes, { isNewEntry = false } = {}) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value == null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  if (address.href === location.href) return;
  history[isNewEntry ? "pushState" : "replaceState"](null, "", address);
}

let wanted = null;

function readAddress() {
  const parameters = new URLSearchParams(location.search);
  showTab(parameters.get("tab") === "log" ? "log" : "timeline");
  wanted = parameters.get("event");
  if (!wanted) {
    hidePanel();
    return;
  }
  // The panel need not wait for the window that holds the event's row.
  if (store.find(wanted) < 0) showDetail(wanted, { kind: "span", name: "Event" });
  restoreEvent();
}

function restoreEvent() {
  const index = wanted ? store.find(wanted) : -1;
  if (index < 0) {
    if (wanted && isLoaded) wanted = null;
    return;
  }
  wanted = null;
  openEvent(index, { isRevealed: true });
}

/* Panel */

let shownKey = null;
let follow = 0;

function openEvent(index, { isRevealed = false } = {}) {
  if (index < 0) return;
  timeline.activate(index, { isCentred: isRevealed });
  timeline.select(index);
  if (store.isGhost(index)) {
    shownKey = null;
    setAddress({ event: null });
    panel.showMissing();
    return;
  }
  const spanId = store.spanIds[index];
  setAddress({ event: spanId }, { isNewEntry: panel.root.hidden && !isRevealed });
  showDetail(spanId, { kind: KINDS[store.kinds[index]], name: store.names[index] });
}

const eventUrl = (spanId) => `${urls.eventsUrl}/${encodeURIComponent(spanId)}`;

async function showDetail(spanId, known) {
  shownKey = spanId;
  const isCurrent = () => shownKey === spanId;
  const skeleton = setTimeout(() => isCurrent() && panel.showLoading(known), panel.root.hidden ? 0 : 150);
  try {
    const event = await getJson(eventUrl(spanId), {});
    event.urlOf = (field) => `${eventUrl(spanId)}/values/${field}?project=${urls.project}`;
    event.readMessages = async () => (await getJson(`${eventUrl(spanId)}/messages`, {})).items;
    if (isCurrent()) panel.showEvent(event);
  } catch (error) {
    if (!isCurrent()) return;
    panel.showLoading(known);
    if (error.status === 404) panel.showError("This trace has no such event.");
    else panel.showError(`The event could not be read. ${error.message}.`, () => showDetail(spanId, known));
  } finally {
    clearTimeout(skeleton);
  }
}

/** While the panel is open it follows the active row, once the reader rests on it. */
function followActive(index) {
  clearTimeout(follow);
  if (panel.root.hidden) return;
  follow = setTimeout(() => openEvent(index), FOLLOW_DELAY_MS);
}

function refreshPanel(events) {
  const changed = shownKey && events.find((event) => event.span_id === shownKey);
  if (changed && !panel.root.hidden) showDetail(shownKey, changed);
}

/** Hide the panel, and let nothing that is still on its way open it again. */
function hidePanel() {
  clearTimeout(follow);
  shownKey = null;
  panel.close();
  timeline.select(-1);
}

function closePanel() {
  hidePanel();
  setAddress({ event: null });
  (isLogShown() ? log : timeline).focus();
}

/* Tabs */

const isLogShown = () => document.querySelector(".timeline").hidden;

function showTab(name) {
  const isLog = name === "log";
  document.querySelector(".timeline").hidden = isLog;
  document.querySelector(".log").hidden = !isLog;
  document.getElementById("log-tools").hidden = !isLog;
  for (const tab of document.querySelectorAll("[data-tab]")) {
    const isShown = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
  }
  if (!isLog) return;
  log.update();
  loadLogs().catch(() => toast("The log could not be read", { isError: true }));
}

document.querySelector("[role=tablist]").addEventListener("click", (event) => {
  const tab = event.target.closest("[data-tab]");
  if (tab) chooseTab(tab.dataset.tab);
});

document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  event.preventDefault();
  chooseTab(isLogShown() ? "timeline" : "log");
  document.querySelector("[data-tab][aria-selected=true]").focus();
});

function chooseTab(name) {
  showTab(name);
  setAddress({ tab: name === "log" ? "log" : null }, { isNewEntry: true });
}

/* Keys */

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
  if (event.key === "Escape" && !panel.root.hidden) closePanel();
  else if (event.key === "1") chooseTab("timeline");
  else if (event.key === "2") chooseTab("log");
  else if (["j", "k", "ArrowDown", "ArrowUp", "e", "E"].includes(event.key) && !event.target.closest(".side, .tabs")) {
    enterView(event.key);
  } else return;
  event.preventDefault();
});

/** Take a key that was pressed elsewhere on the page; the first step into the timeline is to its first row. */
function enterView(key) {
  const view = isLogShown() ? log : timeline;
  const isFirstStep = view === timeline && timeline.active < 0 && key.toLowerCase() !== "e";
  view.focus();
  if (!isFirstStep) view.scroller.dispatchEvent(new KeyboardEvent("keydown", { key }));
}

document.getElementById("collapse-all").addEventListener("click", () => timeline.collapseAll(true));
document.getElementById("expand-all").addEventListener("click", () => timeline.collapseAll(false));
window.addEventListener("popstate", readAddress);

/* Splitters: dragged, or moved with the arrow keys; the width is remembered. */

function makeSplitter(handle, { target, property, key, least, most, sign }) {
  const read = () => parseFloat(getComputedStyle(target).getPropertyValue(property));
  const set = (width) => {
    const next = Math.round(Math.max(least, Math.min(most(), width)));
    target.style.setProperty(property, `${next}px`);
    handle.setAttribute("aria-valuenow", String(next));
    return next;
  };
  const stored = Number(localStorage.getItem(key));
  if (stored) set(stored);
  handle.addEventListener("pointerdown", (down) => {
    const from = read();
    handle.setPointerCapture(down.pointerId);
    handle.classList.add("is-dragging");
    const drag = (move) => set(from + sign * (move.clientX - down.clientX));
    handle.addEventListener("pointermove", drag);
    handle.addEventListener("lostpointercapture", () => {
      handle.removeEventListener("pointermove", drag);
      handle.classList.remove("is-dragging");
      localStorage.setItem(key, String(read()));
    }, { once: true });
    down.preventDefault();
  });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    localStorage.setItem(key, String(set(read() + sign * step)));
  });
}

makeSplitter(document.querySelector(".tl-split"), {
  target: document.querySelector(".timeline"), property: "--tree", key: "playhead.tree-width",
  least: 200, most: () => innerWidth * 0.6, sign: 1,
});
makeSplitter(document.querySelector(".side-split"), {
  target: document.querySelector(".side"), property: "--panel", key: "playhead.panel-width",
  least: 320, most: () => innerWidth * 0.7, sign: -1,
});

/** Say how many of the rows are not in the header's counts. */
function sayInferred(count) {
  const note = document.querySelector("#inferred-note");
  note.hidden = !count;
  note.textContent = `· ${count} inferred`;
}

/* Start */

readAddress();
load();
setInterval(() => timeline.hasOpen && !document.hidden && timeline.tick(), TICK_MS);
connectLive({
  // Events that the SDK sent without a trace id are stored under another trace, and may be inferred to belong here.
  subscriptions: [urls.traceId, urls.alsoTraceId].filter(Boolean).map((trace) => ({ project: Number(urls.project), trace })),
  onHint: () => refresh(),
  onCatchUp: () => refresh(),
});
