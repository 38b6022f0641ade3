/** Marks of a time ruler: round steps, as many as fit. Pure. */

const MINUTE = 60e6, HOUR = 3600e6, DAY = 86400e6;
const LONG_STEPS = [1, 2, 5, 10, 15, 30].map((n) => n * 1e6)
  .concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), [1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY));
const SPACING_PX = 80;

/** The smallest round step, in microseconds, that keeps marks apart. */
export function stepFor(span, width) {
  const least = (span * SPACING_PX) / Math.max(width, 1);
  if (least <= 5e5) {
    const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
  }
  return LONG_STEPS.find((step) => step >= least) ?? LONG_STEPS.at(-1);
}

/** Offsets from the start of the trace, in microseconds, within the `span` that begins at `shift`. */
export function ticks(span, width, shift = 0) {
  if (!(span > 0)) return [0];
  const step = stepFor(span, width);
  const first = Math.ceil(shift / step);
  const marks = [];
  // Multiplied, not added up: sums of fractions drift.
  for (let count = first; count * step <= shift + span && marks.length < 64; count++) marks.push(count * step);
  return marks;
}

/** What a mark says: in the unit of its step. */
export function tickLabel(micros, step) {
  if (micros === 0) return "0";
  if (step < 1000) return `${trim(micros, 0)} µs`;
  if (step < 1e6 && micros < 1e6) return `${trim(micros / 1000, 3)} ms`;
  if (micros < MINUTE) return `${trim(micros / 1e6, 3)} s`;
  const seconds = Math.round(micros / 1e6);
  if (micros < HOUR) return seconds % 60 ? `${Math.floor(seconds / 60)}m ${seconds % 60}s` : `${seconds / 60}m`;
  const minutes = Math.round(seconds / 60);
  if (micros < 2 * DAY) return minutes % 60 ? `${Math.floor(minutes / 60)}h ${minutes % 60}m` : `${minutes / 60}h`;
  return `${trim(micros / DAY, 1)}d`;
}

const trim = (value, digits) => String(Number(value.toFixed(digits)));
