/**
 * The live connection. Messages are hints with ids and a version; whoever hears one reads the rows.
 *
 * A connection counts as live while beats arrive: the server sends one every few seconds through the same channel
 * layer that carries the hints, so a dead layer is noticed even when the socket is fine. Without beats the page polls
 * every three seconds and says so. Coming back, it reads once what it may have missed, so there is no gap.
 */
import { el } from "./base.js";
import { saySignedOut } from "./request.js";

const BEAT_TIMEOUT_MS = 12000;
const POLL_MS = 3000;
const CATCH_UP_MS = 30000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15000;
/** The code with which the server closes the connection of somebody who is not signed in. */
const SIGNED_OUT = 4401;

/**
 * Stay subscribed to projects, traces or reruns: `subscriptions` are `{project, trace? or rerun?}`, `hears` the types of
 * hints that matter.
 *
 * `onHint(message)` hears hints; `onCatchUp()` must read everything newer than what the page holds, and is called on
 * every poll and after every interruption. Returns a function that ends it.
 */
export function connectLive({ subscriptions, hears = ["trace.changed"], onHint, onCatchUp }) {
  const indicator = document.getElementById("live");
  let socket = null;
  let state = "connecting";
  let heardAt = Date.now();
  let caughtUpAt = Date.now();
  let attempts = 0;
  let joined = 0;
  let isEnded = false;

  function setState(next) {
    if (next === state) return;
    state = next;
    show(indicator, state);
    // Whatever was stored between the page's own read, or the last poll, and this moment came without a hint.
    if (state === "live") catchUp();
  }

  function catchUp() {
    caughtUpAt = Date.now();
    onCatchUp();
  }

  function open() {
    if (isEnded) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}/ws/live/`);
    joined = 0;
    socket.addEventListener("open", () => {
      for (const subscription of subscriptions) socket.send(JSON.stringify({ subscribe: subscription }));
    });
    socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
    socket.addEventListener("close", ({ code }) => {
      socket = null;
      if (isEnded) return;
      setState("paused");
      if (code === SIGNED_OUT) {
        saySignedOut();
        return;
      }
      setTimeout(open, retryDelay(attempts++));
    });
  }

  function hear(message) {
    if (message.type === "live.refused") return;
    heardAt = Date.now();
    attempts = 0;
    if (message.type === "live.joined") joined += 1;
    // A beat may come before the groups are joined: what is told until then is not heard.
    if (joined >= subscriptions.length) setState("live");
    if (hears.includes(message.type)) onHint(message);
  }

  function check() {
    if (document.hidden) return;
    const now = Date.now();
    if (now - heardAt > BEAT_TIMEOUT_MS) setState("paused");
    // Polling replaces the hints; the slow round while live heals a hint that the layer lost.
    if (now - caughtUpAt >= (state === "live" ? CATCH_UP_MS : POLL_MS)) catchUp();
  }

  const timer = setInterval(check, 1000);
  document.addEventListener("visibilitychange", check);
  open();
  return () => {
    isEnded = true;
    clearInterval(timer);
    document.removeEventListener("visibilitychange", check);
    socket?.close();
  };
}

/** Double each time up to the maximum; half of it is chance, so that a restarted server is not stormed. */
function retryDelay(attempts) {
  const delay = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** attempts);
  return delay / 2 + Math.random() * (delay / 2);
}

function show(indicator, state) {
  if (!indicator) return;
  indicator.dataset.state = state;
  const isPaused = state === "paused";
  indicator.replaceChildren(
    isPaused ? el("span", {}, "Live updates paused, ", el("span", { class: "wide-only" }, "checking every 3 s")) : "Live",
  );
}

/** Run `work` at most once per `interval`, and once more at the end if it was asked for meanwhile. */
export function coalesce(work, interval) {
  let isBusy = false;
  let isWanted = false;
  return async function ask() {
    if (isBusy) {
      isWanted = true;
      return;
    }
    isBusy = true;
    const startedAt = Date.now();
    try {
      await work();
    } finally {
      setTimeout(() => {
        isBusy = false;
        if (isWanted) {
          isWanted = false;
          ask();
        }
      }, Math.max(0, interval - (Date.now() - startedAt)));
    }
  };
}
