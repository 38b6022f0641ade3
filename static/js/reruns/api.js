/** Requests of the pages of reruns to the API; what it refuses is an error with its words. */
import { request } from "../request.js";

/** Send JSON and return the JSON answered. Throws an error with `message`, and `field` where the answer names one. */
export async function send(method, url, body, { signal } = {}) {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const response = await request(url, { method, signal, body: JSON.stringify(body), headers: { "X-CSRFToken": token, "Content-Type": "application/json", Accept: "application/json" } });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw explain(response.status, answer);
  return answer;
}

/** `{detail: "runCount: give 1 to 50"}` or `{fields: {runCount: ["…"]}}`. */
function explain(status, answer) {
  const [name, said] = Object.entries(answer?.fields ?? {})[0] ?? [];
  const detail = name ? `${name}: ${[said].flat().join(" ")}` : answer?.detail ?? `The server answered ${status}.`;
  const field = /^([A-Za-z]+)[^\s:]*:/.exec(detail)?.[1] ?? null;
  return Object.assign(new Error(detail), { status, field, code: answer?.code });
}
