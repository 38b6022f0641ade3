/** Calls of the API from the Traces page: always for the project of the page. */
import { request } from "../request.js";
import { toast } from "../toast.js";

const base = document.body.dataset.api;
const project = document.body.dataset.project;

/** The address of something under the API. `params` may be a URLSearchParams or pairs; the project is added. */
export function apiUrl(path, params = []) {
  const query = new URLSearchParams(params);
  query.set("project", project);
  return `${base}${path}?${query}`;
}

/** Read JSON. Null when it cannot be had: what loads after the list stays away then. */
export async function read(path, params, { signal } = {}) {
  try {
    const response = await request(apiUrl(path, params), { signal });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** Send JSON. Returns `{ isOk, data, problem }`, `problem` in words. */
export async function send(method, path, body) {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const headers = { "X-CSRFToken": token, "Content-Type": "application/json" };
  const response = await request(apiUrl(path), { method, headers, body: body && JSON.stringify(body) }).catch(() => null);
  if (!response) return { isOk: false, data: null, problem: "The server cannot be reached" };
  const data = response.status === 204 ? null : await response.json().catch(() => null);
  return { isOk: response.ok, data, problem: response.ok ? "" : (data?.detail ?? `The server answered ${response.status}`) };
}

/** Send JSON, and say it when that fails. Tells whether it worked. */
export async function sendOrSay(method, path, body) {
  const { isOk, problem } = await send(method, path, body);
  if (!isOk) toast(problem, { isError: true });
  return isOk;
}

/** What narrows the list now, as parameters of the API. A named range starts so long before now. */
export function currentFilters() {
  const address = new URLSearchParams(location.search);
  const params = new URLSearchParams();
  if (address.get("q")?.trim()) params.set("q", address.get("q").trim());
  const [from, to] = rangeOf(address);
  if (from) params.set("from", from);
  if (to) params.set("to", to);
  return params;
}

const RANGES = { "15m": 900e3, "1h": 3600e3, "24h": 86_400e3, "7d": 7 * 86_400e3, "30d": 30 * 86_400e3 };

function rangeOf(address) {
  const name = address.get("range") ?? "";
  if (RANGES[name]) return [new Date(Date.now() - RANGES[name]).toISOString(), ""];
  return name === "custom" ? [address.get("from") ?? "", address.get("to") ?? ""] : ["", ""];
}

/** Go to another address of this page, without loading the page. */
export async function visit(address) {
  // As htmx marks its entries: going back to one of them reads the page anew.
  history.replaceState({ htmx: true }, "", location.href);
  history.pushState({ htmx: true }, "", address);
  await window.htmx.ajax("GET", address, { target: "#results", source: document.getElementById("results") });
}
