/**
 * The console of one extension: what comes through its session, as rows, at most once a frame.
 *
 * Whatever arrives waits until the next frame, is added in one go, and only then acknowledged, so a page that cannot
 * keep up is sent less, and told what it was not sent.
 */
import { refreshTimes, registerActions } from "../base.js";
import { el } from "../dom.js";
import { compact, grouped, relative } from "../format.js";
import { isTyping } from "../keys.js";
import { toast } from "../toast.js";
import { readPart } from "./api.js";
import { Drawer } from "./drawer.js";
import { FilterBox } from "./filter-box.js";
import { forgetAll, Keeper } from "./keeping.js";
import { Meters } from "./meters.js";
import { LEVELS, LINE, makeLine, makeMark, makeStretch, Rows } from "./rows.js";
import { SessionBar } from "./session-bar.js";
import { Session } from "./session.js";
import { setAddress, Toggles } from "./toggles.js";
import { TraceFinder } from "./traces.js";
import { LinesView } from "./view.js";
import { countLines, sayNotice, sayResume } from "./words.js";

const MOST_WAITING = 10_000;
const TELL_MS = 250;
const SPEAK_MS = 6000;
const QUIET_MS = 8000;
const SAID_MS = 6000;

const { extension, install, request: requestId, sessionsUrl, whyUrl, jumpUrl } = document.getElementById("console").dataset;
const address = new URLSearchParams(location.search);
const rows = new Rows();
const meters = new Meters();
const finder = new TraceFinder({ jumpUrl, project: document.body.dataset.project });
const keeper = new Keeper([extension, install, requestId].join("/"));
const spoken = { lines: 0, errors: 0, at: 0 };
/** What the state depends on: the source's own state, and what keeps lines back. */
const look = { source: "connecting", isHeld: false, isIdle: false, isScopeOne: false, share: 1, lag: 0 };
let waiting = [];
let heldBack = 0;
let isServerHeld = false;
let resumed = null;
let linkWanted = address.get("line");
let filterWanted = address.get("filter");
let lastLineAt = 0;
let frame = 0;

const view = new LinesView({
  rows, finder, onFollow: () => rows.all.length && tell(),
  onPick: (field, value, options) => filter.add(field, value, options),
  onRequest: (id) => drawer.open(id),
});
const toggles = new Toggles({
  rows, look: view.look, onLook: () => view.renew(), onTerms: (terms) => view.highlight(terms),
  onHide: () => {
    rows.refilter();
    view.renew();
    tell();
  },
});
const drawer = new Drawer({
  root: document.getElementById("drawer"), listRows: () => rows.all,
  onPick: (id) => view.find(id), onOnly: (id) => filter.add("request", id), findTrace: (event, link) => finder.show(event, link),
});
const session = new Session({
  url: sessionsUrl, keeper, onChange: () => bar.show(), onMail: schedule, onRestored: restore,
  wish: { extension: Number(extension), ...(install && { install }), ...(requestId && { request: requestId }), filter: address.get("filter") ?? "" },
});
const bar = new SessionBar({
  session, onAgain: again,
  look: () => ({ ...look, share: Math.min(look.share, session.share), waiting: waiting.filter((row) => row.type === LINE).length + heldBack }),
});
const filter = new FilterBox({
  listValues, apply: (text) => session.setFilter(text),
  onApplied: (text) => {
    setAddress({ filter: text || null });
    add([makeMark(() => (text ? `From here on: ${text}` : "From here on: every line"))]);
  },
});

/* What comes */

/** A hidden tab has no frames; what comes is handled all the same, so that the server does not take it for slow. */
function schedule() {
  frame ||= document.hidden ? setTimeout(flush, TELL_MS) : requestAnimationFrame(flush);
}

function flush() {
  frame = 0;
  const fresh = session.take().flatMap(read);
  session.acknowledge();
  if (fresh.length) add(fresh);
}

/** Turn a message into rows. */
function read(message) {
  if (message.op === "batch") return readLines(message);
  if (message.op === "notice") return readNotice(message);
  if (message.op === "hb") {
    meters.beat = message;
    look.lag = message.lag;
    // Whoever was sent a share is sent every line again as soon as fewer come; there may be none to say so.
    if (message.rate < session.limit) look.share = 1;
    settle();
    look.source = message.state;
  } else if (message.op === "hello") return readHello(message);
  bar.show();
  return [];
}

