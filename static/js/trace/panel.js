/**
 * The side panel: everything about one event, or one log record. What the project does not capture, and what was
 * redacted, says so where the reader would look for it.
 */
import { el, icon } from "../dom.js";
import { bytes, duration } from "../format.js";
import { renderChat } from "./chat.js";
import { extendPath, renderValue, writeValue } from "./json-tree.js";
import { block, copyButton, copyable, facts, note, rememberBlock, say, time } from "./panel-blocks.js";
import { errorBlock } from "./panel-error.js";
import { flatten, streamBlock, usageBlock } from "./panel-usage.js";
import { renderText } from "./text.js";

const NOTES = {
  redacted: "Something in this event was redacted before it was stored.",
  time_suspect: "Its time is far from when it arrived: the sender’s clock may be wrong.",
  usage_estimated: "Only a token total was sent; the split is an estimate.",
};

const STATUS_WORDS = { unset: "ok" };
const CAPTURED = { input: "inputs", output: "outputs", attributes: "attributes", extra: "attributes", error_stack: "error stacks" };
const MOST_FOUND = 200;

export class Panel {
  /** `onClose()` is told when the reader closes it; `page` opens values in the Payload tab. */
  constructor({ root, page, onClose }) {
    this.root = root;
    this.page = page;
    this.head = root.querySelector(".side-head");
    this.body = root.querySelector(".side-scroll");
    root.addEventListener("click", (event) => {
      if (event.target.closest("[data-close-panel]")) onClose();
      const opener = event.target.closest("[data-open-payload]");
      if (opener) page.openPayload(this.shown?.span_id ?? null, opener.dataset.openPayload, this.record?.id);
    });
    this.body.addEventListener("toggle", (event) => rememberBlock(event.target), true);
  }

  close() {
    this.root.hidden = true;
  }

  /** Show at once what the timeline knows, until the rest is read. */
  showLoading({ kind, name }) {
    this.shown = this.record = null;
    this.#head({ kind, name });
    this.#body(el("div", { class: "block-body side-note is-slow" }, ...["w2", "w4", "w3", "w4", "w1"].map((width) => el("span", { class: `skeleton ${width}` }))));
  }

