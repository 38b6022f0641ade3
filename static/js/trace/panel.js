/**
 * The side panel: everything about one event, or one log record. What the project does not capture, and what was
 * redacted, says so where the reader would look for it.
 */
import { el, icon } from "../base.js";
import { absolute, bytes, cost, duration, grouped } from "../format.js";
import { renderChat } from "./chat.js";
import { renderText, renderValue } from "./payload.js";

const CLOSED_KEY = "playhead.closed-blocks";

const TOKEN_LINES = [
  ["Input", "input_tokens"], ["Cached input", "cached_input_tokens"], ["Cache write", "cache_write_tokens"],
  ["Output", "output_tokens"], ["Reasoning", "reasoning_tokens"], ["Audio in", "audio_in_tokens"], ["Audio out", "audio_out_tokens"],
];

const NOTES = {
  redacted: "Something in this event was redacted before it was stored.",
  time_suspect: "Its time is far from when it arrived: the sender’s clock may be wrong.",
  usage_estimated: "Only a token total was sent; the split is an estimate.",
};

const STATUS_WORDS = { unset: "ok" };

export class Panel {
  /** `onClose()` is told when the reader closes it. */
  constructor({ root, onClose }) {
    this.root = root;
    this.head = root.querySelector(".side-head");
    this.body = root.querySelector(".side-scroll");
    root.addEventListener("click", (event) => {
      if (event.target.closest("[data-close-panel]")) onClose();
    });
    this.body.addEventListener("toggle", (event) => rememberBlock(event.target), true);
  }

  close() {
    this.root.hidden = true;
  }

  /** Show at once what the timeline knows, until the rest is read. */
  showLoading({ kind, name }) {
    this.#head({ kind, name });
    this.#body(el("div", { class: "block-body side-note is-slow" }, ...["w2", "w4", "w3", "w4", "w1"].map((width) => el("span", { class: `skeleton ${width}` }))));
  }

  showMissing() {
    this.#head({ kind: "missing", name: "Parent not received" });
    this.#body(note("Events name this span as their parent, but it has not arrived. It may still be running: many exporters send a span when it ends. Once it comes, it takes this place."));
  }

  /** Say that an event could not be shown; with `retry`, offer to try again. */
  showError(text, retry) {
    const button = retry && el("button", { type: "button", class: "button" }, "Try again");
    button?.addEventListener("click", retry);
    this.#body(el("div", { class: "block-body side-note" }, el("div", { class: "notice error" }, icon("alert"), el("div", {}, text)), el("div", {}, button)));
  }

  /** Show an event as the API gives it, with `urlOf(field)` and `readMessages()` to read what is large. */
  showEvent(event) {
    this.#head(event, [
      status(event.status),
      el("span", {}, event.duration_ms == null ? "running" : duration(event.duration_ms)),
      event.model ? el("span", { class: "mono" }, event.model) : null,
    ]);
    this.#body(
      ...(event.flags ?? []).filter((flag) => NOTES[flag]).map((flag) => note(NOTES[flag])),
      event.inferred ? note("Sent without a trace id. It is shown here because this was the latest workflow of its session when it started.") : null,
      errorBlock(event),
      messagesBlock(event),
      valueBlock("input", "Input", event, { isClosed: Boolean(event.messages?.length) }),
      valueBlock("output", "Output", event, { isClosed: Boolean(event.messages?.length) }),
      usageBlock(event),
      factsBlock(event),
      valueBlock("attributes", "Attributes", event),
      valueBlock("extra", "More", event, { isClosed: true }),
      valueBlock("resource", "Resource", event, { isClosed: true }),
    );
  }

  /** Show a log record as the API gives it. */
  showLog(record, { openEvent }) {
    this.#head({ kind: "log", name: record.message.split("\n", 1)[0] }, [el("span", {}, record.level), el("span", {}, record.stream)]);
    const owner = record.span_id ? el("button", { type: "button", class: "link mono" }, record.span_id) : null;
    owner?.addEventListener("click", () => openEvent(record.span_id));
    this.#body(
      ...(record.flags ?? []).filter((flag) => NOTES[flag]).map((flag) => note(NOTES[flag])),
      block("message", "Message", { copied: record.message }, renderText(record.message)),
      record.omitted_bytes ? block("fields", "Fields", {}, say("info", `${bytes(record.omitted_bytes)} of fields are too large to show here.`)) : null,
      record.fields ? block("fields", "Fields", { copied: JSON.stringify(record.fields, null, 2) }, renderValue(record.fields)) : null,
      block("facts", "Details", {}, facts([
        ["Time", time(record.logged_at)], ["Level", record.level], ["Stream", record.stream], ["Type", record.type],
        ["Node", record.node], ["Sequence", record.sequence], ["Event", owner],
      ])),
    );
  }

  #head({ kind, name }, sub = []) {
    this.root.hidden = false;
    this.head.replaceChildren(
      el("div", { class: `side-title kind-${kind}` },
        icon(kind, "kind-icon"), el("h2", {}, name),
        el("button", { class: "button quiet icon-only", type: "button", "data-close-panel": true, "aria-label": "Close the panel (Esc)", title: "Close (Esc)" }, icon("close"))),
      el("div", { class: "side-sub" }, el("span", {}, kind.replace("_", " ")), ...sub.filter(Boolean)),
    );
  }

  #body(...children) {
    this.body.replaceChildren(...children.filter(Boolean));
    this.body.scrollTop = 0;
  }
}

