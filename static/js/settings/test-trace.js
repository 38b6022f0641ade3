/** Send a test trace and wait until the API has it: what a reader waits for, measured where they wait. */
import { el, toast } from "../base.js";
import { request } from "../request.js";

const POLL_MS = 25;
const GIVE_UP_MS = 15_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function send(form) {
  const button = form.querySelector("button");
  const outcome = form.querySelector("[data-outcome]");
  button.disabled = true;
  outcome.replaceChildren(el("span", { class: "status running" }, "waiting…"));
  try {
    const started = performance.now();
    const sent = await post(form);
    await waitFor(form, sent.trace_id, started);
    const took = Math.round(performance.now() - started);
    const link = el("a", { class: "button", href: sent.url }, "Open the trace");
    outcome.replaceChildren(el("span", { class: "status ok" }, `arrived in ${took} ms`), link);
    link.focus();
  } catch (error) {
    outcome.replaceChildren(el("span", { class: "status error" }, error.message));
    toast("The test trace did not arrive", { isError: true });
  } finally {
    button.disabled = false;
  }
}

async function post(form) {
  const answer = await request(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.status === 503 ? "the store cannot be reached; try again" : `the server answered ${answer.status}`);
  return answer.json();
}

async function waitFor(form, traceId, started) {
  const address = `${form.dataset.api}?project=${form.dataset.project}&trace_id=${traceId}`;
  while (performance.now() - started < GIVE_UP_MS) {
    const answer = await request(address);
    if (answer.ok && (await answer.json()).items.length) return;
    await pause(POLL_MS);
  }
  throw new Error("not there after 15 s");
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-test-trace]");
  if (!form) return;
  event.preventDefault();
  send(form);
});
