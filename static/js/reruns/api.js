/** Requests of the pages of reruns to the API; what it refuses is an error with its words. */
import { el } from "../dom.js";
import { request } from "../request.js";

/** Send JSON and return the JSON answered. Throws an error with `message`, and `field` where the answer names one. */
export async function send(method, url, body, { signal } = {}) {
  const response = await ask(method, url, body, { signal });
  return response.json();
}

/** Send JSON and let the browser save the file that is answered. */
export async function download(url, body) {
  const response = await ask("POST", url, body);
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"))?.[1] ?? "download";
  const address = URL.createObjectURL(await response.blob());
  el("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

async function ask(method, url, body, { signal } = {}) {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const response = await request(url, { method, signal, body: JSON.stringify(body), headers: { "X-CSRFToken": token, "Content-Type": "application/json", Accept: "*/*" } });
  if (!response.ok) throw explain(response.status, await response.json().catch(() => null));
  return response;
}

/** `{detail: "runCount: give 1 to 50"}` or `{fields: {runCount: ["…"]}}`. */
function explain(status, answer) {
  const [name, said] = Object.entries(answer?.fields ?? {})[0] ?? [];
  const detail = name ? `${name}: ${[said].flat().join(" ")}` : answer?.detail ?? `The server answered ${status}.`;
  const field = /^([A-Za-z]+)[^\s:]*:/.exec(detail)?.[1] ?? null;
  return Object.assign(new Error(detail), { status, field, code: answer?.code });
}
