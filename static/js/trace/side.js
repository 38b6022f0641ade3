/** What the side panel shows: the selected event, read from the API, or a log record. */
import { KINDS } from "./store.js";

const FOLLOW_DELAY_MS = 90;
const SKELETON_AFTER_MS = 150;

export class Side {
  /** `onEvent(event)` hears of every event that was read whole. */
  constructor({ page, panel, onEvent }) {
    Object.assign(this, { page, panel, onEvent });
    this.shownKey = null;
    this.timer = 0;
  }

  get isOpen() {
    return !this.panel.root.hidden;
  }

  showMissing() {
    this.shownKey = null;
    this.panel.showMissing();
  }

  showLog(record, actions) {
    this.shownKey = null;
    this.panel.showLog(record, actions);
  }

  /** Show an event; `known` is what can be said of it before it is read. */
  async showEvent(spanId, known) {
    const { page, panel } = this;
    this.shownKey = spanId;
    const isCurrent = () => this.shownKey === spanId;
    // Asked for twice, as by an address and then by its row: what the first answer shows stays until the second.
    const isAwaited = () => isCurrent() && !(this.isOpen && panel.shown?.span_id === spanId);
    const skeleton = setTimeout(() => isAwaited() && panel.showLoading(known), this.isOpen ? SKELETON_AFTER_MS : 0);
    try {
      const address = page.eventUrl(spanId);
      const event = await page.getJson(address, {});
      event.urlOf = (field) => `${address}/values/${field}?project=${page.urls.project}`;
      event.readMessages = async () => (await page.getJson(`${address}/messages`, {})).items;
      if (!isCurrent()) return;
      panel.showEvent(event);
      this.onEvent(event);
    } catch (error) {
      if (!isCurrent()) return;
      panel.showLoading(known);
      if (error.status === 404) panel.showError("This trace has no such event.");
      else panel.showError(`The event could not be read. ${error.message}.`, () => this.showEvent(spanId, known));
    } finally {
      clearTimeout(skeleton);
    }
  }

  /** While the panel is open it follows the active row, once the reader rests on it. */
  follow(open) {
    clearTimeout(this.timer);
    if (this.isOpen) this.timer = setTimeout(open, FOLLOW_DELAY_MS);
  }

  /** Read the shown event again if it is among the changed ones. */
  refresh(events) {
    const changed = this.shownKey && events.find((event) => event.span_id === this.shownKey);
    if (changed && this.isOpen) this.showEvent(this.shownKey, changed);
  }

  /** Hide the panel, and let nothing that is still on its way open it again. */
  hide() {
    clearTimeout(this.timer);
    this.shownKey = null;
    this.panel.close();
  }
}

/** What the store knows of an event: enough for the panel's head. */
export function knownOf(store, index) {
  return { kind: KINDS[store.kinds[index]], name: store.names[index] };
}