  showMissing() {
    this.shown = this.record = null;
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
    const isSame = this.shown?.span_id === event.span_id;
    const top = this.body.scrollTop;
    const isUnchanged = isSame && this.shown.version === event.version && event.status !== "running";
    this.shown = event;
    this.record = null;
    this.root.hidden = false;
    // Read again and the same: what the reader opened, marked or stands on stays.
    if (isUnchanged) return;
    this.#head(event, [
      status(event.status),
      el("span", {}, event.duration_ms == null ? "running" : duration(event.duration_ms)),
      event.model ? el("span", { class: "mono" }, event.model) : null,
    ]);
    this.#body(
      ...(event.flags ?? []).filter((flag) => NOTES[flag]).map((flag) => note(NOTES[flag])),
      event.inferred ? note("Sent without a trace id. It is shown here because this was the latest workflow of its session when it started.") : null,
      actionsFor(event),
      errorBlock(event, explain),
      messagesBlock(event),
      valueBlock("input", "Input", event, { isClosed: Boolean(event.messages?.length) }),
      valueBlock("output", "Output", event, { isClosed: Boolean(event.messages?.length) }),
      streamBlock(event),
      usageBlock(event),
      this.#factsBlock(event),
      this.#searchable(valueBlock("attributes", "Attributes", event), event.attributes),
      valueBlock("extra", "More", event, { isClosed: true }),
      this.#searchable(valueBlock("resource", "Resource", event, { isClosed: true }), event.resource),
    );
    // A running event that is read again must not move what is being read.
    if (isSame) this.body.scrollTop = top;
  }

  /** Show a log record as the API gives it. */
  showLog(record, { openEvent }) {
    this.shown = null;
    this.record = record;
    this.#head({ kind: "log", name: record.message.split("\n", 1)[0] }, [el("span", {}, record.level), el("span", {}, record.stream)]);
    const owner = record.span_id ? el("button", { type: "button", class: "link mono" }, record.span_id) : null;
    owner?.addEventListener("click", () => openEvent(record.span_id));
    this.#body(
      record.link ? el("div", { class: "side-actions" }, el("a", { class: "button", href: record.link.url }, record.link.label)) : null,
      ...(record.flags ?? []).filter((flag) => NOTES[flag]).map((flag) => note(NOTES[flag])),
      block("message", "Message", { copied: record.message }, renderText(record.message)),
      record.omitted_bytes ? block("fields", "Fields", { note: bytes(record.omitted_bytes) },
        el("p", { class: "muted" }, "The fields of this record are large."),
        el("div", {}, el("button", { type: "button", class: "button", "data-open-payload": "fields" }, "Open in Payload"))) : null,
      record.fields ? block("fields", "Fields", { copied: JSON.stringify(record.fields, null, 2) }, renderValue(record.fields, { label: "Fields" })) : null,
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

  #factsBlock(event) {
    const of = (field, value) => (value ? el("span", { class: "row" }, String(value), this.#filterLink(`${field}:${quote(value)}`, `Traces with ${field} ${value}`)) : null);
    const step = (kind, key, label) => (key && this.page.urls.stepsUrl ? el("a", { href: `${this.page.urls.stepsUrl}${kind}/${encodeURIComponent(key)}/` }, label) : null);
    const prompt = event.prompt_name ? `${event.prompt_name}${event.prompt_version ? ` v${event.prompt_version}` : ""}` : null;
    return block("facts", "Details", {}, facts([
      ["Started", time(event.started_at)],
      ["Ended", event.ended_at ? time(event.ended_at) : null],
      ["Span", copyable(event.span_id)],
      ["Parent", event.parent_span_id ? copyable(event.parent_span_id) : null],
      ["Event number", copyable(String(event.id))],
      ["Provider", event.provider], ["Model", of("model", event.model)], ["Agent", of("agent", event.agent_name)],
      ["Tool", step("tool", event.tool_name, event.tool_name) ?? event.tool_name],
      ["Prompt", prompt && (step("prompt", event.prompt_hash, prompt) ?? prompt)],
      ["Session", of("session", event.session_id)], ["User", of("user", event.user_id)], ["Environment", of("environment", event.environment)],
      ["Service", of("service", event.service_name)], ["Version", of("version", event.service_version)],
      ["Correlation", of("correlation", event.correlation_id)],
      ["Tags", event.tags.length ? el("span", { class: "row" }, ...event.tags.map((tag) => of("tag", tag))) : null],
      ["Understood as", event.dialect],
      ["Stored under", event.stored_trace_id],
    ]));
  }

  #filterLink(query, label) {
    return el("a", { class: "copy-inline", href: `${this.page.urls.tracesUrl}?${new URLSearchParams({ q: query })}`, "aria-label": label, title: label }, icon("search"));
  }

  /** Add a field above an object's tree that keeps what has the words in its path or value. */
  #searchable(made, value) {
    if (!made || value.state !== "present" || value.value === null || typeof value.value !== "object") return made;
    const body = made.querySelector(".block-body");
    const tree = body.querySelector(".json");
    const entries = [...flatten(value.value)];
    if (!tree || entries.length < 4) return made;
    const input = el("input", { class: "input", type: "search", placeholder: `Filter ${entries.length} attributes`, "aria-label": "Filter attributes", spellcheck: "false", autocomplete: "off" });
    const list = el("dl", { class: "facts found", hidden: true });
    input.addEventListener("input", () => {
      const text = input.value.trim().toLowerCase();
      const found = entries.filter(([path, inner]) => `${path} ${inner}`.toLowerCase().includes(text));
      tree.hidden = Boolean(text);
      list.hidden = !text;
      list.replaceChildren(...found.slice(0, MOST_FOUND).flatMap((entry) => this.#foundParts(entry)), ...(found.length ? [] : [el("dt", {}, "None matches.")]));
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !input.value) return;
      event.stopPropagation();
      input.value = "";
      input.dispatchEvent(new Event("input"));
    });
    body.prepend(el("div", { class: "search" }, icon("search"), input));
    body.append(list);
    return made;
  }

  #foundParts([path, value]) {
    const text = String(value);
    const isShort = typeof value === "string" && text && text.length <= 100;
    return [el("dt", { class: "mono" }, path), el("dd", {}, el("span", { class: "row" }, el("span", { class: "mono" }, text.length > 400 ? `${text.slice(0, 400)}…` : text), copyButton(text),
      isShort ? this.#filterLink(quote(text, { isAlways: true }), `Traces that say ${text}`) : null))];
  }
}

/** A value as the grammar of the Traces page takes it. */
function quote(value, { isAlways = false } = {}) {
  const text = String(value);
  return !isAlways && /^[\w.\-/]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** What a room above lets the reader do with an event of its kind: buttons that the page brought. */
function actionsFor(event) {
  const made = [...document.querySelectorAll("template[data-event-actions]")].filter((one) => one.dataset.kinds.split(" ").includes(event.kind));
  const buttons = made.flatMap((one) => [...document.importNode(one.content, true).querySelectorAll("button")]);
  for (const button of buttons) button.dataset.span = event.span_id;
  return buttons.length ? el("div", { class: "side-actions" }, ...buttons) : null;
}

function status(value) {
  const word = STATUS_WORDS[value] ?? value;
  return el("span", { class: `status ${word}` }, word);
}

/** Say why a value is not here, where the reader looks for it; null when nothing needs saying. */
function explain(value, field, event) {
  if (value.state === "withheld") return say("hidden", `Not stored: this project does not capture ${CAPTURED[field]}.`);
  if (value.state === "unavailable") return say("alert", `${bytes(value.size_bytes)} were stored, but the storage does not have them any more.`);
  if (value.state === "too_large") {
    return el("div", { class: "stack" },
      el("div", { class: "plain text-value" }, value.preview, el("span", { class: "faint" }, " …")),
      el("div", { class: "row" },
        el("button", { type: "button", class: "button", "data-open-payload": field }, "Open in Payload"),
        el("a", { class: "button", href: event.urlOf(field), target: "_blank", rel: "noopener" }, `Open all ${bytes(value.size_bytes)}`)));
  }
  return null;
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
  const made = block(field, title, { note: bytes(value.size_bytes), copied: writeValue(value.value) }, ...shownValue(value.value, field, title));
  if (isClosed) {
    made.open = false;
    made.dataset.isOwn = "true";
  }
  return made;
}

/** The value as a tree or, at the press of a button, as its JSON. */
function shownValue(value, field, title) {
  const tree = renderValue(value, { label: title, path: extendPath("$", field) });
  const json = JSON.stringify(value, null, 2);
  const raw = el("div", { hidden: true });
  const button = el("button", { type: "button", class: "link", "aria-pressed": "false" }, "Raw");
  button.addEventListener("click", () => {
    const isRaw = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isRaw));
    if (isRaw && !raw.childElementCount) raw.append(el("div", { class: "text-value" }, renderText(json)));
    raw.hidden = !isRaw;
    tree.hidden = isRaw;
  });
  const tools = el("div", { class: "value-tools" }, button, el("button", { type: "button", class: "link", "data-open-payload": field }, "Open in Payload"));
  return [tree, raw, tools];
}
