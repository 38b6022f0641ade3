/**
 * The Trace page: what its views share. It reads the events, keeps the side panel and the playhead, and lets the
 * address always restore what is shown. The views themselves are in `trace/`, see `trace/views.js`.
 */
import { isTyping, refreshTimes, toast } from "./base.js";
import { grouped } from "./format.js";
import { connectLive } from "./live.js";
import { request } from "./request.js";
import { Panel } from "./trace/panel.js";
import { Playhead } from "./trace/playhead.js";
import { Reader } from "./trace/reader.js";
import { Side, knownOf } from "./trace/side.js";
import { makeSplitter } from "./trace/splitter.js";
import { StateStrip } from "./trace/state.js";
import { TraceStore, parseMicros } from "./trace/store.js";
import { VIEW_NAMES, Views } from "./trace/views.js";

const ADDRESS_AFTER_MS = 200;
const UNDO_LASTS_MS = 20000;
/** Keys of the playhead: `[` and `]` to the last and next event, with Shift to errors only. */
const STEPS = { "[": [-1], "]": [1], "{": [-1, { isErrorsOnly: true }], "}": [1, { isErrorsOnly: true }] };

const urls = document.getElementById("trace").dataset;
const serverAhead = Date.parse(urls.now) - Date.now();
const store = new TraceStore();

/** What the views are given. Times are microseconds since the epoch by the server's clock. */
const page = {
  store,
  urls,
  getJson,
  now: () => (Date.now() + serverAhead) * 1000,
  eventUrl: (spanId) => `${urls.eventsUrl}/${encodeURIComponent(spanId)}`,
  openEvent,
  openRecord,
  openPayload,
  followEvent: (index) => side.follow(() => openEvent(index)),
  setAddress,
  playhead: new Playhead({ store }),
  startedAt: parseMicros(urls.startedAt),
  endedAt: parseMicros(urls.endedAt || null),
  selectedSpanId: null,
  /** Whether events are still to come: some have not been read, or not ended. */
  isGrowing: () => !reader.isLoaded || store.openCount > 0,
};

async function getJson(address, parameters) {
  const query = new URLSearchParams({ project: urls.project, ...parameters });
  const response = await request(`${address}?${query}`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw Object.assign(new Error(`The server answered ${response.status}`), { status: response.status });
  return response.json();
}

const side = new Side({
  page,
  panel: new Panel({ root: document.querySelector(".side"), page, onClose: closePanel }),
  onEvent: (event) => wanted === event.span_id && reader.loadAround(event).catch(() => null),
});
const reader = new Reader({ page, onTake: take, onProgress: sayProgress, onProblem: showProblem, onRefresh: loadHeader });
const views = new Views({ page, onChoose: (name) => setAddress({ tab: name === "timeline" ? null : name }, { isNewEntry: true }) });

/* Reading */

function take(events) {
  document.getElementById("waiting")?.remove();
  store.add(events);
  store.rebuild();
  state.update();
  sayInferred(store.inferredCount);
  views.shown?.update();
  side.refresh(events);
  restoreEvent();
}

async function loadHeader() {
  views.shown?.update();
  const response = await request(urls.headerUrl, { headers: { "HX-Request": "true" } });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const shown = document.querySelector(`[data-part="${part.dataset.part}"]`);
    if (shown && shown.innerHTML !== part.innerHTML) shown.replaceChildren(...document.importNode(part, true).childNodes);
  }
  refreshTimes();
}

function sayProgress(isReading) {
  document.getElementById("progress").textContent = isReading ? `${grouped(store.length)} of ${grouped(Number(urls.eventCount))} events` : "";
}

function showProblem(text) {
  const box = document.getElementById("load-error");
  box.hidden = !text;
  box.querySelector("p").textContent = text;
}

