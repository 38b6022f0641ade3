/** Keep a page that the server writes whole up to date: it is read again when news comes. */
import { coalesce, connectLive } from "./live.js";
import { request } from "./request.js";

/**
 * Read the page's own address again when its project has news, at most once in `interval` milliseconds, and give what
 * was answered to `show(answer)`, as a document. `address` may be another one, `isPaused()` leave a turn out, and
 * `isPart` ask for what htmx would be given. `hears` are the kinds of news, `subscriptions` of what, if not the project.
 * Returns `{ refresh, end }`: to read now, and to hear no more.
 */
export function refetchLive({ interval, show, address = () => location.href, isPaused = () => false, isPart = true, hears = ["trace.changed"], subscriptions = [{ project: Number(document.body.dataset.project) }] }) {
  const refresh = coalesce(async () => {
    if (document.hidden || isPaused()) return;
    const response = await request(address(), { headers: isPart ? { "HX-Request": "true" } : {} }).catch(() => null);
    if (!response?.ok || response.status === 204) return;
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
  }, interval);
  return { refresh, end: connectLive({ subscriptions, hears, onHint: refresh, onCatchUp: refresh }) };
}
