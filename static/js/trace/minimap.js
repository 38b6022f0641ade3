/**
 * The whole trace in a strip: how much ran at once, where it failed, and which part is shown below. Drag its edges or
 * the window between them; drag elsewhere to choose a new one; click to go there.
 */
import { el } from "../base.js";
import { ERROR } from "./store.js";

const EDGE_PX = 6;
const CLICK_PX = 3;
const ERROR_PX = 4;

export class Minimap {
  /** `onShow(from, to)` asks for a stretch of time, `onFit()` for the whole trace. */
  constructor({ root, store, scale, now, onShow, onFit }) {
    Object.assign(this, { root, store, scale, now, onShow, onFit });
    this.canvas = el("canvas", {});
    this.window = el("div", { class: "mm-window" });
    this.head = el("div", { class: "mm-playhead", hidden: true });
    this.frame = 0;
    root.append(this.canvas, this.window, this.head);
    root.addEventListener("pointerdown", (event) => this.#press(event));
    root.addEventListener("dblclick", () => onFit());
    new ResizeObserver(() => this.draw()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  /** Draw the events anew, with the next frame. */
  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
      this.place();
    });
  }

  /** Move the window over what is shown. */
  place(playhead = this.playhead) {
    const { start, end, from, to, zoom } = this.scale;
    const share = (at) => `${(Math.max(0, Math.min(1, (at - start) / (end - start || 1))) * 100).toFixed(3)}%`;
    this.window.hidden = !zoom;
    this.window.style.left = share(from);
    this.window.style.right = `calc(100% - ${share(to)})`;
    this.playhead = playhead;
    this.head.hidden = playhead == null;
    if (playhead != null) this.head.style.left = share(playhead);
  }

  #draw() {
    const width = this.root.clientWidth;
    const height = this.root.clientHeight;
    if (!width || !height || !(this.scale.end > this.scale.start)) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const { running, failed } = this.#measure(width);
    const most = Math.log1p(running.reduce((a, b) => Math.max(a, b), 1));
    // Colours that the browser has resolved: a canvas does not know light-dark().
    const { color, outlineColor } = getComputedStyle(this.canvas);
    context.fillStyle = color;
    for (let x = 0; x < width; x++) {
      const tall = (Math.log1p(running[x]) / most) * (height - ERROR_PX - 4);
      if (running[x]) context.fillRect(x, height - ERROR_PX - Math.max(1, tall), 1, Math.max(1, tall));
    }
    context.fillStyle = outlineColor;
    for (let x = 0; x < width; x++) if (failed[x]) context.fillRect(x - 0.5, height - ERROR_PX, 2, ERROR_PX);
  }

  /** How many leaves run in each column of pixels, and how many fail there: linear in events and columns. */
  #measure(width) {
    const { store, scale } = this;
    const changes = new Int32Array(width + 1);
    const failed = new Int32Array(width + 1);
    const now = this.now();
    const column = (at) => Math.max(0, Math.min(width - 1, Math.floor(((at - scale.start) / (scale.end - scale.start)) * width)));
    for (let index = 0; index < store.length; index++) {
      const end = store.end(index, now);
      if (store.statuses[index] === ERROR) failed[column(end)] += 1;
      if (store.hasChildren(index)) continue;
      changes[column(store.starts[index])] += 1;
      changes[column(end) + 1] -= 1;
    }
    const running = new Int32Array(width);
    for (let x = 0, sum = 0; x < width; x++) running[x] = sum += changes[x];
    return { running, failed };
  }

  #press(event) {
    if (event.button !== 0 || !(this.scale.end > this.scale.start)) return;
    const box = this.root.getBoundingClientRect();
    const { start, end, from, to, zoom } = this.scale;
    const timeAt = (x) => start + Math.max(0, Math.min(1, (x - box.left) / box.width)) * (end - start);
    const xOf = (at) => box.left + ((at - start) / (end - start)) * box.width;
    const began = timeAt(event.clientX);
    const nearLeft = zoom && Math.abs(event.clientX - xOf(from)) <= EDGE_PX;
    const nearRight = zoom && Math.abs(event.clientX - xOf(to)) <= EDGE_PX;
    const isInside = zoom && began > from && began < to;
    this.root.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const at = timeAt(moved.clientX);
      if (nearLeft) this.onShow(Math.min(at, to), Math.max(at, to));
      else if (nearRight) this.onShow(Math.min(at, from), Math.max(at, from));
      else if (isInside) this.onShow(from + at - began, to + at - began);
      else if (Math.abs(moved.clientX - event.clientX) > CLICK_PX) this.onShow(Math.min(at, began), Math.max(at, began));
    };
    const release = (up) => {
      this.root.removeEventListener("pointermove", move);
      const isClick = Math.abs(up.clientX - event.clientX) <= CLICK_PX;
      if (isClick && zoom && !isInside && !nearLeft && !nearRight) this.onShow(began - (to - from) / 2, began + (to - from) / 2);
    };
    this.root.addEventListener("pointermove", move);
    this.root.addEventListener("pointerup", release, { once: true });
    event.preventDefault();
  }
}