/** Say how many of the rows are not in the header's counts. */
function sayInferred(count) {
  const note = document.getElementById("inferred-note");
  note.hidden = !count;
  note.textContent = `· ${count} inferred`;
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

/** The event that the address names, until it has been shown. */
let wanted = null;
let momentTimer = 0;

function readAddress() {
  const parameters = new URLSearchParams(location.search);
  views.show(parameters.get("tab") ?? "timeline");
  views.shown?.restore?.(parameters);
  page.playhead.set(readMoment(parameters.get("t")));
  wanted = parameters.get("event");
  if (!wanted) {
    hidePanel();
    return;
  }
  // The panel need not wait for the window that holds the event's row.
  if (store.find(wanted) < 0) openUnread(wanted);
  restoreEvent();
}

/** A moment given as milliseconds from the start of the trace, or as an ISO time. */
function readMoment(text) {
  if (!text) return null;
  return Number.isNaN(Number(text)) ? parseMicros(text) : page.startedAt + Number(text) * 1000;
}

page.playhead.onChange((at) => {
  clearTimeout(momentTimer);
  momentTimer = setTimeout(() => setAddress({ t: at === null ? null : String(Number(((at - page.startedAt) / 1000).toFixed(3))) }), ADDRESS_AFTER_MS);
});

function restoreEvent() {
  const index = wanted ? store.find(wanted) : -1;
  if (index < 0) {
    if (wanted && reader.isLoaded) wanted = null;
    return;
  }
  wanted = null;
  openEvent(index, { isRevealed: true });
}

/* Panel */

/** Select an event, by its span id or its index in the store, and show it in the panel; `isRevealed` scrolls to it. */
function openEvent(key, { isRevealed = false } = {}) {
  const index = typeof key === "number" ? key : store.find(key);
  if (index < 0) {
    if (typeof key === "string" && !reader.isLoaded) openUnread(key);
    return;
  }
  const spanId = store.spanIds[index];
  select(spanId, { isRevealed });
  if (store.isGhost(index)) {
    setAddress({ event: null });
    side.showMissing();
    return;
  }
  setAddress({ event: spanId }, { isNewEntry: !side.isOpen && !isRevealed });
  side.showEvent(spanId, knownOf(store, index));
}

/** Show an event whose row is still on its way: views that read for themselves know it already. */
function openUnread(spanId) {
  wanted = spanId;
  select(spanId, { isRevealed: true });
  setAddress({ event: spanId });
  side.showEvent(spanId, { kind: "span", name: "Event" });
}

/** Show a log record, as the API gives it, in the panel. */
function openRecord(record) {
  setAddress({ event: null });
  select(null);
  side.showLog(record, { openEvent: (spanId) => openEvent(spanId, { isRevealed: true }) });
}

/** Show a value of an event whole, or the fields of a log record, in the Payload tab. */
function openPayload(spanId, field, record = null) {
  if (innerWidth <= 900) hidePanel();
  const wasShown = document.getElementById("view-payload").hidden === false;
  setAddress({ tab: "payload", payload: spanId, field, record }, { isNewEntry: true });
  if (wasShown) views.shown?.open(spanId, field, record);
  else views.show("payload");
}

function select(spanId, { isRevealed = false } = {}) {
  page.selectedSpanId = spanId;
  views.shown?.select(spanId, { isRevealed });
}

function hidePanel() {
  side.hide();
  select(null);
}

function closePanel() {
  hidePanel();
  setAddress({ event: null });
  views.shown?.focus();
}

/* Sharing and deleting */

async function send(method, address, body) {
  const headers = { "X-CSRFToken": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"], "Content-Type": "application/json" };
  const response = await request(`${address}?project=${urls.project}`, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`The server answered ${response.status}`);
}

async function deleteTrace() {
  document.getElementById("delete-trace").close();
  try {
    await send("DELETE", urls.traceUrl);
    showProblem("This trace has been deleted.");
    toast("Trace deleted", { action: { label: "Undo", run: restoreTrace }, lasts: UNDO_LASTS_MS });
  } catch (error) {
    toast(`The trace could not be deleted. ${error.message}.`, { isError: true });
  }
}

async function restoreTrace() {
  try {
    await send("POST", urls.restoreUrl, { trace_ids: [urls.traceId] });
    showProblem("");
    toast("Trace restored");
    reader.refresh();
  } catch (error) {
    toast(`The trace could not be restored. ${error.message}.`, { isError: true });
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-delete-trace]")) deleteTrace();
  const act = event.target.closest?.("[data-act]");
  if (act) views.act(act.dataset.act, act.dataset.actWhat, act.dataset.span);
  const share = event.target.closest?.("[data-share]");
  // Before the page's own listener copies it: the address says what is shown at this moment.
  if (share) share.dataset.copy = location.href;
}, true);

/* Keys */

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
  const tab = VIEW_NAMES[Number(event.key) - 1];
  const step = STEPS[event.key];
  if (event.key === "Escape" && side.isOpen) closePanel();
  else if (event.key === "Escape" && page.playhead.at !== null) page.playhead.set(null);
  else if (step) page.playhead.step(...step);
  else if (tab) views.choose(tab);
  else if (document.querySelector(`[data-act-key="${CSS.escape(event.key)}"]`)) document.querySelector(`[data-act-key="${CSS.escape(event.key)}"]`).click();
  else if (event.target.closest(".side, .tabs") || !views.key(event)) return;
  event.preventDefault();
});

window.addEventListener("popstate", readAddress);

/* Start */

makeSplitter(document.querySelector(".tl-split"), {
  target: document.querySelector(".timeline"), property: "--tree", key: "playhead.tree-width",
  least: 200, most: () => innerWidth * 0.6, sign: 1,
});
makeSplitter(document.querySelector(".side-split"), {
  target: document.querySelector(".side"), property: "--panel", key: "playhead.panel-width",
  least: 320, most: () => innerWidth * 0.7, sign: -1,
});

const state = new StateStrip({ root: document.getElementById("state"), page });
readAddress();
reader.load();
connectLive({
  // Events that the SDK sent without a trace id are stored under another trace, and may be inferred to belong here.
  subscriptions: [urls.traceId, urls.alsoTraceId].filter(Boolean).map((trace) => ({ project: Number(urls.project), trace })),
  onHint: () => reader.refresh(),
  onCatchUp: () => reader.refresh(),
});
