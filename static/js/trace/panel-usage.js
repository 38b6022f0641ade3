/** Tokens by class, whether they add up, what they cost and by which formula, and how the answer was streamed. */
import { el } from "../dom.js";
import { cost, duration, grouped } from "../format.js";
import { block, facts } from "./panel-blocks.js";

const CLASSES = [
  ["Input", "input"], ["Cached input", "cached_input"], ["Cache write", "cache_write"], ["Output", "output"],
  ["Reasoning", "reasoning"], ["Audio in", "audio_in"], ["Audio out", "audio_out"],
];
const LABELS = Object.fromEntries(CLASSES.map(([label, name]) => [name, label]));

const REASONS = {
  no_model: () => "The model was not named, so no price applies.",
  no_usage: () => "The call reported no tokens, so there is nothing to multiply.",
  unknown_model: (event) => `The price list does not know ${event.model}${event.provider ? ` of ${event.provider}` : ""}.`,
  unpriced_class: () => "The price list has no price for one of the token classes that were used.",
};

export function usageBlock(event) {
  const used = CLASSES.filter(([, name]) => event[`${name}_tokens`] != null);
  if (!used.length && event.total_tokens == null && event.cost_micros == null && event.kind !== "ai") return null;
  return block("usage", "Tokens and cost", { note: cost(event.cost_micros) }, ...tokenParts(event, used), ...costParts(event));
}

function tokenParts(event, used) {
  const isEstimated = event.flags?.includes("usage_estimated");
  const sum = used.reduce((total, [, name]) => total + event[`${name}_tokens`], 0);
  const rows = used.map(([label, name]) => {
    const count = event[`${name}_tokens`];
    return el("tr", {}, el("td", {}, el("span", { class: `token-key token-${name}` }), label), el("td", { class: "num" }, `${isEstimated ? "≈ " : ""}${grouped(count)}`),
      el("td", { class: "num faint" }, sum ? `${Math.round((count / sum) * 100)}%` : ""));
  });
  if (event.total_tokens != null) rows.push(el("tr", { class: "sum" }, el("td", {}, "Total tokens"), el("td", { class: "num" }, grouped(event.total_tokens)), el("td")));
  const differs = used.length && event.total_tokens != null && sum !== event.total_tokens;
  return [
    sum ? tokenBar(event, used, sum) : null,
    rows.length ? el("table", { class: "lines" }, el("tbody", {}, ...rows)) : null,
    differs ? el("p", { class: "field-error" }, `The classes add up to ${grouped(sum)}, not to the ${grouped(event.total_tokens)} that the sender reported.`) : null,
  ];
}

function tokenBar(event, used, sum) {
  const bar = el("div", { class: "token-bar", role: "img", "aria-label": used.map(([label, name]) => `${label} ${event[`${name}_tokens`]}`).join(", ") });
  for (const [, name] of used) {
    const part = el("span", { class: `token-${name}` });
    part.style.flexGrow = String(event[`${name}_tokens`] / sum);
    if (event[`${name}_tokens`]) bar.append(part);
  }
  return bar;
}

function costParts(event) {
  const { pricing } = event;
  if (!pricing) return [costLine(event, null)];
  const table = pricing.cost_lines.length ? el("table", { class: "lines cost-lines" }, el("tbody", {}, ...pricing.cost_lines.map(formula))) : null;
  const differs = pricing.list_cost_micros != null && event.cost_micros != null && pricing.list_cost_micros !== event.cost_micros;
  return [
    table,
    costLine(event, pricing),
    event.cost_micros == null ? el("p", { class: "help" }, REASONS[pricing.reason]?.(event) ?? "It was stored before this model had a price.") : null,
    differs ? el("p", { class: "help" }, pricing.basis === "stated"
      ? `The price list comes to ${cost(pricing.list_cost_micros)}.`
      : `An earlier price list was used; today’s comes to ${cost(pricing.list_cost_micros)}.`) : null,
    pricing.source ? el("p", { class: "help faint" }, `Prices: ${pricing.source}`) : null,
  ];
}

function formula(line) {
  return el("tr", {}, el("td", {}, LABELS[line.token_class]),
    el("td", { class: "num faint" }, `${grouped(line.tokens)} × $${line.usd_per_million} / M`), el("td", { class: "num" }, `$${line.cost_usd}`));
}

function costLine(event, pricing) {
  const isStated = pricing?.basis === "stated" || event.flags?.includes("cost_stated");
  return el("table", { class: "lines" }, el("tbody", {}, el("tr", { class: "sum" },
    el("td", {}, "Cost", isStated ? el("span", { class: "faint" }, " as the sender stated it") : null), el("td", { class: "num" }, cost(event.cost_micros)))));
}

/* Streaming */

const FIRST = /(?:ms_?to_?first_?(?:chunk|token)|time_to_first_(?:token|chunk)|ttft|first_token_ms)$/i;
const CHUNKS = /(?:chunk|chunks)_?count$|^chunks$|stream(?:ed)?_chunks$/i;

/** What is known of a streamed answer; null for one that came in a piece. */
export function streamBlock(event) {
  const extra = event.extra?.value;
  const isStreamed = extra?.streamed === true || event.output?.value?.streamed === true;
  const found = { first: null, chunks: null };
  for (const [key, value] of flatten(event.attributes?.value)) {
    if (typeof value !== "number") continue;
    // `msTo…` is milliseconds; the conventions of OpenTelemetry measure in seconds.
    if (FIRST.test(key)) found.first ??= /ms/i.test(key) ? value : value * 1000;
    else if (CHUNKS.test(key)) found.chunks ??= value;
  }
  if (!isStreamed && found.first == null && found.chunks == null) return null;
  const raw = extra?.stream_raw;
  found.chunks ??= typeof raw === "string" ? raw.split("\n").filter((line) => line.startsWith("data:") && !line.includes("[DONE]")).length : Array.isArray(raw) ? raw.length : null;
  const rest = found.first != null && event.duration_ms > found.first ? event.duration_ms - found.first : null;
  return block("stream", "Streaming", {}, facts([
    ["First token", found.first == null ? "not reported" : `after ${duration(found.first)}`],
    ["Chunks", found.chunks == null ? "not reported" : grouped(found.chunks)],
    ["Then", rest == null ? null : duration(rest)],
    ["Speed", rest && event.output_tokens ? `${(event.output_tokens / (rest / 1000)).toFixed(1)} tokens a second` : null],
  ]));
}

/** Every leaf of an object, with its dotted path. */
export function* flatten(value, path = "") {
  if (value === null || typeof value !== "object") {
    if (path) yield [path, value];
    return;
  }
  for (const [key, inner] of Object.entries(value)) yield* flatten(inner, path ? `${path}.${key}` : key);
}