function status(value) {
  const word = STATUS_WORDS[value] ?? value;
  return el("span", { class: `status ${word}` }, word);
}

function note(text) {
  return el("div", { class: "block-body side-note" }, el("div", { class: "notice" }, icon("info"), el("div", {}, text)));
}

/* Blocks fold, and stay as the reader left them. */

function closedBlocks() {
  try {
    return new Set(JSON.parse(localStorage.getItem(CLOSED_KEY)) ?? []);
  } catch {
    return new Set();
  }
}

function rememberBlock(details) {
  if (!details.dataset?.block || details.dataset.isOwn) return;
  const closed = closedBlocks();
  if (details.open) closed.delete(details.dataset.block);
  else closed.add(details.dataset.block);
  localStorage.setItem(CLOSED_KEY, JSON.stringify([...closed]));
}

/** `note` stands at the end of the title, `copied` is what its copy button copies. */
function block(key, title, { note: said, copied } = {}, ...content) {
  return el("details", { class: "block", "data-block": key, open: !closedBlocks().has(key) },
    el("summary", { class: copied ? "has-copy" : null }, icon("chevron", "twist"), title, said ? el("span", { class: "end" }, said) : null),
    copied ? copyButton(copied) : null,
    el("div", { class: "block-body" }, ...content));
}

function copyButton(text) {
  return el("button", { type: "button", class: "copy-inline", "data-copy": text, "aria-label": "Copy", title: "Copy" }, icon("copy"));
}

function errorBlock(event) {
  if (event.status !== "error" && !event.error_message && !event.error_type) return null;
  const stack = event.error_stack;
  const text = [event.error_type, event.error_message, stack.value].filter(Boolean).join("\n");
  return block("error", "Error", { copied: text },
    el("div", { class: "error-box" },
      event.error_type ? el("strong", {}, event.error_type) : null,
      event.error_message ?? (event.error_type ? "" : "Failed without a message.")),
    stack.state === "present" ? el("pre", { class: "stack-trace", tabindex: "0" }, stack.value) : explain(stack, "error_stack", event));
}

const CAPTURED = { input: "inputs", output: "outputs", attributes: "attributes", extra: "attributes", error_stack: "error stacks" };

/** Say why a value is not here, where the reader looks for it; null when nothing needs saying. */
function explain(value, field, event) {
  if (value.state === "withheld") return say("hidden", `Not stored: this project does not capture ${CAPTURED[field]}.`);
  if (value.state === "unavailable") return say("alert", `${bytes(value.size_bytes)} were stored, but the storage does not have them any more.`);
  if (value.state === "too_large") {
    return el("div", { class: "stack" },
      el("div", { class: "plain text-value" }, value.preview, el("span", { class: "faint" }, " …")),
      el("a", { class: "button", href: event.urlOf(field), target: "_blank", rel: "noopener" }, `Open all ${bytes(value.size_bytes)}`));
  }
  return null;
}

function say(name, text) {
  return el("div", { class: "withheld" }, icon(name), el("div", {}, text));
}

