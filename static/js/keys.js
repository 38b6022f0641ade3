/**
 * Shortcuts of every page: `g` and a letter goes to a section, with the letters shown while one is awaited; `/` filters,
 * `?` lists what works here, `u` undoes, Ctrl or ⌘ with K opens the palette.
 */
import { el } from "./dom.js";
import { runLastAction } from "./toast.js";

const GO_WINDOW_MS = 4000;
const PALETTE_AFTER_MS = 600;

/** Whether a key press is no shortcut: the reader types in a field, means the browser, or has switched single keys off. */
export function isTyping(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  if (event.key.length === 1 && event.key !== " " && document.documentElement.dataset.shortcuts === "off") return true;
  const target = event.target;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
    && !["checkbox", "radio", "button"].includes(target.type);
}

let isOpening = false;

/** Open the command palette, with what is typed until it is there; people who are not signed in have none. */
export async function openPalette() {
  if (isOpening || !document.getElementById("palette-data")) return;
  let typed = "";
  const hold = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.key.length === 1) typed += event.key;
  };
  isOpening = true;
  window.addEventListener("keydown", hold, true);
  try {
    const { togglePalette } = await import("./palette.js");
    togglePalette(typed);
  } finally {
    window.removeEventListener("keydown", hold, true);
    isOpening = false;
  }
}

// Fetched before it is wanted: it should not be waited for.
addEventListener("load", () => setTimeout(() => document.getElementById("palette-data") && import("./palette.js").catch(() => {}), PALETTE_AFTER_MS));

let hint = null;
let hintTimer = 0;

function awaitSection() {
  const links = [...document.querySelectorAll("[data-go]")];
  if (!links.length) return;
  const entries = links.map((link) => el("span", {}, el("kbd", {}, link.dataset.go), link.textContent.trim()));
  hint = el("div", { class: "go-hint", role: "status" }, el("span", {}, el("kbd", {}, "g"), "then"), ...entries);
  document.body.append(hint);
  hintTimer = setTimeout(endWait, GO_WINDOW_MS);
}

function endWait() {
  clearTimeout(hintTimer);
  hint?.remove();
  hint = null;
}

/** Take the second key of a sequence. Whoever listens further down must not take it for its own. */
function goTo(event) {
  endWait();
  const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
  if (!link && event.key !== "Escape") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  link?.click();
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    if (!document.getElementById("palette-data")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    openPalette();
  }
}, true);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
  if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  if (hint) goTo(event);
  else if (event.key === "g") awaitSection();
  else if (event.key === "?") document.getElementById("shortcuts")?.showModal();
  else if (event.key === "/") focusFilter(event);
  else if (event.key === "u" && runLastAction()) event.stopImmediatePropagation();
});

function focusFilter(event) {
  const input = [...document.querySelectorAll("[data-filter-input]")].find((one) => one.checkVisibility());
  if (!input) return;
  event.preventDefault();
  input.focus();
  input.select();
}
