/** What differs in one step: its figures on both sides, and its values line by line. */
import { el, icon } from "../dom.js";
import { bytes, cost, duration, grouped } from "../format.js";
import { request } from "../request.js";

const CONTEXT = 3;
const FOLD_FROM = 8;
const TITLES = { input: "Input", output: "Output", error_stack: "Stack" };
const STATES = { absent: "none was sent", withheld: "not captured", unavailable: "no longer stored", none: "no such step" };
const SIGNS = { same: " ", removed: "−", added: "+" };

export class DiffPanel {
  constructor({ root, urls, onClose }) {
    Object.assign(this, { root, urls });
    this.asked = 0;
    root.addEventListener("click", (event) => {
      if (event.target.closest("[data-close]")) onClose();
      const fold = event.target.closest("[data-fold]");
      if (fold) fold.replaceWith(...this.folds.get(fold).map(makeLine));
    });
  }

  async show(row, summary) {
    const asked = ++this.asked;
    const body = el("div", { class: "diff-values" });
    this.folds = new Map();
    this.root.hidden = false;
    this.root.replaceChildren(
      el("header", {}, icon(row.kind, "kind-icon"), el("h2", { class: "clip" }, row.name), el("span", { class: "faint" }, summary),
        el("button", { class: "button quiet icon-only end", type: "button", "data-close": true, "aria-label": "Close", title: "Close (Esc)" }, icon("close"))),
      this.#makeFigures(row),
      body,
    );
    const slow = setTimeout(() => body.replaceChildren(...["w4", "w2", "w3"].map((css) => el("span", { class: `skeleton ${css}` }))), 200);
    try {
      const found = await this.#read(row);
      if (asked === this.asked) body.replaceChildren(...(found.fields.length ? found.fields.map((field) => this.#makeField(field)) : [el("p", { class: "faint" }, "Neither side has an input or output.")]));
    } catch (error) {
      if (asked === this.asked) body.replaceChildren(el("p", { class: "faint" }, `The values could not be read. ${error.message}.`));
    } finally {
      clearTimeout(slow);
    }
  }

  hide() {
    this.asked++;
    this.root.hidden = true;
  }

  async #read(row) {
    const query = new URLSearchParams({ project: this.urls.project, left: this.urls.left, right: this.urls.right });
    if (row.left) query.set("left_span", row.left.span_id);
    if (row.right) query.set("right_span", row.right.span_id);
    const response = await request(`${this.urls.valuesUrl}?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    return response.json();
  }

  #makeFigures(row) {
    const facts = [["Status", (side) => side.status], ["Duration", (side) => duration(side.duration_ms)], ["Tokens", (side) => (side.tokens == null ? "–" : grouped(side.tokens))], ["Cost", (side) => (side.cost_micros == null ? "–" : cost(side.cost_micros))]];
    const head = el("tr", {}, el("td", {}), ...["left", "right"].map((name) => el("th", { scope: "col" }, row[name] ? el("a", { href: this.#makeUrl(name, row[name].span_id) }, name === "left" ? "Left" : "Right", " in its trace") : el("span", { class: "faint" }, "not there"))));
    return el("table", { class: "diff-figures" }, el("thead", {}, head), el("tbody", {}, ...facts.map(([label, write]) => (
      el("tr", {}, el("th", { scope: "row" }, label), ...["left", "right"].map((name) => el("td", {}, row[name] ? write(row[name]) : "–")))))));
  }

  #makeUrl(name, spanId) {
    return `${this.urls.traceUrl.replace("TRACE", () => encodeURIComponent(this.urls[name]).replaceAll("%2F", "/"))}?event=${encodeURIComponent(spanId)}`;
  }

  #makeField(field) {
    const sizes = [field.left_bytes, field.right_bytes].map((size) => (size == null ? null : bytes(size)));
    const notes = ["left", "right"].filter((name) => STATES[field[`${name}_state`]] && field[`${name}_state`] !== "none")
      .map((name) => `${name}: ${STATES[field[`${name}_state`]]}`);
    if (field.is_cut) notes.push("too large: only the beginnings are compared");
    return el("section", {},
      el("h3", {}, TITLES[field.field], el("span", { class: "faint" }, [sizes[0] ?? "–", sizes[1] ?? "–"].join(" → ")), field.is_same && el("span", { class: "tag" }, "same"), ...notes.map((note) => el("span", { class: "tag warn" }, note))),
      field.lines.length > 0 && el("pre", { class: "diff-lines", tabindex: "0", "aria-label": `${TITLES[field.field]}, line by line` }, ...this.#foldLines(field.lines)));
  }

  /** Long stretches without a difference are folded to a line that opens them. */
  #foldLines(lines) {
    const isNear = new Uint8Array(lines.length);
    lines.forEach((line, at) => {
      if (line.op !== "same") isNear.fill(1, Math.max(0, at - CONTEXT), at + CONTEXT + 1);
    });
    const made = [];
    for (let at = 0; at < lines.length;) {
      let end = at;
      while (end < lines.length && !isNear[end]) end++;
      if (end - at >= FOLD_FROM) {
        const fold = el("button", { type: "button", class: "diff-fold", "data-fold": true }, `${grouped(end - at)} lines the same`);
        this.folds.set(fold, lines.slice(at, end));
        made.push(fold);
        at = end;
      } else {
        made.push(makeLine(lines[at]));
        at++;
      }
    }
    return made;
  }
}

function makeLine(line) {
  const parts = [];
  const letters = [...line.text];
  let at = 0;
  for (const [start, end] of line.marks ?? []) {
    parts.push(letters.slice(at, start).join(""), el("mark", {}, letters.slice(start, end).join("")));
    at = end;
  }
  parts.push(letters.slice(at).join(""));
  return el("span", { class: `diff-line is-${line.op}` }, el("span", { class: "diff-sign" }, SIGNS[line.op]), el("span", { class: "diff-text" }, ...parts));
}
