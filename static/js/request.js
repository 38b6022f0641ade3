/**
 * Requests that scripts make, so that all of them end in the same way: whoever signs out takes along what is under way,
 * whose answer could only be a refusal; and that a session is over is said, once, by whatever meets it first.
 */
import { toast } from "./toast.js";

/** As long as a timer can wait: these words stay until somebody does something about them. */
const STAYS_MS = 2 ** 31 - 1;

const signingOut = new AbortController();
let isSaid = false;

/** `fetch`, as above. After signing out nobody is left to answer to: the promise never settles, so nothing reports it. */
export async function request(url, { signal, headers, ...options } = {}) {
  try {
    const response = await fetch(url, {
      ...options,
      // A page then answers 401 instead of leading to the sign-in form, which would be taken for the answer.
      headers: { "X-Requested-With": "fetch", ...headers },
      signal: AbortSignal.any([signingOut.signal, signal].filter(Boolean)),
    });
    if (response.status === 401) saySignedOut();
    return response;
  } catch (error) {
    if (signingOut.signal.aborted) return new Promise(() => {});
    throw error;
  }
}

/** Say that the session is over. A page that is loaded anew leads back here through the sign-in. */
export function saySignedOut() {
  if (isSaid || signingOut.signal.aborted) return;
  isSaid = true;
  toast("You are signed out", { isError: true, lasts: STAYS_MS, action: { label: "Sign in", run: () => location.reload() } });
}

// Requests of htmx: what was there stays.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.status !== 401) return;
  detail.isError = false;
  detail.shouldSwap = false;
  saySignedOut();
});
document.addEventListener("submit", (event) => {
  if ("signsOut" in event.target.dataset) signingOut.abort();
});
// A page that the browser kept for the way back is one of somebody who has left.
addEventListener("pageshow", (event) => event.persisted && signingOut.signal.aborted && location.reload());
