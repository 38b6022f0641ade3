/** Blocks of the side panel: they fold, and stay as the reader left them. */
import { el, icon } from "../dom.js";
import { absolute } from "../format.js";

const CLOSED_KEY = "playhead.closed-blocks";

function closedBlocks() {
  try {
    return new Set(JSON.parse(localStorage.getItem(CLOSED_KEY)) ?? []);
  } catch {
    return new Set();
  }
}

/** Remember that the reader opened or closed a block. */
export function rememberBlock(details) {
  if (!details.dataset?.block || details.dataset.isOwn) return;
  const closed = closedBlocks();
  if (details.open) closed.delete(details.dataset.block);
  else closed.add(details.dataset.block);
  localStorage.setItem(CLOSED_KEY, JSON.stringify([...closed]));
}

/** `note` stands at the end of the title, `copied` is what its copy button copies. */
export function block(key, title, { note: said, copied } = {}, ...content) {
  return el("details", { class: "block", "data-block": key, open: !closedBlocks().has(key) },
    el("summary", { class: copied ? "has-copy" : null }, icon("chevron", "twist"), title, said ? el("span", { class: "end" }, said) : null),
    copied ? copyButton(copied) : null,
    el("div", { class: "block-body" }, ...content));
}

export function copyButton(text, label = "Copy") {
  return el("button", { type: "button", class: "copy-inline", "data-copy": text, "aria-label": label, title: label }, icon("copy"));
}

export function note(text) {
  return el("div", { class: "block-body side-note" }, el("div", { class: "notice" }, icon("info"), el("div", {}, text)));
}

export function say(name, text) {
  return el("div", { class: "withheld" }, icon(name), el("div", {}, text));
}

export function facts(pairs) {
  const list = el("dl", { class: "facts" });
  for (const [label, value] of pairs) if (value != null && value !== "") list.append(el("dt", {}, label), el("dd", {}, value));
  return list;
}

export function copyable(text) {
  return el("span", { class: "row" }, el("span", { class: "mono" }, text), copyButton(text));
}

export function time(value) {
  return el("time", { datetime: value }, absolute(new Date(value)));
}
