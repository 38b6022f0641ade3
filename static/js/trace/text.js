/** Texts of values: long ones fold, and may be read as the little Markdown that models write. Never markup. */
import { el } from "../dom.js";
import { bytes } from "../format.js";

const LONG_TEXT = 1200;
/** A row of headings, one of dashes, and rows, each between bars; with the line breaks before and after. */
const TABLE = /\n?(^\|.*\|[^\S\n]*\n\|(?:[^\S\n]*:?-+:?[^\S\n]*\|)+[^\S\n]*(?:\n\|.*\|[^\S\n]*)*$)\n?/m;
const INLINE = /(`[^`\n]+`|\*\*[^*\n]+\*\*)/;

/** Show a text with its line breaks; a long one is folded, and says how much is hidden. */
export function renderText(text, { isFormatted = false } = {}) {
  const box = el("div", { class: "plain" });
  const show = (shown, ...more) => box.replaceChildren(...(isFormatted ? format(shown) : [shown]), ...more);
  if (text.length <= LONG_TEXT * 1.5) {
    show(text);
    return box;
  }
  const button = el("button", { type: "button", class: "link text-more", "aria-expanded": "false" });
  const fold = (isOpen) => {
    button.setAttribute("aria-expanded", String(isOpen));
    button.textContent = isOpen ? "Show less" : `Show all (${bytes(text.length)})`;
    show(isOpen ? text : `${text.slice(0, LONG_TEXT)}… `, button);
  };
  button.addEventListener("click", () => {
    fold(button.getAttribute("aria-expanded") !== "true");
    button.focus({ preventScroll: true });
  });
  fold(false);
  return box;
}

/** Fenced code, tables, headings, bold and code within a line; everything else stays as it was written. */
function format(text) {
  return text.split(/(^```[^\n]*\n[\s\S]*?(?:^```[^\S\n]*$|$(?![\s\S])))/m).flatMap((part) => {
    const fence = /^```([^\n]*)\n([\s\S]*?)\n?(?:```[^\S\n]*)?$/.exec(part);
    if (fence) return [el("pre", { class: "md-code", tabindex: "0" }, fence[2])];
    // What a pattern with one group splits stands at the odd places.
    return part.split(TABLE).flatMap((piece, at) => (at % 2 ? [formatTable(piece)] : formatLines(piece)));
  });
}

function formatTable(text) {
  const [head, , ...rows] = text.split("\n").map((line) => line.trim().slice(1, -1).split("|").map((cell) => cell.trim()));
  const row = (name, cells) => el("tr", {}, ...cells.map((cell) => el(name, {}, ...formatLines(cell))));
  const table = el("table", {}, el("thead", {}, row("th", head)), el("tbody", {}, ...rows.map((cells) => row("td", cells))));
  return el("div", { class: "md-table", tabindex: "0" }, table);
}

function formatLines(text) {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const heading = /^#{1,6} (.+)$/.exec(line);
    const parts = heading ? [el("strong", { class: "md-heading" }, heading[1])] : line.split(INLINE).filter(Boolean).map(formatInline);
    return index < lines.length - 1 ? [...parts, "\n"] : parts;
  });
}

function formatInline(part) {
  if (part.length > 2 && part.startsWith("`")) return el("code", { class: "md-inline" }, part.slice(1, -1));
  if (part.length > 4 && part.startsWith("**")) return el("strong", {}, part.slice(2, -2));
  return part;
}
