/**
 * Chat messages as a conversation: who said what, which tools were called with what, what came back. The server has
 * brought every provider's form to one: `{side, role, parts, name?, finish_reason?}`.
 */
import { el, icon } from "../base.js";
import { bytes } from "../format.js";
import { renderText, renderValue } from "./payload.js";

const MEDIA = new Set(["image", "audio", "video", "file"]);

/** Show messages; a line divides what the model was given from what it answered. */
export function renderChat(messages) {
  const box = el("div", { class: "chat" });
  let side = "input";
  for (const message of messages) {
    if (message.side === "output" && side === "input" && box.childElementCount) box.append(el("div", { class: "chat-divide" }, "answer"));
    side = message.side;
    box.append(renderMessage(message));
  }
  return box;
}

function renderMessage(message) {
  const role = String(message.role);
  return el("section", { class: `message ${role.replace(/\W/g, "")}` },
    el("header", {}, role, message.name ? el("span", { class: "mono" }, message.name) : null,
      message.finish_reason ? el("span", { class: "end faint" }, message.finish_reason) : null),
    ...message.parts.map(renderPart));
}

function renderPart(part) {
  if (part.type === "tool_call") return renderTool(part, "calls");
  if (part.type === "tool_result") return renderTool(part, "returned");
  if (MEDIA.has(part.type)) return renderMedia(part);
  if (part.type === "reasoning") return el("div", { class: "reasoning" }, el("span", { class: "faint" }, "Reasoning"), proseOf(part));
  return proseOf(part);
}

function proseOf(part) {
  if (part.text == null) return renderValue(part.value ?? null);
  const box = renderText(part.text);
  box.className = "message-text";
  return box;
}

function renderTool(part, verb) {
  const hasContent = part.text != null || part.value !== undefined;
  return el("div", { class: "tool-call" },
    el("header", {}, icon("tool"), el("span", {}, part.name ?? "tool"), el("span", { class: "faint" }, verb)),
    hasContent ? proseOf(part) : null);
}

/** Images and files are placeholders: their content may be large, and what they show is not what is debugged. */
function renderMedia(part) {
  const facts = [part.mime_type, part.size_bytes == null ? null : bytes(part.size_bytes), part.url].filter(Boolean).join(", ");
  return el("div", { class: "withheld" }, icon("info"), el("div", {}, facts ? `${part.type}: ${facts}` : part.type));
}
