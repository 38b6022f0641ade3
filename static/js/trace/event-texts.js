/** What is said of an event in a few words, from what the list of events gives. */

/** The short text beside a name: what it does not say itself, else the beginning of what the event was given. */
export function detailOf(event) {
  const other = event.model ?? event.tool_name;
  if (other && !event.name.includes(other)) return other;
  const given = pathOf(event.input_preview) ?? event.input_preview ?? "";
  return event.name.includes(given) ? "" : given;
}

const SEARCHED = ["kind", "status", "model", "provider", "tool_name", "agent_name", "prompt_name", "error_type"];
const SEARCHED_AS = { tool_name: "tool", agent_name: "agent", prompt_name: "prompt", error_type: "error" };

/** What a search within the trace looks at beside the ids, in lower case; `status:error` finds as well as a plain word does. */
export function textOf(event) {
  const lines = [event.name];
  for (const field of SEARCHED) if (event[field]) lines.push(`${SEARCHED_AS[field] ?? field}:${event[field]}`);
  for (const text of [event.error_message, event.input_preview, event.output_preview]) if (text) lines.push(text);
  return lines.join("\n").toLowerCase();
}

/** The path in the input of an HTTP event: it says more than the text around it. */
function pathOf(preview) {
  return /^\{"method":"[A-Z]+","url":"\w+:\/\/[^/"]*([^"]+)"/.exec(preview ?? "")?.[1];
}
