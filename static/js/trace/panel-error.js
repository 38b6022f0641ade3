/** What went wrong: type, message, and the stack with the frames of libraries folded. */
import { el, icon } from "../dom.js";
import { block } from "./panel-blocks.js";

const LIBRARY = /site-packages|dist-packages|node_modules|\/lib\/python\d|<frozen |node:internal|\(internal\/|\/usr\/lib\/|\.cargo\/registry|\/go\/pkg\/mod\/|\bjava\.base\/|webpack-internal/;
const FRAME = /^\s*(?:File "|at |from |#\d+ |\w[\w./<>$]*\(.*:\d+\)$)/;

export function errorBlock(event, explain) {
  if (event.status !== "error" && !event.error_message && !event.error_type) return null;
  const stack = event.error_stack;
  const text = [event.error_type, event.error_message, stack.value].filter(Boolean).join("\n");
  return block("error", "Error", { copied: text },
    el("div", { class: "error-box" },
      event.error_type ? el("strong", {}, event.error_type) : null,
      event.error_message ?? (event.error_type ? "" : "Failed without a message.")),
    stack.state === "present" ? renderStack(String(stack.value)) : explain(stack, "error_stack", event));
}

function renderStack(text) {
  const box = el("div", { class: "stack-trace", tabindex: "0", role: "region", "aria-label": "Stack" });
  for (const group of groupFrames(text.split("\n"))) {
    const lines = group.lines.join("\n");
    if (!group.isLibrary) box.append(el("pre", {}, lines));
    else box.append(el("details", { class: "stack-fold" }, el("summary", {}, icon("chevron", "twist"), `${group.frames} ${group.frames === 1 ? "frame" : "frames"} in libraries`), el("pre", {}, lines)));
  }
  return box;
}

/** Put lines together by whose code they are; what follows a frame, its source line, belongs to it. */
function groupFrames(lines) {
  const groups = [];
  let isLibrary = false;
  for (const line of lines) {
    const isFrame = FRAME.test(line);
    if (isFrame) isLibrary = LIBRARY.test(line);
    else if (/^\S/.test(line)) isLibrary = false;
    let group = groups.at(-1);
    if (!group || group.isLibrary !== isLibrary) groups.push(group = { isLibrary, lines: [], frames: 0 });
    group.lines.push(line);
    if (isFrame) group.frames++;
  }
  return groups;
}
