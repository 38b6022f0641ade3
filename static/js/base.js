/**
 * What every page does: menus, dialogs, relative times; and the door to toasts, shortcuts, actions and preferences.
 * Everything is delegated from the document, so swapped-in parts work without being wired.
 */
import { el, icon } from "./dom.js";
import { copyText } from "./copy.js";
import { absolute, duration, relative } from "./format.js";
import "./frame_actions.js";
import { isTyping, openPalette } from "./keys.js";
import { post } from "./post.js";
import { setPreference } from "./preferences.js";
import { adoptToast, toast } from "./toast.js";

export { registerActions } from "./actions.js";
export { el, icon, isTyping, post, toast };

const TIME_TICK_MS = 1000;

/* Times */

/**
 * Rewrite every `<time data-when>` under `root` as a distance from now, with the local time on hover, and let the
 * durations of what is running count up.
 */
export function refreshTimes(root = document) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-when]")) {
    const moment = new Date(time.dateTime);
    const text = relative((now - moment) / 1000);
    if (time.textContent !== text) time.textContent = text;
    const title = absolute(moment);
    if (time.title !== title) time.title = title;
  }
  for (const cell of root.querySelectorAll("[data-running-since]")) {
    const text = duration(Math.max(0, Math.floor((now - new Date(cell.dataset.runningSince)) / 1000)) * 1000);
    if (cell.textContent !== text) cell.textContent = text;
  }
}

/* Sections beside a page lie in a row on a narrow screen: the one shown is brought into view. */

for (const current of document.querySelectorAll(".aside-nav [aria-current]")) {
  const row = current.closest(".aside-nav");
  row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.offsetWidth) / 2;
}

/* Menus: native popovers, placed under the button that opens them. */

function place(menu) {
  const button = document.querySelector(`[popovertarget="${menu.id}"]`);
  if (!button) return;
  const box = button.getBoundingClientRect();
  const width = menu.offsetWidth;
  const left = menu.dataset.align === "end" ? box.right - width : box.left;
  menu.style.top = `${box.bottom + 4}px`;
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
}

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".menu[popover]")) return;
  const isOpen = event.newState === "open";
  document.querySelector(`[popovertarget="${menu.id}"]`)?.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) {
    place(menu);
    menu.querySelector("[aria-current], [aria-checked=true], a, button")?.focus({ preventScroll: true });
  }
}, true);

function moveInMenu(event) {
  const menu = event.target.closest?.(".menu");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  const entries = [...menu.querySelectorAll("a, button")];
  const at = entries.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 + entries.length, Home: 0, End: entries.length - 1 }[event.key];
  entries[next % entries.length]?.focus();
  event.preventDefault();
}

/* Clicks */

const CLICKABLE = "[data-opens], [data-opens-palette], [data-closes], [data-theme-choice], [data-density-choice], [data-copy], [data-copy-from]";

document.addEventListener("click", (event) => {
  const target = event.target.closest?.(CLICKABLE);
  if (!target) return;
  if (target.dataset.opens) document.querySelector(target.dataset.opens)?.showModal();
  else if ("opensPalette" in target.dataset) openPalette();
  else if ("closes" in target.dataset) target.closest("dialog")?.close();
  else if (target.dataset.themeChoice) choosePreference(target, "theme", target.dataset.themeChoice);
  else if (target.dataset.densityChoice) choosePreference(target, "density", target.dataset.densityChoice);
  else copyText(target.dataset.copy ?? document.querySelector(target.dataset.copyFrom)?.textContent ?? "", target.dataset.copied);
});

function choosePreference(choice, name, value) {
  choice.closest("[popover]")?.hidePopover();
  setPreference(name, value);
}

document.addEventListener("click", (event) => {
  // A click on the scrim closes a dialog, unless it holds something that is shown only once.
  if (event.target.matches?.("dialog:not([data-stays])") && !isInside(event, event.target)) event.target.close();
});

function isInside(event, element) {
  const box = element.getBoundingClientRect();
  return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}

document.addEventListener("keydown", moveInMenu);

/* htmx: new content gets its times; a failed request is said, not swallowed. */

document.addEventListener("htmx:afterSettle", (event) => refreshTimes(event.target));
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  toast(status === 403 ? "You may not do this, or this page has expired: reload it" : `The server answered ${status}`, { isError: true });
});
document.addEventListener("htmx:sendError", () => toast("The server cannot be reached", { isError: true }));

refreshTimes();
setInterval(() => document.hidden || refreshTimes(), TIME_TICK_MS);
for (const dialog of document.querySelectorAll("dialog[data-open-now]")) dialog.showModal();
for (const box of document.querySelectorAll("[data-toast]")) adoptToast(box);