function readLines({ events, twice, notices = [], filtered = 0 }) {
  if (resumed) resumed.twice += twice;
  meters.count(events.length);
  meters.filtered += filtered;
  if (events.length) lastLineAt = Date.now();
  for (const gap of notices) noteGap(gap);
  return makeStretch(events, notices);
}

function noteGap({ cause, count }) {
  meters.drop({ cause, count });
  if (cause !== "retention" || !resumed || resumed.isSettled) return;
  resumed.told += count;
  resumed.lost = Math.max(resumed.lost, resumed.told);
  view.list.refresh();
}

function readHello({ resume, lost, state, paused }) {
  const isFirst = !resumed && !rows.all.length;
  look.source = state;
  Object.assign(look, { isScopeOne: false, isIdle: false, lag: 0, share: 1 });
  bar.show();
  if (document.hidden) session.tellHidden(true);
  // Held back for a reader who has left the page since.
  if (paused && !look.isHeld) session.resume();
  filter.show(session.filter);
  // A reader who came back by an address with another filter wants that one.
  if (filterWanted != null && filterWanted !== session.filter) filter.set(filterWanted);
  filterWanted = null;
  if (resume === "new" || isFirst) return [];
  const said = { outcome: resume, lost: lost ?? 0, told: 0, twice: 0, isLate: resumed?.isLate ?? false };
  resumed = said;
  return [makeMark(() => sayResume(said), { isTrouble: said.lost > 0 })];
}

/** All that was missed is told by the first numbers: said where it is not scrolled away by what follows it. */
function settle() {
  if (!resumed?.outcome || resumed.isSettled || resumed.outcome === "pending") return;
  resumed.isSettled = true;
  if (resumed.isLate || resumed.lost) toast(sayResume(resumed), { lasts: SAID_MS });
}

function readNotice(notice) {
  const { code } = notice;
  if (code === "dropped") return readLines({ events: [], twice: 0, notices: [notice] });
  if (code === "sampling_on") look.share = notice.rate;
  if (code === "sampling_off") look.share = 1;
  if (code === "expiring") toast(`This session ends in ${notice.in} seconds`, { action: { label: "Extend", run: () => bar.extend.click() }, lasts: notice.in * 1000 });
  if (code === "source_unavailable") look.source = "unavailable";
  if (code === "source_denied") look.source = "denied";
  if (code === "degraded") look.isScopeOne = true;
  if (code === "paused" || code === "resumed") look.isIdle = code === "paused";
  if (code === "filter_changed") {
    // Asked for here, over HTTP: it is said already.
    if ((notice.detail ?? "") === session.filter) return [];
    session.filter = notice.detail ?? "";
    filter.show(session.filter);
  }
  if (code === "source_recovered") Object.assign(look, { source: "live", isScopeOne: false });
  bar.show();
  const { text, isTrouble } = sayNotice(notice);
  return text ? [makeMark(() => text, { isTrouble })] : [];
}

/** Show rows, or hold them back while the reader has paused. */
function add(fresh) {
  if (look.isHeld) {
    hold(fresh);
    return;
  }
  const before = rows.shown.length;
  rows.add(fresh);
  const added = rows.shown.length - before;
  view.grow(added, rows.trim({ isLookingBack: !view.isFollowing }));
  view.redraw(rows.takeChanged());
  for (const row of fresh) {
    if (row.type !== LINE) continue;
    spoken.lines += 1;
    spoken.errors += row.event.level === "error";
  }
  if (linkWanted && view.find(linkWanted)) linkWanted = null;
}

/** Beyond what is held here the server holds some, and counts the rest. */
function hold(fresh) {
  waiting.push(...fresh);
  if (waiting.length >= MOST_WAITING && !isServerHeld) {
    isServerHeld = true;
    session.pause();
  }
}

function restore(kept) {
  resumed = { isLate: true };
  rows.add(kept.map(makeLine));
  lastLineAt = kept.length ? Date.parse(kept.at(-1).received_at) : 0;
  view.renew();
}

/* Holding back */

function setHeld(isHeld) {
  if (look.isHeld === isHeld) return;
  look.isHeld = isHeld;
  const button = document.querySelector("[data-do=pause]");
  button.setAttribute("aria-pressed", String(isHeld));
  button.textContent = isHeld ? "Resume" : "Pause";
  if (!isHeld) {
    const late = waiting;
    waiting = [];
    heldBack = 0;
    add(late);
    view.follow();
    if (isServerHeld) session.resume();
    isServerHeld = false;
  }
  bar.show();
}

