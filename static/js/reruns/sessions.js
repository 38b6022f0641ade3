/** The page of connected SDKs. Nobody announces a connection, so the page asks every few seconds while it is looked at. */
import { refreshTimes } from "../base.js";
import { refetchLive } from "../refetch.js";

const ASK_MS = 4000;

const box = document.getElementById("sessions");

function show(answer) {
  if (box.contains(document.activeElement)) return;
  const fresh = document.importNode(answer.body, true);
  refreshTimes(fresh);
  if (fresh.innerHTML !== box.innerHTML) box.replaceChildren(...fresh.childNodes);
}

const { refresh } = refetchLive({ interval: ASK_MS, show, hears: [] });
setInterval(refresh, ASK_MS);
