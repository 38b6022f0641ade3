/**
 * Bars and lines over time, as SVG: `drawBars` and `drawLines`. Both are read by eye, by pointer and by keyboard:
 * arrow keys move from bucket to bucket and say what is there, Shift extends a selection, Enter takes it. A drag or a
 * click takes one too, which calls `onBrush` with two ISO times. A table of the same figures is there for screen
 * readers. Nothing here loads data: call `update` with new buckets, and the chart keeps its place and its reader's.
 */
import { el } from "./dom.js";
import { timeZone, zoneShift } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const AXIS = 18;
const TICK_WIDTH = 84;
const DRAG_FROM = 4;
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 30 * DAY];

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });
const dayFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone });
const fullFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone });

/**
 * Draw stacked bars into `container`, as high as its style says.
 *
 * `buckets` are `{at, values: {name: number}}`, contiguous and equally long; `series` are `{name, label, color}` from the bottom
 * up, `color` one of the classes of chart.css (ok, error, running, accent, warn, muted, second). `bucketSeconds`,
 * `start` and `end` (ISO) say what a bucket covers and where the range cuts the first and the last. Without `onBrush`
 * the chart only reads out. Returns `{update(changes), select(from, to)}`.
 */
export function drawBars(container, options) {
  return new Chart(container, options, drawBarSeries, stackedTop).handle();
}

/** Draw lines, as `drawBars`; a value that is null leaves a gap. */
export function drawLines(container, options) {
  return new Chart(container, options, drawLineSeries, highestValue).handle();
}

function svg(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text != null) element.textContent = text;
  return element;
}

