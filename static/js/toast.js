/**
 * Words in passing, with at most one thing to do about them. They wait while they are pointed at or hold the focus, and
 * at most three are shown: a fourth takes the place of the oldest.
 */
import { el, icon } from "./dom.js";

const LASTS_MS = 2600;
const LASTS_WITH_ACTION_MS = 10_000;
const ERROR_LASTS_MS = 8000;
const SHOWN = 3;

const waiting = new WeakMap();

/**
 * Say something. `action` is `{ label, run }`: a button beside the words, also reached by the key `u`. `lasts` is in
 * milliseconds. Returns a function that takes the words away.
 */
export function toast(text, { isError = false, action = null, lasts = null } = {}) {
  const box = el("div", { class: isError ? "toast error" : "toast" }, icon(isError ? "alert" : "check"), el("span", {}, text));
  if (action) box.append(makeAction(box, action));
  box.append(makeClose(box));
  const list = document.querySelector(".toasts");
  list.append(box);
  const surplus = [...list.children].filter((other) => other !== box && !other.contains(document.activeElement));
  while (list.children.length > SHOWN && surplus.length) dismiss(surplus.shift());
  hold(box, lasts ?? (action ? LASTS_WITH_ACTION_MS : isError ? ERROR_LASTS_MS : LASTS_MS));
  return () => dismiss(box);
}

/** Do what the newest toast offers. Tells whether there was one. */
export function runLastAction() {
  const button = [...document.querySelectorAll(".toast [data-toast-action]")].at(-1);
  button?.click();
  return Boolean(button);
}

/** Let a toast that the server wrote go as the others do. */
export function adoptToast(box) {
  box.append(makeClose(box));
  hold(box, box.classList.contains("error") ? ERROR_LASTS_MS : 4000);
}

function makeAction(box, { label, run }) {
  const button = el("button", { class: "link", type: "button", "data-toast-action": true }, label);
  button.addEventListener("click", () => {
    dismiss(box);
    run();
  });
  return button;
}

function makeClose(box) {
  const button = el("button", { class: "toast-close", type: "button", "aria-label": "Dismiss" }, icon("close"));
  button.addEventListener("click", () => dismiss(box));
  return button;
}

/** Count down only while nobody looks: pointer and focus each stop the clock, and it starts afresh when both left. */
function hold(box, lasts) {
  const start = () => {
    stop();
    if (box.matches(":hover") || box.contains(document.activeElement)) return;
    waiting.set(box, setTimeout(() => dismiss(box), lasts));
  };
  const stop = () => clearTimeout(waiting.get(box));
  box.addEventListener("pointerenter", stop);
  box.addEventListener("pointerleave", start);
  box.addEventListener("focusin", stop);
  // The focus has not arrived where it goes yet.
  box.addEventListener("focusout", () => queueMicrotask(start));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    dismiss(box);
  });
  start();
}

function dismiss(box) {
  clearTimeout(waiting.get(box));
  if (box.contains(document.activeElement)) document.getElementById("main")?.focus({ preventScroll: true });
  box.remove();
}