/** The conversation, or a button that reads it where the values are too large to come along. */
function messagesBlock(event) {
  if (event.messages?.length) return block("messages", "Messages", { note: String(event.messages.length) }, renderChat(event.messages));
  if (event.messages !== null) return null;
  const button = el("button", { type: "button", class: "button" }, "Read the messages");
  const made = block("messages", "Messages", {}, el("p", { class: "muted" }, "The values of this call are large."), el("div", {}, button));
  button.addEventListener("click", async () => {
    button.disabled = true;
    const body = made.querySelector(".block-body");
    try {
      body.replaceChildren(renderChat(await event.readMessages()));
    } catch (error) {
      body.replaceChildren(el("p", { class: "field-error" }, `The messages could not be read. ${error.message}.`));
    }
  });
  return made;
}

/** A value with its size and a copy button. Input and output are always mentioned, the rest only when there is some. */
function valueBlock(field, title, event, { isClosed = false } = {}) {
  const value = event[field];
  if (value.state === "absent") {
    if (field !== "input" && field !== "output") return null;
    const isAwaited = event.status === "running" && field === "output";
    return block(field, title, {}, el("p", { class: "faint" }, isAwaited ? "Not yet: the event is still running." : "None was sent."));
  }
  if (value.state !== "present") return block(field, title, { note: value.size_bytes == null ? "" : bytes(value.size_bytes) }, explain(value, field, event));
  const text = typeof value.value === "string" ? value.value : JSON.stringify(value.value, null, 2);
  const made = block(field, title, { note: bytes(value.size_bytes), copied: text }, renderValue(value.value));
  if (isClosed) {
    made.open = false;
    made.dataset.isOwn = "true";
  }
  return made;
}

function usageBlock(event) {
  const lines = TOKEN_LINES.filter(([, name]) => event[name] != null);
  if (!lines.length && event.total_tokens == null && event.cost_micros == null && event.kind !== "ai") return null;
  const isEstimated = (event.flags ?? []).includes("usage_estimated");
  const rows = lines.map(([label, name]) => el("tr", {}, el("td", {}, label), el("td", { class: "num" }, `${isEstimated ? "≈ " : ""}${grouped(event[name])}`)));
  if (event.total_tokens != null) rows.push(el("tr", { class: "sum" }, el("td", {}, "Total tokens"), el("td", { class: "num" }, grouped(event.total_tokens))));
  const isStated = (event.flags ?? []).includes("cost_stated");
  rows.push(el("tr", { class: "sum" }, el("td", {}, "Cost", isStated ? el("span", { class: "faint" }, " as the sender stated it") : null), el("td", { class: "num" }, cost(event.cost_micros))));
  const why = event.cost_micros == null && event.kind === "ai"
    ? el("p", { class: "help" }, event.model ? `No price is known for ${event.model}, or it reported no tokens.` : "The model was not named.") : null;
  return block("usage", "Tokens and cost", {}, el("table", { class: "lines" }, el("tbody", {}, ...rows)), why);
}

function factsBlock(event) {
  return block("facts", "Details", {}, facts([
    ["Started", time(event.started_at)],
    ["Ended", event.ended_at ? time(event.ended_at) : null],
    ["Span", copyable(event.span_id)],
    ["Parent", event.parent_span_id ? copyable(event.parent_span_id) : null],
    ["Event number", copyable(String(event.id))],
    ["Provider", event.provider], ["Model", event.model], ["Agent", event.agent_name], ["Tool", event.tool_name],
    ["Prompt", event.prompt_name ? `${event.prompt_name}${event.prompt_version ? ` v${event.prompt_version}` : ""}` : null],
    ["Session", event.session_id], ["User", event.user_id], ["Environment", event.environment],
    ["Service", [event.service_name, event.service_version].filter(Boolean).join(" ") || null],
    ["Understood as", event.dialect],
    ["Stored under", event.stored_trace_id],
  ]));
}

function facts(pairs) {
  const list = el("dl", { class: "facts" });
  for (const [label, value] of pairs) if (value != null && value !== "") list.append(el("dt", {}, label), el("dd", {}, value));
  return list;
}

function copyable(text) {
  const box = el("span", { class: "row" }, el("span", { class: "mono" }, text), copyButton(text));
  return box;
}

function time(value) {
  return el("time", { datetime: value }, absolute(new Date(value)));
}
