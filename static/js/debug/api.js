/** Calls of the console's API. */
import { request } from "../request.js";

/**
 * Send JSON. Returns `{ status, data, problem, code }`: `status` is 0 when nobody answered, `problem` says in words what
 * is the matter, empty when nothing is.
 */
export async function call(method, url, body, { keepalive = false } = {}) {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const headers = { "X-CSRFToken": token, Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
  const response = await request(url, { method, headers, keepalive, body: body && JSON.stringify(body) }).catch(() => null);
  if (!response) return { status: 0, data: null, code: "unreachable", problem: "The server cannot be reached" };
  const data = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return { status: response.status, data, code: "", problem: "" };
  const problem = data?.detail ?? `The server answered ${response.status}`;
  return { status: response.status, data, code: data?.code ?? "", problem, retryAfter: Number(response.headers.get("Retry-After")) || 0 };
}

/** Read a part of a page that the server writes. Null when it cannot be had. */
export async function readPart(url) {
  const response = await request(url, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok) return null;
  return document.importNode(new DOMParser().parseFromString(await response.text(), "text/html").body, true);
}
