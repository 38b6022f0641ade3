/** What the console says of gaps, ends and states. */
import { compact, duration, grouped } from "../format.js";

const CAUSES = {
  slow_client: "slow client", rate_limit: "more lines a second than a session is sent", byte_budget: "more bytes a second than a session is sent",
  sampled: "you asked for a share of the lines", paused: "paused for longer than lines are kept", retention: "gone before they could be read",
  redaction_withheld: "their secrets could not be hidden", decode_error: "they are no lines", foreign: "they name another tenant or extension",
  ended: "still waiting at the end",
};

const ENDS = {
  closed: "you ended it", expired: "its time is over", revoked: "you may not watch any more", policy_changed: "a rule was changed",
  replaced: "another tab or window took it over", idle: "nobody looked", lost: "the server no longer has it",
  slow_consumer: "this page could not keep up", budget: "it was sent as much as it may", server_drain: "the server restarts",
  unverifiable: "nobody could say whether you still may", busy: "the server has as many viewers as it can serve",
};

const SOURCES = { connecting: "asking the source", unavailable: "the source does not answer", denied: "the source refuses us", closed: "the source was let go" };

export const countLines = (count) => `${grouped(count)} ${count === 1 ? "line" : "lines"}`;
export const causeOf = (cause) => CAUSES[cause] ?? String(cause).replaceAll("_", " ");
export const endOf = ({ reason, detail }) => detail || ENDS[reason] || String(reason).replaceAll("_", " ");

/** A gap as its row says it: `312 lines not shown: slow client`. */
export function sayGap({ count, cause, by_level: levels }) {
  const severe = ["error", "warn"].filter((level) => levels?.[level]).map((level) => `${grouped(levels[level])} ${level}`);
  return `${countLines(count)} not shown: ${causeOf(cause)}${severe.length ? ` (${severe.join(", ")})` : ""}`;
}

/** What a notice that is no gap says, or "". `isTrouble` marks what the reader should look at. */
export function sayNotice(notice) {
  const { code, lost, rate, detail } = notice;
  const gone = lost ? `; ${countLines(lost)} lost meanwhile` : "";
  const said = {
    sampling_on: `Too many lines: ${Math.max(1, Math.round(rate * 100))} % of them are shown, warnings and errors first`,
    sampling_off: "All lines are shown again",
    truncated: "Some messages were longer than may be shown, and cut",
    reset: detail || "The stream began anew",
    cursor_too_old: `Where you were is gone${lost ? `: ${countLines(lost)} lost` : ""}`,
    source_unavailable: detail || "The source does not answer. What is kept there will follow",
    source_denied: "The source refuses the console: its rights were taken away",
    source_recovered: `The source is back after ${duration(notice.outage_ms)}${gone}`,
    degraded: "The source is away: events from this process only",
    policy_changed: "A rule was changed",
    paused: "Held back by the server: nobody looked. What it can keep will follow",
    resumed: "Going on",
    filter_changed: `Filtered from elsewhere: ${detail || "every line"}`,
    clock_skew: `The producer's clock is ${duration(Math.abs(notice.ms))} ${notice.ms > 0 ? "ahead" : "behind"}: times are its own`,
  }[code];
  const isTrouble = ["reset", "cursor_too_old", "source_unavailable", "source_denied", "degraded", "sampling_on"].includes(code);
  return { text: said ?? "", isTrouble };
}

/** After coming back: what was lost on the way, and that nothing came twice. */
export function sayResume({ outcome, lost, twice, isLate }) {
  if (outcome === "pending") return "Reconnected; what was missed follows when the source is back";
  if (outcome === "reset") return "Resumed in another stream: what the old one held and was not read is not known";
  const gone = lost ? `${grouped(lost)} lost to retention` : "nothing lost";
  return `${isLate ? "Resumed" : "Reconnected"}, ${gone}, ${twice ? `${grouped(twice)} came twice and are shown once` : "none twice"}`;
}

/**
 * The state as the pill says it, from the first that is true: `{ state, text }`. It is live only while the source is.
 */
export function sayState({ phase, end, refusal, source, waiting, isHeld, isIdle, isScopeOne, share, lag, problem }) {
  if (phase === "refused") return { state: "ended", text: refusal?.status === 403 ? "refused" : "not opened" };
  if (phase === "ended") return { state: "ended", text: `ended (${endOf(end)})` };
  if (phase === "opening") return { state: "busy", text: "opening" };
  if (phase === "reconnecting") return { state: "trouble", text: "reconnecting", title: problem };
  if (isHeld || isIdle) return { state: "held", text: `paused (${compact(waiting)} waiting)` };
  if (isScopeOne) return { state: "trouble", text: "degraded (one process)", title: "The source is away: events from this process only" };
  if (source === "connecting") return { state: "busy", text: "connecting" };
  if (source !== "live") return { state: "trouble", text: "degraded", title: SOURCES[source] };
  if (lag > 500) return { state: "busy", text: `catching up (lag ${compact(lag)})` };
  if (share < 1) return { state: "trouble", text: `sampled (${Math.max(1, Math.round(share * 100))} %)` };
  return { state: "live", text: "live" };
}
