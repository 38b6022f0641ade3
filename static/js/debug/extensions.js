/** The list of extensions: kept current while it is looked at, moved through by keys. */
import { refreshTimes } from "../base.js";
import { isTyping } from "../keys.js";
import { request } from "../request.js";
import { listKeys } from "../rows.js";

const READ_AGAIN_MS = 5000;
const box = document.getElementById("extensions");

async function readAgain() {
  if (document.hidden || document.querySelector("dialog[open]") || box.querySelector("form:focus-within")) return;
  const response = await request(location.href, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const focused = document.activeElement?.closest?.("[data-extension]")?.dataset.extension;
  box.replaceChildren(...document.importNode(fresh.body, true).childNodes);
  window.htmx?.process(box);
  refreshTimes(box);
  if (focused) box.querySelector(`[data-extension="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: true });
}

if (box.querySelector("[data-extension]")) setInterval(readAgain, READ_AGAIN_MS);
listKeys({ rows: () => [...box.querySelectorAll("[data-extension]")], isBusy: isTyping });
