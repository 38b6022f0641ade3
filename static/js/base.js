/**
 * What every page does: menus, dialogs, theme, copying, relative times, toasts, shortcuts.
 * Everything is delegated from the document, so swapped-in parts work without being wired.
 */
import { el, icon } from "./dom.js";
import { absolute, duration, relative } from "./format.js";
import { adoptToast, runLastAction, toast } from "./toast.js";

export { el, icon, toast };

const TIME_TICK_MS = 1000;
const GO_WINDOW_MS = 1200;

/** Whether a key press belongs to a field the reader types in, or to a shortcut of the browser. */
export function isTyping(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.target;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
    && !["checkbox", "radio", "button"].includes(target.type);
}

/** Send a form-encoded POST with the page's CSRF token. */
export function post(url, fields) {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  return fetch(url, { method: "POST", body: new URLSearchParams(fields), headers: { "X-CSRFToken": token } });
}

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

/* Theme */

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.setAttribute("aria-checked", String(choice.dataset.themeChoice === theme));
  }
  document.getElementById("theme-menu")?.hidePopover();
  post(document.body.dataset.preferencesUrl, { theme }).catch(() => toast("The theme could not be saved", { isError: true }));
}

/* Copying */

async function copy(button) {
  const source = button.dataset.copy ?? document.querySelector(button.dataset.copyFrom)?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(source);
  } catch {
    copyBySelection(source);
  }
  toast(button.dataset.copied ?? "Copied");
}

/** The clipboard API needs a secure context; a plain-HTTP address other than localhost has only this. */
function copyBySelection(text) {
  const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/* Clicks */

document.addEventListener("click", (event) => {
  const target = event.target.closest?.("[data-opens], [data-closes], [data-theme-choice], [data-copy], [data-copy-from]");
  if (!target) return;
  if (target.dataset.opens) document.querySelector(target.dataset.opens)?.showModal();
  else if ("closes" in target.dataset) target.closest("dialog")?.close();
  else if (target.dataset.themeChoice) setTheme(target.dataset.themeChoice);
  else copy(target);
});

document.addEventListener("click", (event) => {
  // A click on the scrim closes a dialog, unless it holds something that is shown only once.
  if (event.target.matches?.("dialog:not([data-stays])") && !isInside(event, event.target)) event.target.close();
});

function isInside(event, element) {
  const box = element.getBoundingClientRect();
  return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}

/* Shortcuts */

let goUntil = 0;

document.addEventListener("keydown", (event) => {
  moveInMenu(event);
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
  if (Date.now() < goUntil) {
    goUntil = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      // Whoever listens further down must not take this key for its own.
      event.stopImmediatePropagation();
      link.click();
    }
    return;
  }
  if (event.key === "g") goUntil = Date.now() + GO_WINDOW_MS;
  else if (event.key === "?") document.getElementById("shortcuts")?.showModal();
  else if (event.key === "/") focusFilter(event);
  else if (event.key === "u" && runLastAction()) event.stopImmediatePropagation();
});

function focusFilter(event) {
  const input = document.querySelector("[data-filter-input]");
  if (!input) return;
  event.preventDefault();
  input.focus();
  input.select();
}

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
