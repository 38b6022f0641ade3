/** The playhead over the timeline: a line with a handle on the ruler, and a veil over what had not happened yet. */
import { el } from "../base.js";
import { offset } from "../format.js";

const KEY_STEP = 0.01;
/** Room that the flag needs beside the line. */
const FLAG_PX = 76;

export class PlayheadLine {
  constructor({ root, ruler, scale, page, timeAt }) {
    Object.assign(this, { root, ruler, scale, page, timeAt });
    this.handle = el("div", { class: "tl-playhead", role: "slider", tabindex: "0", "aria-label": "Playhead", "aria-orientation": "horizontal", hidden: true }, el("span", { class: "tl-flag", "aria-hidden": "true" }));
    this.veil = el("div", { class: "tl-veil", hidden: true });
    this.over = el("div", { class: "tl-over" }, this.veil, this.handle);
    root.append(this.over);
    this.handle.addEventListener("pointerdown", (event) => this.#press(event));
    this.handle.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.place()).observe(ruler);
  }

  /** Put it where its moment is on the scale. */
  place() {
    const { at } = this.page.playhead;
    const share = at === null ? -1 : this.scale.share(at);
    this.handle.hidden = share < 0 || share > 1;
    this.veil.hidden = at === null || share > 1;
    if (at === null) return;
    const ruler = this.ruler.getBoundingClientRect();
    const root = this.root.getBoundingClientRect();
    this.over.style.left = `${ruler.left - root.left}px`;
    this.over.style.width = `${ruler.width}px`;
    this.over.style.top = `${ruler.top - root.top}px`;
    this.handle.style.transform = `translateX(${share * ruler.width}px)`;
    this.veil.style.left = `${Math.max(0, share) * ruler.width}px`;
    const { start, end } = this.scale;
    const said = offset((at - this.page.startedAt) / 1000);
    this.handle.firstChild.textContent = said;
    this.handle.classList.toggle("is-late", share * ruler.width > ruler.width - FLAG_PX);
    for (const [name, value] of [["valuemin", 0], ["valuemax", Math.round((end - start) / 1000)], ["valuenow", Math.round((at - start) / 1000)], ["valuetext", said]]) {
      this.handle.setAttribute(`aria-${name}`, String(value));
    }
  }

  #press(down) {
    if (down.button !== 0) return;
    this.handle.setPointerCapture(down.pointerId);
    this.handle.focus({ preventScroll: true });
    const { start, end } = this.scale;
    const move = (event) => this.page.playhead.set(Math.max(start, Math.min(end, this.timeAt(event.clientX))));
    this.handle.addEventListener("pointermove", move);
    this.handle.addEventListener("lostpointercapture", () => this.handle.removeEventListener("pointermove", move), { once: true });
    down.preventDefault();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { start, end, span } = this.scale;
    const at = this.page.playhead.at;
    const next = { ArrowLeft: at - span * KEY_STEP, ArrowRight: at + span * KEY_STEP, Home: start, End: end }[event.key];
    if (next === undefined) return;
    this.page.playhead.set(Math.max(start, Math.min(end, next)));
    event.preventDefault();
    event.stopPropagation();
  }
}
