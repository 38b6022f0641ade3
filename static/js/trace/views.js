/**
 * The views of a trace, one shown at a time, each in its tab.
 *
 * A module gives its view as `default`: a class, made once, with `{root, page}`, when its tab is first opened. That of
 * the timeline is loaded with the page: its buttons are there from the start, and must not be deaf.
 * It has `show()`, `hide()`, `focus()`, `update()` (rows changed, or something new may be read), `select(spanId)` (the
 * event in the side panel; null for none) and may have `key(event)` for keys pressed elsewhere on the page.
 * What concerns one view alone in the tab bar carries `data-tools="name"` and is shown with it.
 */
import { el } from "../dom.js";
import { toast } from "../toast.js";
import Timeline from "./timeline.js";

const MODULES = {
  timeline: async () => ({ default: Timeline }),
  flow: () => import("./flow.js"),
  log: () => import("./log.js"),
  payload: () => import("./payload-view.js"),
};

/** In the order of their tabs. Those of rooms above name their module in the page. */
export const VIEW_NAMES = [...document.querySelectorAll("[role=tablist] [data-tab]")].map((tab) => tab.dataset.tab);

export class Views {
  /** `onChoose(name)` hears of a tab that the reader opened. */
  constructor({ page, onChoose }) {
    Object.assign(this, { page, onChoose });
    this.made = new Map();
    this.name = "";
    this.tabs = document.querySelector("[role=tablist]");
    this.tabs.addEventListener("click", (event) => {
      const tab = event.target.closest("[data-tab]");
      if (tab) this.choose(tab.dataset.tab);
    });
    this.tabs.addEventListener("keydown", (event) => this.#moveInTabs(event));
  }

  /** The shown view, or null until its module is there. */
  get shown() {
    return this.made.get(this.name) ?? null;
  }

  /** Give a key to the shown view, or to one that is being loaded as soon as it is there. Tells whether it was taken. */
  key(event) {
    if (this.shown) return Boolean(this.shown.key?.(event));
    this.#make(this.name).then((view) => view.key?.(event), () => {});
    return false;
  }

  choose(name) {
    if (name === this.name) return;
    this.show(name);
    this.onChoose(name);
  }

  /** Show a view; an unknown name is the timeline. */
  async show(name) {
    const next = VIEW_NAMES.includes(name) ? name : "timeline";
    if (next === this.name) return;
    this.shown?.hide();
    this.name = next;
    this.#markTab();
    const view = await this.#make(next);
    if (this.name !== next || !view) return;
    view.show();
    view.select(this.page.selectedSpanId);
  }

  /** Do what a room's view offers for the trace, or for one event, whichever view is shown. */
  async act(name, what, spanId) {
    const view = await this.#make(name);
    view.act(what, spanId);
  }

  async #make(name) {
    if (this.made.has(name)) return this.made.get(name);
    try {
      const root = document.getElementById(`view-${name}`);
      const [{ default: View }] = await Promise.all([MODULES[name]?.() ?? import(root.dataset.module), loadStyles(root.dataset.styles)]);
      if (!this.made.has(name)) this.made.set(name, new View({ root, page: this.page }));
      return this.made.get(name);
    } catch (error) {
      toast("This view could not be loaded", { isError: true });
      throw error;
    }
  }

  #markTab() {
    for (const tab of this.tabs.querySelectorAll("[data-tab]")) {
      const isShown = tab.dataset.tab === this.name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      document.getElementById(`view-${tab.dataset.tab}`).hidden = !isShown;
    }
    for (const tools of document.querySelectorAll("[data-tools]")) tools.hidden = tools.dataset.tools !== this.name;
  }

  #moveInTabs(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = VIEW_NAMES.indexOf(this.name);
    this.choose(VIEW_NAMES[(at + step + VIEW_NAMES.length) % VIEW_NAMES.length]);
    this.tabs.querySelector("[aria-selected=true]").focus();
  }
}

/** Add a view's stylesheet once, and wait until it holds. */
function loadStyles(href) {
  if (!href || document.querySelector(`link[href="${href}"]`)) return null;
  const link = el("link", { rel: "stylesheet", href });
  document.head.append(link);
  return new Promise((done) => {
    link.addEventListener("load", done, { once: true });
    link.addEventListener("error", done, { once: true });
  });
}