class Chart {
  constructor(container, options, drawSeries, topOf) {
    this.container = container;
    this.drawSeries = drawSeries;
    this.topOf = topOf;
    this.active = -1;
    this.anchor = -1;
    this.dragFrom = null;
    this.build(options.label);
    this.update(options);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  handle() {
    return { update: (changes) => this.update(changes), select: (from, to) => this.selectTimes(from, to) };
  }

  build(label) {
    this.plot = el("div", { class: "chart-plot", role: "slider", tabindex: "0", "aria-label": label, "aria-valuemin": "0" });
    this.canvas = svg("svg", { "aria-hidden": "true" });
    this.tip = el("div", { class: "chart-tip", hidden: true });
    this.table = el("div", { class: "visually-hidden" });
    this.plot.append(this.canvas);
    this.container.classList.add("chart");
    this.container.replaceChildren(this.plot, this.tip, this.table);
  }

  /** Take new options; what is not named stays. */
  update(changes) {
    const before = this.options?.buckets[this.active]?.at;
    this.options = { formatValue: String, series: [], buckets: [], ...this.options, ...changes };
    const { buckets, bucketSeconds } = this.options;
    this.times = buckets.map((bucket) => Date.parse(bucket.at));
    this.span = bucketSeconds ? bucketSeconds * 1000 : this.times.length > 1 ? this.times[1] - this.times[0] : MINUTE;
    this.active = before == null ? -1 : buckets.findIndex((bucket) => bucket.at === before);
    if (this.active < 0) this.anchor = -1;
    this.plot.classList.toggle("can-brush", Boolean(this.options.onBrush));
    this.draw();
    this.describe();
  }

  draw() {
    const { buckets } = this.options;
    this.width = this.plot.clientWidth;
    this.height = this.plot.clientHeight;
    this.depth = Math.max(0, this.height - AXIS);
    if (!this.width || !this.height) return;
    const highest = Math.max(0, ...buckets.map((bucket) => this.topOf(bucket.values, this.options.series)));
    this.top = niceTop(highest, this.options.isWhole);
    this.canvas.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.cursor = svg("rect", { class: "chart-cursor", y: 0, height: this.depth, width: 0 });
    this.selection = svg("rect", { class: "chart-selection", y: 0, height: this.depth, width: 0 });
    this.canvas.replaceChildren(this.cursor, ...this.drawGrid(), ...this.drawSeries(this), ...this.drawTimes(), this.selection);
    this.mark();
  }

  x(index) {
    return (index / Math.max(1, this.times.length)) * this.width;
  }

  y(value) {
    return this.depth - (value / this.top) * (this.depth - 2);
  }

  drawGrid() {
    const lines = [0, 0.5, 1].map((part) => {
      const y = Math.round(this.y(this.top * part)) + 0.5;
      return svg("path", { class: part ? "chart-grid" : "chart-base", d: `M0 ${y}H${this.width}` });
    });
    if (!this.times.length) return lines;
    return [...lines, svg("text", { class: "chart-mark", x: this.width, y: 11, "text-anchor": "end" }, this.options.formatValue(this.top))];
  }

  drawTimes() {
    if (!this.times.length) return [];
    const start = this.times[0];
    const total = this.span * this.times.length;
    const step = STEPS.find((size) => total / size <= this.width / TICK_WIDTH) ?? STEPS.at(-1);
    const format = step >= DAY ? dayFormat : clockFormat;
    const shift = -zoneShift(new Date(start));
    const ticks = [];
    for (let at = Math.ceil((start - shift) / step) * step + shift; at < start + total; at += step) {
      const x = ((at - start) / total) * this.width;
      if (x > this.width - 16) break;
      const isMidnight = step < DAY && (at - shift) % DAY === 0;
      ticks.push(svg("text", { class: "chart-time", x: Math.max(x, 14), y: this.height - 4, "text-anchor": "middle" }, (isMidnight ? dayFormat : format).format(at)));
    }
    return ticks;
  }

  /* Reading and choosing */

  listen() {
    const { plot } = this;
    plot.addEventListener("pointermove", (event) => this.point(event));
    plot.addEventListener("pointerleave", () => this.dragFrom == null && this.leave());
    plot.addEventListener("pointerdown", (event) => this.press(event));
    plot.addEventListener("pointerup", (event) => this.release(event));
    plot.addEventListener("pointercancel", () => this.leave());
    plot.addEventListener("keydown", (event) => this.key(event));
    plot.addEventListener("focus", () => plot.matches(":focus-visible") && this.active < 0 && this.activate(this.times.length - 1));
    plot.addEventListener("blur", () => this.leave());
  }

  indexAt(event) {
    const part = (event.clientX - this.plot.getBoundingClientRect().left) / this.width;
    return Math.max(0, Math.min(this.times.length - 1, Math.floor(part * this.times.length)));
  }

  point(event) {
    if (!this.times.length) return;
    const index = this.indexAt(event);
    if (this.dragFrom != null && Math.abs(event.clientX - this.dragFrom.x) >= DRAG_FROM) this.anchor = this.dragFrom.index;
    this.activate(index);
  }

  press(event) {
    if (event.button || !this.options.onBrush || !this.times.length) return;
    this.dragFrom = { x: event.clientX, index: this.indexAt(event) };
    this.anchor = -1;
    this.plot.setPointerCapture(event.pointerId);
  }

  release(event) {
    if (this.dragFrom == null) return;
    this.point(event);
    this.dragFrom = null;
    this.take();
  }

  leave() {
    this.dragFrom = null;
    this.anchor = -1;
    this.active = -1;
    this.mark();
  }

  key(event) {
    const last = this.times.length - 1;
    const next = { ArrowLeft: this.active - 1, ArrowRight: this.active + 1, ArrowDown: this.active - 1, ArrowUp: this.active + 1, Home: 0, End: last }[event.key];
    if (last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (next != null) {
      this.anchor = event.shiftKey ? (this.anchor < 0 ? this.active : this.anchor) : -1;
      this.activate(Math.max(0, Math.min(last, next)));
    } else if ((event.key === "Enter" || event.key === " ") && this.options.onBrush && this.active >= 0) this.take();
    else if (event.key === "Escape" && this.anchor >= 0) {
      this.anchor = -1;
      this.mark();
    } else return;
    event.preventDefault();
  }

  activate(index) {
    this.active = index;
    this.mark();
  }

  bounds() {
    return this.anchor < 0 ? [this.active, this.active] : [Math.min(this.anchor, this.active), Math.max(this.anchor, this.active)];
  }

  /** The ISO times of buckets, as far as the range goes. */
  timesOf([first, last]) {
    const { start, end } = this.options;
    const from = Math.max(this.times[first], start ? Date.parse(start) : -Infinity);
    const to = Math.min(this.times[last] + this.span, end ? Date.parse(end) : Infinity);
    return [new Date(from).toISOString(), new Date(to).toISOString()];
  }

  take() {
    const [from, to] = this.timesOf(this.bounds());
    this.options.onBrush(from, to);
  }

  /** Show the stretch between two ISO times as chosen; without times, none. */
  selectTimes(from, to) {
    this.chosen = from && to ? [Date.parse(from), Date.parse(to)] : null;
    this.mark();
  }

  mark() {
    if (!this.cursor) return;
    const hasActive = this.active >= 0 && this.active < this.times.length;
    this.place(this.cursor, hasActive ? [this.x(this.active), this.x(this.active + 1)] : null);
    const total = this.span * this.times.length;
    const [first, last] = this.bounds();
    if (hasActive && this.anchor >= 0) this.place(this.selection, [this.x(first), this.x(last + 1)]);
    else this.place(this.selection, this.chosen && this.chosen.map((at) => Math.max(0, Math.min(1, (at - this.times[0]) / total)) * this.width));
    this.tip.hidden = !hasActive;
    if (hasActive) this.readOut(first, last);
  }

  place(rect, ends) {
    rect.setAttribute("x", ends ? ends[0] : 0);
    rect.setAttribute("width", ends ? Math.max(0, ends[1] - ends[0]) : 0);
  }

  readOut(first, last) {
    const { series, formatValue } = this.options;
    const { values } = this.options.buckets[this.active];
    const when = this.timesOf([first, last]).map((iso) => fullFormat.format(new Date(iso))).join(" – ");
    const lines = [...series].reverse().map(({ name, label, color }) => [label, formatValue(values[name] ?? null), color]);
    this.tip.replaceChildren(
      el("div", { class: "chart-when" }, when),
      ...(first === last ? lines : []).map(([label, text, color]) => el("div", { class: "chart-line" }, el("span", { class: `chart-key c-${color}` }), label, el("b", {}, text))),
    );
    const middle = (this.x(this.active) + this.x(this.active + 1)) / 2;
    const room = this.container.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(room, middle - this.tip.offsetWidth / 2))}px`;
    this.plot.setAttribute("aria-valuenow", String(this.active));
    this.plot.setAttribute("aria-valuetext", first === last ? `${when}: ${lines.map(([label, text]) => `${label} ${text}`).join(", ")}` : `${when} selected`);
  }

  describe() {
    const { buckets, series, label, formatValue } = this.options;
    this.plot.setAttribute("aria-valuemax", String(Math.max(0, buckets.length - 1)));
    if (this.active < 0) {
      this.plot.setAttribute("aria-valuenow", "0");
      this.plot.setAttribute("aria-valuetext", `${buckets.length} stretches of time`);
    }
    const head = el("tr", {}, el("th", { scope: "col" }, "Time"), ...series.map((one) => el("th", { scope: "col" }, one.label)));
    const rows = buckets.map((bucket, index) => el("tr", {},
      el("th", { scope: "row" }, fullFormat.format(this.times[index])), ...series.map((one) => el("td", {}, formatValue(bucket.values[one.name] ?? null)))));
    this.table.replaceChildren(el("table", {}, el("caption", {}, label), el("thead", {}, head), el("tbody", {}, ...rows)));
  }
}

/* Scales and shapes */

function stackedTop(values, series) {
  return series.reduce((sum, { name }) => sum + (values[name] ?? 0), 0);
}

function highestValue(values, series) {
  return Math.max(0, ...series.map(({ name }) => values[name] ?? 0));
}

/** The next of 1, 2, 2.5, 5, 10 in its power of ten; counts (`isWhole`) never get half a unit. */
function niceTop(value, isWhole) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const top = [1, 2, 2.5, 5, 10].map((part) => part * power).find((size) => size >= value * 0.999);
  return isWhole ? Math.max(2, Math.ceil(top)) : top;
}

function drawBarSeries(chart) {
  const { buckets, series } = chart.options;
  const gap = chart.width / Math.max(1, buckets.length) > 5 ? 1 : 0;
  const bottoms = buckets.map(() => 0);
  return series.map(({ name, color }) => {
    let path = "";
    buckets.forEach(({ values }, index) => {
      const value = values[name] ?? 0;
      if (value <= 0) return;
      const base = chart.y(bottoms[index]);
      bottoms[index] += value;
      // What is there is seen, however small beside the rest.
      const height = Math.max(1.5, base - chart.y(bottoms[index]));
      path += `M${(chart.x(index) + gap).toFixed(2)} ${base.toFixed(2)}V${(base - height).toFixed(2)}H${(chart.x(index + 1) - gap / 2).toFixed(2)}V${base.toFixed(2)}Z`;
    });
    return svg("path", { class: `chart-bar c-${color}`, d: path });
  });
}

function drawLineSeries(chart) {
  const { buckets, series } = chart.options;
  const middle = (index) => ((chart.x(index) + chart.x(index + 1)) / 2).toFixed(2);
  return series.flatMap(({ name, color, dash }) => {
    let path = "";
    const dots = [];
    buckets.forEach(({ values }, index) => {
      const value = values[name];
      if (value == null) return;
      const isStart = buckets[index - 1]?.values[name] == null;
      path += `${isStart ? "M" : "L"}${middle(index)} ${chart.y(value).toFixed(2)}`;
      if (isStart && buckets[index + 1]?.values[name] == null) dots.push(svg("circle", { class: `chart-dot c-${color}`, cx: middle(index), cy: chart.y(value).toFixed(2), r: 2.5 }));
    });
    return [svg("path", { class: `chart-stroke c-${color}${dash ? ` ${dash}` : ""}`, d: path }), ...dots];
  });
}
