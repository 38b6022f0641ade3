/** Rate, lag and what was not shown, by cause; written a few times a second at most. */
import { compact, grouped } from "../format.js";
import { causeOf } from "./words.js";

const SECONDS = 60;
const WIDTH = 96, HEIGHT = 20;

export class Meters {
  constructor() {
    this.seconds = new Array(SECONDS).fill(0);
    this.second = 0;
    this.dropped = new Map();
    this.beat = {};
    this.filtered = this.lines = 0;
    this.line = document.querySelector("#rate-line path");
    this.cells = Object.fromEntries([...document.querySelectorAll("[data-meter]")].map((cell) => [cell.dataset.meter, cell]));
    this.box = document.querySelector("[data-meter-box=dropped]");
  }

  /** Lines came. */
  count(lines) {
    this.#turn();
    this.seconds[SECONDS - 1] += lines;
    this.lines += lines;
  }

  drop({ cause, count }) {
    this.dropped.set(cause, (this.dropped.get(cause) ?? 0) + count);
  }

  get total() {
    return [...this.dropped.values()].reduce((sum, count) => sum + count, 0);
  }

  /** `held` rows are here; `gone` lines were, and made room. */
  show({ held, gone }) {
    this.#turn();
    const rate = (this.seconds.at(-2) + this.seconds.at(-3)) / 2;
    this.#write("rate", compact(Math.round(rate)));
    this.#write("lag", compact(this.beat.lag ?? 0));
    const lost = this.dropped.get("retention") ?? 0;
    this.#write("lost", compact(lost));
    this.#write("dropped", compact(this.total - lost));
    this.cells.lost.parentElement.classList.toggle("has-some", lost > 0);
    this.box.classList.toggle("has-some", this.total > lost);
    this.#write("filtered", compact(this.filtered));
    this.#write("held", gone ? `${grouped(held)} held, ${compact(gone)} older gone` : `${grouped(held)} held`);
    this.cells.held.dataset.lines = this.lines;
    this.box.dataset.count = this.total;
    this.box.title = [...this.dropped].map(([cause, count]) => `${grouped(count)}: ${causeOf(cause)}`).join("\n") || "Every line so far is here, or was left out by the filter";
    this.#draw();
  }

  #write(name, text) {
    if (this.cells[name].textContent !== text) this.cells[name].textContent = text;
  }

  #turn() {
    const now = Math.floor(performance.now() / 1000);
    for (let passed = Math.min(SECONDS, now - this.second); passed > 0; passed--) {
      this.seconds.shift();
      this.seconds.push(0);
    }
    this.second = now;
  }

  #draw() {
    const highest = Math.max(...this.seconds, 1);
    const points = this.seconds.slice(0, -1).map((value, index) => `${((index * WIDTH) / (SECONDS - 2)).toFixed(1)} ${(HEIGHT - 1 - (value / highest) * (HEIGHT - 2)).toFixed(1)}`);
    this.line.setAttribute("d", `M${points.join("L")}`);
  }
}
