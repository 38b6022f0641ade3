/**
 * How figures and times are written. The same rules as observability/templatetags/playhead.py;
 * tests/pages/format_cases.json holds both to them.
 */

const MINUTE = 60, HOUR = 3600, DAY = 86400;

function round(value, digits) {
  const scale = 10 ** digits;
  const text = (Math.floor(value * scale + 0.5) / scale).toFixed(digits);
  return digits ? text.replace(/\.?0+$/, "") : text;
}

const pad = (number) => String(number).padStart(2, "0");

/** A duration in milliseconds, in the largest fitting unit; unknown is a dash. */
export function duration(milliseconds) {
  if (milliseconds == null || Number.isNaN(milliseconds)) return "–";
  if (milliseconds < 10) return milliseconds ? `${round(Math.max(milliseconds, 0), 1)} ms` : "0 ms";
  if (milliseconds < 999.5) return `${round(milliseconds, 0)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${round(seconds, seconds < 9.995 ? 2 : 1)} s`;
  const whole = Math.floor(seconds + 0.5);
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}m ${pad(whole % MINUTE)}s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}h ${pad(Math.floor((whole % HOUR) / MINUTE))}m`;
  return `${Math.floor(whole / DAY)}d ${Math.floor((whole % DAY) / HOUR)}h`;
}

/** A count in at most four characters and a unit. */
export function compact(number) {
  if (number == null) return "–";
  for (const [size, unit] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= size) return round(number / size, number / size < 9.95 ? 1 : 0) + unit;
  }
  return String(number);
}

/** A count in full, thousands separated. */
export function grouped(number) {
  return number == null ? "–" : String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A share of one as a percentage; what is there is never written as nothing, nor as all of it. */
export function percent(share) {
  if (share == null) return "–";
  const value = share * 100;
  if (value > 0 && value < 0.1) return "<0.1%";
  if (value > 99.9 && value < 100) return ">99.9%";
  return `${round(value, value < 9.95 || (value > 99 && value < 100) ? 1 : 0)}%`;
}

/** Millionths of a dollar; what is not known says so. */
export function cost(micros) {
  if (micros == null) return "unknown";
  if (micros === 0) return "$0";
  const dollars = micros / 1e6;
  if (dollars < 0.0001) return "<$0.0001";
  const digits = dollars < 0.01 ? 4 : dollars < 1 ? 3 : 2;
  const [whole, fraction] = (Math.floor(dollars * 10 ** digits + 0.5) / 10 ** digits).toFixed(digits).split(".");
  return `$${grouped(whole)}.${fraction}`;
}

/** Bytes in the largest fitting unit. */
export function bytes(number) {
  if (number == null) return "–";
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (number >= size) return `${round(number / size, number / size < 9.95 ? 1 : 0)} ${unit}`;
  }
  return `${number} B`;
}

/** A distance in time from now, in seconds; negative lies ahead. */
export function relative(seconds) {
  const distance = Math.abs(seconds);
  for (const [size, unit] of [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [1, "s"]]) {
    if (distance >= Math.max(size, 5)) {
      const text = `${Math.floor(distance / size)} ${unit}`;
      return seconds > 0 ? `${text} ago` : `in ${text}`;
    }
  }
  return "just now";
}

/** The zone all times are shown in: the one the reader chose, else the browser's own (undefined). */
export const timeZone = globalThis.document?.documentElement.dataset.timeZone || undefined;

const absoluteFormat = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short", timeZone,
});

/** A moment with date, milliseconds and zone, as the reader's clock shows it. */
export function absolute(moment) {
  return absoluteFormat.format(moment);
}

const fieldFormat = new Intl.DateTimeFormat("en-GB", {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23", timeZone,
});

/** A moment as a `datetime-local` field holds it, in the reader's zone: 2026-11-21T03:05:00. */
export function toField(moment) {
  const parts = Object.fromEntries(fieldFormat.formatToParts(moment).map(({ type, value }) => [type, value]));
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`;
}

/** The moment that a `datetime-local` field means in the reader's zone. */
export function fromField(value) {
  const asUtc = new Date(`${value}${value.length === 16 ? ":00" : ""}Z`);
  // The zone's distance from UTC is asked for at the guess, and once more where that crosses a change of the clock.
  let moment = asUtc;
  for (let turn = 0; turn < 2; turn += 1) moment = new Date(asUtc - zoneShift(moment));
  return moment;
}

/** Milliseconds by which the reader's zone is ahead of UTC at a moment. */
export function zoneShift(moment) {
  const whole = new Date(Math.floor(moment / 1000) * 1000);
  return new Date(`${toField(whole)}Z`) - whole;
}

/** An offset from the start of a trace, in milliseconds: +1.204 s keeps its digits, so that offsets line up. */
export function offset(milliseconds) {
  const sign = milliseconds < 0 ? "−" : "+";
  const total = Math.abs(milliseconds) / 1000;
  if (total < 60) return `${sign}${total.toFixed(3)}s`;
  const minutes = Math.floor(total / 60);
  const rest = (total - minutes * 60).toFixed(2).padStart(5, "0");
  if (minutes < 60) return `${sign}${minutes}:${rest}`;
  return `${sign}${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${rest.slice(0, 2)}`;
}
