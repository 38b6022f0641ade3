/** All lines of one request that the console holds, in their order, with how long after the first each came. */
import { el, icon } from "../dom.js";
import { grouped, offset } from "../format.js";
import { LINE } from "./rows.js";

const MOST = 500;

export class Drawer {
  /** `lines()` are all that are held; `onPick(event)` hears which line is wanted, `onOnly(request)` that no others are. */
  constructor({ root, listRows, onPick, onOnly, findTrace }) {
    Object.assign(this, { root, listRows, onPick, onOnly, findTrace });
    this.request = "";
    root.addEventListener("click", (event) => {
      if (event.target.closest("[data-drawer-close]")) this.close();
      else if (event.target.closest("[data-drawer-only]")) this.onOnly(this.request);
      else {
        const row = event.target.closest("[data-line]");
        if (row) this.onPick(row.dataset.line);
      }
    });
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    });
  }

  get isOpen() { return !this.root.hidden; }

  open(request) {
    this.request = request;
    this.before = this.root.contains(document.activeElement) ? this.before : document.activeElement;
    this.link = el("a", { class: "button", "data-trace-link": true, hidden: true }, icon("workflow"), "Open its trace");
    this.list = el("ol", { class: "dbg-flow" });
    this.said = el("span", {});
    this.root.replaceChildren(
      el("header", { class: "side-head" },
        el("div", { class: "side-title" }, icon("path"), el("h2", {}, "Request"), el("button", { type: "button", class: "button quiet icon-only", "data-drawer-close": true, "aria-label": "Close" }, icon("close"))),
        el("div", { class: "side-sub" }, el("span", { class: "mono clip" }, request), el("button", { type: "button", class: "copy-inline", "data-copy": request, "aria-label": "Copy the request id", title: "Copy" }, icon("copy"))),
        el("div", { class: "side-sub" }, this.said)),
      el("div", { class: "side-actions" }, el("button", { type: "button", class: "button", "data-drawer-only": true }, icon("filter"), "Only this request"), this.link),
      el("div", { class: "side-scroll", tabindex: "0", role: "group", "aria-label": "Lines of the request" }, this.list));
    this.key = "";
    this.root.hidden = false;
    this.update();
    this.root.focus({ preventScroll: true });
    this.findTrace({ requestId: request, traceId: this.traceId }, this.link);
  }

  close() {
    this.root.hidden = true;
    this.root.replaceChildren();
    this.before?.focus?.({ preventScroll: true });
  }

  /** Show what there is now; called a few times a second at most. */
  update() {
    const events = this.listRows().filter((row) => row.type === LINE && row.event.requestId === this.request).map((row) => row.event);
    const key = `${events.length}.${events[0]?.id}`;
    if (key === this.key) return;
    this.key = key;
    this.traceId = events.find((event) => event.traceId)?.traceId;
    const first = Date.parse(events[0]?.ts);
    const last = Date.parse(events.at(-1)?.ts);
    const errors = events.filter((event) => event.level === "error").length;
    this.said.textContent = events.length ? `${grouped(events.length)} lines in ${offset(last - first).slice(1)}${errors ? `, ${grouped(errors)} of them errors` : ""}` : "None of its lines is held any more";
    const shown = events.slice(-MOST);
    this.list.replaceChildren(
      ...(shown.length < events.length ? [el("li", { class: "faint" }, `${grouped(events.length - shown.length)} earlier ones are in the list`)] : []),
      ...shown.map((event) => el("li", {}, el("button", { type: "button", class: `level-${event.level}`, "data-line": event.id, title: event.message.slice(0, 400) },
        el("span", { class: "mono faint" }, offset(Date.parse(event.ts) - first)), el("span", { class: "dbg-level mono" }, event.level), el("span", { class: "dbg-flow-text mono" }, event.message)))));
  }
}
