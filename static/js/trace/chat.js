/**
 * Chat messages as a conversation: who said what, which tools were called with what, what came back. The server has
 * brought every provider's form to one: `{side, role, parts, name?, finish_reason?}`. A call and its result stand
 * together; the system prompt is folded; only what is new since the model last spoke can be shown alone.
 */
import { el, icon } from "../dom.js";
import { bytes } from "../format.js";
import { renderValue } from "./json-tree.js";
import { renderText } from "./text.js";

const MEDIA = new Set(["image", "audio", "video", "file"]);
const SYSTEM = new Set(["system", "developer"]);
const ONLY_NEW_KEY = "playhead.chat-new";
const PLAIN_KEY = "playhead.chat-plain";

/** Show messages, with what chooses among them above. */
export function renderChat(messages) {
  const box = el("div", { class: "stack chat-box" });
  const first = firstNew(messages);
  const tools = el("div", { class: "chat-tools" });
  const choose = (label, key, { title }) => {
    const button = el("button", { type: "button", class: "button quiet small", title }, label);
    button.addEventListener("click", () => {
      write(key, !read(key));
      draw();
    });
    tools.append(button);
    return button;
  };
  const whole = first > 0 ? choose("", ONLY_NEW_KEY, { title: "Show the whole conversation, or what is new since the model last answered" }) : null;
  const plain = choose("", PLAIN_KEY, { title: "Show Markdown formatted, or as it was written" });
  const draw = () => {
    const isOnlyNew = Boolean(whole) && read(ONLY_NEW_KEY);
    if (whole) whole.textContent = isOnlyNew ? `Show all ${messages.length} messages` : `Show only the ${messages.length - first} new`;
    plain.textContent = read(PLAIN_KEY) ? "Format Markdown" : "Plain text";
    box.replaceChildren(tools, renderMessages(isOnlyNew ? messages.slice(first) : messages, { isFormatted: !read(PLAIN_KEY) }));
  };
  draw();
  return box;
}

/** Where what the model had not been told before begins: after the last answer among what it was given. */
function firstNew(messages) {
  const last = messages.findLastIndex((message) => message.side === "input" && message.role === "assistant");
  return last + 1;
}

function renderMessages(messages, how) {
  const box = el("div", { class: "chat" });
  const results = pair(messages);
  let side = "input";
  for (const message of messages) {
    const parts = message.parts.filter((part) => !results.taken.has(part));
    if (!parts.length) continue;
    if (message.side === "output" && side === "input" && box.childElementCount) box.append(el("div", { class: "chat-divide" }, "answer"));
    side = message.side;
    box.append(renderMessage({ ...message, parts }, { ...how, results }));
  }
  return box;
}

/** Find for each call the result that names it, so that the two are shown as one. */
function pair(messages) {
  const calls = new Map();
  const ofCall = new Map();
  const taken = new Set();
  for (const part of messages.flatMap((message) => message.parts)) {
    if (part.type === "tool_call" && part.call_id) calls.set(part.call_id, part);
    const call = part.type === "tool_result" ? calls.get(part.call_id) : null;
    if (!call || ofCall.has(call)) continue;
    ofCall.set(call, part);
    taken.add(part);
  }
  return { ofCall, taken };
}

function renderMessage(message, how) {
  const role = String(message.role);
  const header = [role, message.name ? el("span", { class: "mono" }, message.name) : null, message.finish_reason ? el("span", { class: "end faint" }, message.finish_reason) : null];
  const css = `message ${role.replace(/\W/g, "")}`;
  const parts = message.parts.map((part) => renderPart(part, how));
  if (!SYSTEM.has(role)) return el("section", { class: css }, el("header", {}, ...header), ...parts);
  const text = message.parts.map((part) => part.text ?? "").join(" ").trim();
  return el("details", { class: css },
    el("summary", {}, icon("chevron", "twist"), ...header, el("span", { class: "faint clip" }, text.slice(0, 200)), el("span", { class: "end faint" }, bytes(text.length))),
    ...parts);
}

function renderPart(part, how) {
  if (part.type === "tool_call") return renderCall(part, how.results.ofCall.get(part), how);
  if (part.type === "tool_result") return renderTool(part, "returned", how);
  if (MEDIA.has(part.type)) return renderMedia(part);
  if (part.type === "reasoning") return renderReasoning(part, how);
  return proseOf(part, how);
}

function proseOf(part, how) {
  if (part.text == null) return renderValue(part.value ?? null, { label: part.name ?? "Content" });
  const box = renderText(part.text, how);
  box.className = "message-text";
  return box;
}

function renderReasoning(part, how) {
  const text = part.text ?? "";
  return el("details", { class: "reasoning", open: text.length < 600 },
    el("summary", {}, icon("chevron", "twist"), "Reasoning", text ? null : el("span", { class: "faint" }, " kept by the provider")), text ? proseOf(part, how) : null);
}

function renderCall(call, result, how) {
  const box = renderTool(call, result ? "called with" : "calls", how);
  if (result) box.append(el("div", { class: "tool-returned" }, el("span", { class: "faint" }, "returned"), hasContent(result) ? proseOf(result, how) : el("span", { class: "faint" }, "nothing")));
  return box;
}

const hasContent = (part) => part.text != null || part.value !== undefined;

function renderTool(part, verb, how) {
  return el("div", { class: "tool-call" },
    el("header", {}, icon("tool"), el("span", {}, part.name ?? "tool"), el("span", { class: "faint" }, verb), part.call_id ? el("span", { class: "end faint clip", title: part.call_id }, part.call_id) : null),
    hasContent(part) ? proseOf(part, how) : null);
}

/** Images and files are placeholders: their content may be large, and what they show is not what is debugged. */
function renderMedia(part) {
  const found = [part.mime_type, part.width && part.height ? `${part.width} × ${part.height}` : null, part.size_bytes == null ? null : bytes(part.size_bytes), part.name, part.url].filter(Boolean).join(", ");
  return el("div", { class: `withheld media-${part.type}` }, icon("info"), el("div", {}, found ? `${part.type}: ${found}` : part.type));
}

const read = (key) => localStorage.getItem(key) === "yes";

function write(key, value) {
  localStorage.setItem(key, value ? "yes" : "no");
}
