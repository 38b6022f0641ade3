/**
 * The time scale of the timeline: the whole trace, and the part of it that is shown. It stays still while a trace runs:
 * it has room ahead, and grows in steps when that is used up. Microseconds.
 */
const HEADROOM = 1.25;
const LEAST_SPAN = 10;

export class TimeScale {
  constructor() {
    this.start = 0;
    this.end = 0;
    this.zoom = null;
    this.hasOpen = false;
  }

  get from() { return this.zoom ? this.zoom[0] : this.start; }
  get to() { return this.zoom ? this.zoom[1] : this.end; }
  get span() { return this.to - this.from; }

  /** Where a moment lies between the edges of what is shown: 0 to 1, or outside. */
  share(at) { return this.span > 0 ? (at - this.from) / this.span : 0; }
  at(share) { return this.from + share * this.span; }

  /**
   * Measure first start and last end; with something still running, keep room to grow into. `knownEnd` is the trace's
   * own end, known before its last events are read: so that nothing moves while they come.
   */
  measure(store, now, knownEnd = NaN) {
    let first = Infinity, last = Number.isNaN(knownEnd) ? -Infinity : knownEnd, lastOpen = -Infinity;
    for (let index = 0; index < store.length; index++) {
      const start = store.starts[index];
      const end = store.ends[index];
      if (start < first) first = start;
      if (start > last) last = start;
      if (end > last) last = end;
      if (Number.isNaN(end)) lastOpen = Math.max(lastOpen, now, start);
    }
    this.hasOpen = lastOpen > -Infinity;
    if (first === Infinity) return;
    const isMoved = first !== this.start;
    this.start = first;
    const needed = Math.max(last, lastOpen);
    if (!this.hasOpen) this.end = Math.max(needed, first + 1);
    else if (isMoved || needed > this.end) this.end = first + Math.max((needed - first) * HEADROOM, 2e6);
  }

  /** Show a stretch; what reaches over the trace is cut off, and the whole trace is no zoom. */
  show(from, to) {
    const whole = this.end - this.start;
    const span = Math.max(LEAST_SPAN, to - from);
    if (!(whole > 0) || span >= whole * 0.9999) {
      this.zoom = null;
      return;
    }
    const left = Math.max(this.start, Math.min(this.end - span, from));
    this.zoom = [left, left + span];
  }

  /** Make what is shown shorter (factor below 1) or longer, around a moment that stays where it is. */
  zoomBy(factor, around) {
    const share = this.share(around);
    const span = this.span * factor;
    this.show(around - share * span, around + (1 - share) * span);
  }

  pan(micros) {
    if (this.zoom) this.show(this.zoom[0] + micros, this.zoom[1] + micros);
  }
}
