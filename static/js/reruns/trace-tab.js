/**
 * What reruns add to the page of a trace: the tab with the tree of its reruns, and the sheet in which one is put
 * together. A view as `trace/views.js` describes; loaded on first use.
 */
import { el, refreshTimes, toast } from "../base.js";
import { coalesce, connectLive } from "../live.js";
import { request } from "../request.js";

const LIVE_INTERVAL_MS = 500;
const MOST_CHOSEN = 2;

export default class TraceTab {
  constructor({ root, page }) {
    Object.assign(this, { root, page, isShown: false, sheet: null });
    this.chosen = [];
    this.refresh = coalesce(() => this.#read(), LIVE_INTERVAL_MS);
    root.addEventListener("change", (event) => event.target.matches("[data-fork-trace]") && this.#choose(event.target));
  }

  async show() {
    this.isShown = true;
    await this.#read();
    // Any rerun of the project may be one of this tree.
    this.end ??= connectLive({ subscriptions: [{ project: Number(this.page.urls.project) }], hears: ["rerun.changed"], onHint: () => this.isShown && this.refresh(), onCatchUp: () => this.isShown && this.refresh() });
  }

  hide() {
    this.isShown = false;
  }

  focus() {
    this.root.querySelector("a, input:not(:disabled)")?.focus({ preventScroll: true });
  }

  update() {}

  select() {}

  key(event) {
    if (event.key === "c") this.root.querySelector("[data-fork-compare][href]")?.click();
    else if (event.key === "j" || event.key === "k") this.#move(event.key === "j" ? 1 : -1);
    else return false;
    return true;
  }

  /** Open the sheet: `from` an event on, for one `step`, or as the playhead stands. */
  async act(what, spanId) {
    try {
      const [{ openSheet }, html] = await Promise.all([import("./dialog.js"), this.#readSheet()]);
      openSheet({ html, page: this.page, what, spanId });
    } catch (error) {
      toast(`The rerun could not be prepared. ${error.message}`, { isError: true });
    }
  }

  async #readSheet() {
    const address = this.root.dataset.url.replace("/trace-reruns/", "/rerun-dialog/");
    return readPart(address);
  }

  async #read() {
    try {
      const fresh = await readPart(this.root.dataset.url);
      if (this.root.contains(document.activeElement) && this.root.innerHTML === fresh.body.innerHTML) return;
      const focused = document.activeElement?.closest?.("[data-fork]")?.dataset.fork;
      this.root.replaceChildren(...document.importNode(fresh.body, true).childNodes);
      for (const box of this.root.querySelectorAll("[data-fork-trace]")) box.checked = box.dataset.forkTrace !== "" && this.chosen.includes(box.dataset.forkTrace);
      if (focused) this.root.querySelector(`[data-fork="${focused}"] input`)?.focus({ preventScroll: true });
      refreshTimes(this.root);
      this.#offer();
    } catch (error) {
      if (!this.root.childElementCount) this.root.replaceChildren(el("p", { class: "muted" }, `The reruns could not be read. ${error.message}`));
    }
  }

  /** Two can be compared; a third takes the place of the first. */
  #choose(box) {
    this.chosen = this.chosen.filter((one) => one !== box.dataset.forkTrace);
    if (box.checked) this.chosen.push(box.dataset.forkTrace);
    if (this.chosen.length > MOST_CHOSEN) this.chosen.shift();
    for (const one of this.root.querySelectorAll("[data-fork-trace]")) one.checked = this.chosen.includes(one.dataset.forkTrace) && !one.disabled;
    this.#offer();
  }

  #offer() {
    const link = this.root.querySelector("[data-fork-compare]");
    if (!link) return;
    const shown = [...this.root.querySelectorAll("[data-fork-trace]")].map((box) => box.dataset.forkTrace);
    // The earlier one is left, as the Compare page has it.
    const [left, right] = [...this.chosen].sort((one, other) => shown.indexOf(one) - shown.indexOf(other));
    link.setAttribute("aria-disabled", String(!right));
    if (right) link.href = `${this.root.querySelector(".forks").dataset.compareUrl}?${new URLSearchParams({ left, right })}`;
    else link.removeAttribute("href");
  }

  #move(step) {
    const boxes = [...this.root.querySelectorAll("[data-fork-trace]:not(:disabled)")];
    const at = boxes.indexOf(document.activeElement);
    boxes[Math.max(0, Math.min(boxes.length - 1, at + step))]?.focus();
  }
}

async function readPart(address) {
  const response = await request(address, { headers: { "HX-Request": "true" } });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}