document.addEventListener("visibilitychange", () => session.tellHidden(document.hidden));

/* What is said of it */

function tell() {
  toggles.count();
  meters.show({ held: rows.all.length + waiting.length, gone: rows.gone });
  heldBack = isServerHeld || look.isIdle ? meters.beat.queued ?? 0 : 0;
  if (look.isHeld || look.isIdle) bar.show();
  if (drawer.isOpen) drawer.update();
  sayEmpty();
  speak();
}

const empty = document.getElementById("empty");
function sayEmpty() {
  const isQuiet = !rows.shown.length && !waiting.length;
  const hiddenLines = isQuiet ? rows.all.length : 0;
  const key = !isQuiet ? "" : hiddenLines ? `hidden${hiddenLines}` : session.phase === "open" ? `quiet${session.filter}` : session.phase;
  if (empty.dataset.key === key) return;
  empty.dataset.key = key;
  empty.hidden = !isQuiet || session.phase === "refused";
  if (!isQuiet) return;
  if (hiddenLines) empty.replaceChildren(el("p", {}, `${countLines(hiddenLines)} hidden by the toggles.`), makeButton("Show all", () => toggles.showAll()));
  else if (session.phase === "ended") empty.replaceChildren(el("p", { class: "faint" }, session.filter ? "No line matched." : "No line came."));
  else if (session.phase !== "open") empty.replaceChildren(el("p", { class: "faint" }, "Opening a session"));
  else {
    empty.replaceChildren(
      el("h2", {}, session.filter ? "No line matches yet" : "Waiting for the first line"),
      el("p", {}, session.filter ? "The filter is applied where lines come from; nothing that came since passes it." : "Whatever the extension prints appears here within the second."),
      el("div", { class: "row" }, session.filter ? makeButton("Clear the filter", () => filter.set("")) : makeButton("How to send lines", () => document.getElementById("how").showModal()), makeButton("Why am I seeing nothing?", explain)));
  }
}

function makeButton(label, run) {
  const button = el("button", { type: "button", class: "button" }, label);
  button.addEventListener("click", run);
  return button;
}

/** For those who listen: how much came, now and then, never every line. */
function speak() {
  if (!spoken.lines || performance.now() - spoken.at < SPEAK_MS || !view.isFollowing) return;
  spoken.at = performance.now();
  document.getElementById("said").textContent = `${grouped(spoken.lines)} new ${spoken.lines === 1 ? "line" : "lines"}${spoken.errors ? `, ${grouped(spoken.errors)} of them errors` : ""}`;
  spoken.lines = spoken.errors = 0;
}

async function explain() {
  const body = document.getElementById("why-body");
  const own = el("dl", { class: "facts dbg-checks" });
  const add = (state, name, text) => own.append(el("dt", {}, el("span", { class: `status ${state}` }, name)), el("dd", {}, text));
  const isFlowing = session.phase === "open" && look.source === "live";
  add(isFlowing ? "ok" : "error", "Connection", `${document.getElementById("state").textContent}, by ${session.way === "ws" ? "WebSocket" : session.way}`);
  add(lastLineAt ? "ok" : "unset", "Last line", lastLineAt ? `reached this page ${relative((Date.now() - lastLineAt) / 1000)}` : "none has reached this page");
  if (session.filter) add(meters.filtered ? "error" : "unset", "Filter", `${session.filter} – ${compact(meters.filtered)} lines did not pass it`);
  if (rows.isFiltered) add("error", "Toggles", `${countLines(rows.all.length - rows.shown.length)} of those held are hidden by them`);
  if (look.isHeld) add("error", "Paused", `${countLines(waiting.length)} waiting`);
  body.replaceChildren(own, el("p", { class: "faint" }, "Asking the server"));
  document.getElementById("why").showModal();
  const part = await readPart(whyUrl);
  body.lastChild.remove();
  body.append(...(part ? part.childNodes : [el("p", { class: "faint" }, "The server does not answer.")]));
  refreshTimes(body);
}

/** Values that lines have, for completion: the newest first. */
function listValues(field) {
  const key = { request: "requestId", install: "installId", trace: "traceId", version: "versionId" }[field] ?? field;
  const found = new Set();
  for (let index = rows.all.length - 1; index >= 0 && found.size < 12 && index > rows.all.length - 2000; index--) {
    const { event } = rows.all[index];
    if (field === "field") for (const name of Object.keys(event?.fields ?? {})) found.add(name);
    else if (event?.[key]) found.add(event[key]);
  }
  return [...found];
}

/* Doing */

function again() {
  look.share = 1;
  look.source = "connecting";
  resumed = null;
  session.open();
}

const isSevere = ({ event }) => LEVELS.indexOf(event.level) >= LEVELS.indexOf("warn");
const speakOf = (row) => row && (document.getElementById("said").textContent = `${row.event.level}: ${row.event.message.slice(0, 300)}`);
const onActive = (run) => () => view.look.active?.type === LINE && run(view.look.active);
const flipLevel = (name) => () => toggles.flip("level", name);
const KEYS = {
  j: () => speakOf(view.move(1)), ArrowDown: () => speakOf(view.move(1)), k: () => speakOf(view.move(-1)), ArrowUp: () => speakOf(view.move(-1)),
  PageDown: () => view.move(view.list.pageSize), PageUp: () => view.move(-view.list.pageSize),
  Home: () => rows.shown.length && view.move(-rows.shown.length), End: () => view.follow(),
  e: () => speakOf(view.move(1, isSevere)), E: () => speakOf(view.move(-1, isSevere)),
  Enter: onActive((row) => view.toggle(row)), c: onActive((row) => view.copy(row)), l: onActive((row) => view.copy(row, "link")),
  r: onActive((row) => row.event.requestId && drawer.open(row.event.requestId)),
  p: () => setHeld(!look.isHeld), w: () => toggles.press("isWrapped"), t: () => toggles.press("isUtc"), y: explain,
  h: () => document.getElementById("highlight").focus(),
  Escape: () => drawer.isOpen ? drawer.close() : onActive((row) => row.isOpen && view.toggle(row))(),
  ...Object.fromEntries(LEVELS.map((name, index) => [String(index + 1), flipLevel(name)])),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
  if (!KEYS[event.key] || (["Enter", " "].includes(event.key) && event.target.closest("a, button"))) return;
  if (event.target.closest("pre, .side-scroll") && /^(Arrow|Page|Home|End)/.test(event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.querySelector("[data-do=pause]").addEventListener("click", () => setHeld(!look.isHeld));
document.querySelector("[data-do=why]").addEventListener("click", explain);

registerActions(() => [
  { id: "debug.pause", label: look.isHeld ? "Resume" : "Pause", keys: ["p"], run: () => setHeld(!look.isHeld) },
  { id: "debug.why", label: "Why am I seeing nothing?", keys: ["y"], run: explain },
  { id: "debug.how", label: "How to send lines", run: () => document.getElementById("how").showModal() },
  { id: "debug.severe", label: "Only warnings and errors", run: () => filter.set("level>=warn") },
  { id: "debug.clear", label: "Clear what is shown", run: clear },
  { id: "debug.wrap", label: "Wrap long lines", keys: ["w"], run: () => toggles.press("isWrapped") },
  session.share === 1
    ? { id: "debug.sample", label: "Show one line in ten, and all warnings and errors", words: "sample", run: () => sample(0.1) }
    : { id: "debug.all", label: "Show every line", words: "sample", run: () => sample(1) },
  session.session && { id: "debug.extend", label: "Extend the session", run: () => bar.extend.click() },
  session.session && { id: "debug.end", label: "End the session", run: () => session.close() },
]);

async function sample(share) {
  await session.sample(share);
  add([makeMark(() => (share < 1 ? "From here on: one line in ten, and all warnings and errors" : "From here on: every line"))]);
  bar.show();
}

function clear() {
  rows.clear();
  view.look.active = null;
  view.renew();
  tell();
}

let isSigningOut = false;
document.addEventListener("submit", (event) => (isSigningOut ||= "signsOut" in event.target.dataset));
addEventListener("pagehide", () => (isSigningOut ? forgetAll() : session.leave(rows.lines.map((row) => row.event))));
addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(() => document.hidden || tell(), TELL_MS);
setTimeout(() => linkWanted && rows.all.length && document.getElementById("said").append("The line of this link is not kept any more"), QUIET_MS);

filter.show(session.filter);
view.highlight(toggles.terms);
view.renew();
bar.show();
session.start();
