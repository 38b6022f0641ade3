/**
 * The Payload tab: one value of one event, whole, however large it is. A worker reads it by ranges, lays it out and
 * searches it; the page holds only the rows in view. The address names the event, the field, the form and what is
 * looked for.
 */
import { copyText } from "../copy.js";
import { el, icon } from "../dom.js";
import { bytes, grouped } from "../format.js";
import { toast } from "../toast.js";
import { PayloadRows, ROW_HEIGHT } from "./payload-rows.js";

const FIELDS = [
  ["input", "Input"], ["output", "Output"], ["messages", "Messages"], ["attributes", "Attributes"],
  ["error_stack", "Error stack"], ["extra", "More"], ["resource", "Resource"],
];
const FORMS = [["pretty", "Pretty"], ["text", "Text"], ["raw", "Raw"]];
const UNWRAPPED_COLUMNS = 2000;
const OFFERED_EVENTS = 50;
const FIND_DELAY_MS = 150;
const RESIZE_DELAY_MS = 200;

const STATES = {
  absent: "none was sent",
  withheld: "not stored: this project does not capture it",
  unavailable: "the storage does not have it any more",
};

export default class PayloadView {
  constructor({ root, page }) {
    Object.assign(this, { root, page });
    this.isShown = false;
    this.spanId = null;
    this.record = null;
    this.field = null;
    this.mode = null;
    this.isWrapped = true;
    this.match = -1;
    this.matches = 0;
    this.asked = 0;
    this.#build();
    this.rows = new PayloadRows({ scroller: this.scroller, onWanted: (first, count) => this.#ask(first, count) });
    addEventListener("popstate", () => this.isShown && this.#restore());
  }

  show() {
    this.isShown = true;
    this.#restore();
  }

  hide() {
    this.isShown = false;
    this.page.setAddress({ payload: null, record: null, field: null, form: null, find: null, nowrap: null });
  }

  focus() {
    this.scroller.focus({ preventScroll: true });
  }

  update() {
    if (this.isShown && !this.spanId && !this.record) this.#restore();
  }

  /** Show the value of the event that the reader selected; closing the panel changes nothing here. */
  select(spanId) {
    if (!spanId || !this.isShown || spanId === this.spanId) return;
    this.#openEvent(spanId, this.field);
  }

  /** Take a key that was pressed elsewhere on the page. */
  key(event) {
    if (event.key === "/" || event.key === "f") this.finder.select();
    else if (event.key === "w") this.#setWrapped(!this.isWrapped);
    else if (event.key === "n" || event.key === "N") this.#step(event.key === "n" ? 1 : -1);
    else return this.#scrollKey(event);
    return true;
  }

  /** Open a field of an event, or the fields of a log record, as the side panel asks for it. */
  open(spanId, field, record) {
    if (record) this.#openRecord(String(record));
    else this.#openEvent(spanId, field);
  }

  /* Parts */

  #build() {
    this.events = el("datalist", { id: "payload-events" });
    this.event = el("input", { class: "input pl-event", list: "payload-events", placeholder: "Event name or span id", "aria-label": "Event", spellcheck: "false", autocomplete: "off" });
    this.fieldSelect = el("select", { class: "input", "aria-label": "Field" });
    this.forms = el("div", { class: "segments", role: "group", "aria-label": "Form" }, ...FORMS.map(([name, label]) => el("button", { type: "button", "data-form": name, "aria-pressed": "false" }, label)));
    this.wrap = el("button", { type: "button", class: "button quiet", "aria-pressed": "true", title: "Wrap long lines (w)" }, "Wrap");
    this.finder = el("input", { class: "input", type: "search", placeholder: "Find in this value", "aria-label": "Find in this value", spellcheck: "false", autocomplete: "off" });
    this.tally = el("span", { class: "pl-tally", role: "status" });
    const previous = el("button", { type: "button", class: "button quiet icon-only", "aria-label": "Previous match (Shift+Enter)", title: "Previous match (Shift+Enter)" }, icon("up"));
    const next = el("button", { type: "button", class: "button quiet icon-only", "aria-label": "Next match (Enter)", title: "Next match (Enter)" }, icon("down-arrow"));
    this.copier = el("button", { type: "button", class: "button quiet icon-only", "aria-label": "Copy the value", title: "Copy the value" }, icon("copy"));
    this.download = el("a", { class: "button quiet", download: true }, "Download");
    this.facts = el("div", { class: "pl-facts", role: "status" });
    this.message = el("div", { class: "pl-message", hidden: true });
    this.scroller = el("div", { class: "pl-scroll", tabindex: "0", role: "region", "aria-label": "Value" });
    this.root.replaceChildren(
      el("div", { class: "pl-bar" }, this.event, this.events, this.fieldSelect, this.forms, this.wrap,
        el("div", { class: "pl-find" }, icon("search"), this.finder, this.tally, previous, next),
        el("div", { class: "pl-end" }, this.copier, this.download)),
      this.facts, this.message, this.scroller);
    this.#listen(previous, next);
  }

  #listen(previous, next) {
    this.event.addEventListener("input", () => this.#offerEvents());
    this.event.addEventListener("change", () => this.#chooseEvent());
    this.event.addEventListener("focus", () => this.event.select());
    this.fieldSelect.addEventListener("change", () => this.#openField(this.fieldSelect.value));
    this.forms.addEventListener("click", (event) => event.target.dataset.form && this.#setForm(event.target.dataset.form));
    this.wrap.addEventListener("click", () => this.#setWrapped(!this.isWrapped));
    previous.addEventListener("click", () => this.#step(-1));
    next.addEventListener("click", () => this.#step(1));
    let typing = 0;
    this.finder.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.#find(), FIND_DELAY_MS);
    });
    this.finder.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.#step(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape") {
        event.stopPropagation();
        this.focus();
      }
    });
    this.copier.addEventListener("click", () => this.#post("copy"));
    this.scroller.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && this.#scrollKey(event)) {
        event.preventDefault();
        event.stopPropagation();
      }
    });
    let resizing = 0;
    new ResizeObserver(() => {
      clearTimeout(resizing);
      resizing = setTimeout(() => this.isShown && this.isWrapped && this.mode && this.columns !== this.#measure() && this.#layOut(), RESIZE_DELAY_MS);
    }).observe(this.scroller);
  }

  #scrollKey(event) {
    const { first, fits, count } = this.rows;
    const to = { ArrowDown: first + 1, j: first + 1, ArrowUp: first - 1, k: first - 1, PageDown: first + fits - 1, PageUp: first - fits + 1, Home: 0, End: count }[event.key];
    if (to === undefined) return false;
    this.sought = -1;
    this.rows.moveTo(to);
    return true;
  }

  /* What is shown */

  #restore() {
    const parameters = new URLSearchParams(location.search);
    const { store, selectedSpanId } = this.page;
    const spanId = parameters.get("payload") ?? selectedSpanId ?? parameters.get("event") ?? (store.length ? store.spanIds[store.order[0]] : null);
    this.finder.value = parameters.get("find") ?? this.finder.value;
    this.wanted = parameters.get("form");
    this.#markWrapped(!parameters.has("nowrap"));
    const record = parameters.get("record");
    if (record && record !== this.record) return this.#openRecord(record);
    if (record) return this.#keepAddress();
    if (!spanId) return this.#sayMessage("No event has arrived yet.");
    const field = parameters.get("field") ?? this.field;
    if (spanId !== this.spanId || field !== this.field) this.#openEvent(spanId, field);
    else this.#keepAddress();
  }

  #offerEvents() {
    const { store } = this.page;
    const text = this.event.value.toLowerCase();
    const found = [];
    for (let index = 0; index < store.length && found.length < OFFERED_EVENTS; index++) {
      if (store.names[index].toLowerCase().includes(text) || store.spanIds[index].startsWith(this.event.value)) found.push(index);
    }
    this.events.replaceChildren(...found.map((index) => el("option", { value: store.spanIds[index] }, store.names[index])));
  }

  #chooseEvent() {
    const { store } = this.page;
    const text = this.event.value.trim();
    let index = store.find(text);
    if (index < 0) index = store.names.findIndex((name) => name.toLowerCase().includes(text.toLowerCase()));
    if (text && index >= 0) this.#openEvent(store.spanIds[index], this.field);
    else this.#nameEvent();
  }

  #nameEvent() {
    this.event.title = this.spanId ?? "";
    if (this.record) {
      this.event.value = `Log record ${this.record}`;
      return;
    }
    const index = this.page.store.find(this.spanId);
    this.event.value = this.detail?.name ?? (index >= 0 ? this.page.store.names[index] : this.spanId);
  }

  async #openEvent(spanId, field) {
    this.spanId = spanId;
    this.record = this.detail = null;
    this.#nameEvent();
    try {
      const detail = await this.page.getJson(this.page.eventUrl(spanId), {});
      if (this.spanId !== spanId) return;
      this.detail = detail;
    } catch (error) {
      if (this.spanId === spanId) this.#sayMessage(error.status === 404 ? "This trace has no such event." : `The event could not be read. ${error.message}.`, () => this.#openEvent(spanId, field));
      return;
    }
    this.#nameEvent();
    this.#offerFields();
    const has = (name) => this.#stateOf(name) === null;
    this.#openField(field && FIELDS.some(([name]) => name === field) ? field : FIELDS.map(([name]) => name).find(has) ?? "input");
  }

  #openRecord(record) {
    this.record = record;
    this.spanId = this.detail = null;
    this.#nameEvent();
    this.fieldSelect.replaceChildren(el("option", { value: "fields" }, "Fields"));
    this.#openField("fields");
  }

  /** Why a field cannot be read; null when it can. */
  #stateOf(field) {
    if (this.record) return null;
    if (field === "messages") return this.detail.messages === null || this.detail.messages.length ? null : "absent";
    const { state } = this.detail[field];
    return STATES[state] ? state : null;
  }

  #offerFields() {
    this.fieldSelect.replaceChildren(...FIELDS.map(([name, label]) => {
      const state = this.#stateOf(name);
      const size = this.detail[name]?.size_bytes;
      const note = state === "absent" ? " – none" : state ? ` – ${state}` : size == null ? "" : ` – ${bytes(size)}`;
      return el("option", { value: name, disabled: state === "absent" }, label + note);
    }));
  }

  #openField(field) {
    this.field = field;
    this.fieldSelect.value = field;
    this.match = -1;
    this.#sayTally();
    this.#keepAddress();
    this.rows.clear();
    this.facts.textContent = "";
    const state = this.#stateOf(field);
    if (state) {
      this.worker?.terminate();
      this.worker = null;
      this.#sayMessage(`This event has no ${field.replace("_", " ")}: ${STATES[state]}.`);
      return;
    }
    this.#sayMessage("");
    const url = new URL(`${this.#addressOf(field)}?project=${this.page.urls.project}`, location.href).href;
    this.download.href = url;
    this.download.download = `${this.spanId ?? `log-${this.record}`}-${field}.json`;
    this.#startWorker();
    this.columns = this.#measure();
    this.#post("open", { url, mode: this.wanted, columns: this.columns });
    if (this.finder.value) this.#find();
  }

  #addressOf(field) {
    if (this.record) return `${this.page.urls.logsUrl}/${encodeURIComponent(this.record)}/fields`;
    return this.page.eventUrl(this.spanId) + (field === "messages" ? "/messages" : `/values/${field}`);
  }

  #keepAddress() {
    if (!this.isShown) return;
    this.page.setAddress({ payload: this.spanId, record: this.record, field: this.field, find: this.finder.value || null, nowrap: this.isWrapped ? null : 1, form: this.wanted ?? null });
  }

  #sayMessage(text, retry) {
    this.message.hidden = !text;
    const button = retry && el("button", { type: "button", class: "button" }, "Try again");
    button?.addEventListener("click", retry);
    this.message.replaceChildren(el("p", {}, text), ...(button ? [button] : []));
    this.scroller.hidden = Boolean(text);
  }

  /* The worker */

  #startWorker() {
    // A new one each time: what the one before held is given back at once.
    this.worker?.terminate();
    this.worker = new Worker(this.page.urls.payloadWorker, { type: "module" });
    this.worker.addEventListener("message", (event) => this.#hear(event.data));
    this.isAsking = false;
    this.next = null;
  }

  #post(type, more = {}) {
    this.worker?.postMessage({ type, ...more });
  }

  #hear(said) {
    const hears = {
      opened: () => this.#opened(said),
      read: () => this.#sayFacts(said.length),
      laid: () => this.rows.setCount(said.count, this.isWrapped ? 0 : said.widest),
      rows: () => this.#fill(said),
      found: () => this.#found(said),
      located: () => this.#reveal(said),
      copied: () => this.#copied(said),
      failed: () => this.#failed(said),
    };
    hears[said.type]();
  }

  #failed({ text }) {
    // Nothing was looked through, so nothing is said of matches.
    this.tally.textContent = "";
    this.#sayMessage(`The value could not be read. ${text}`, () => this.#openField(this.field));
  }

  #opened({ size, hash, isText, mode }) {
    Object.assign(this, { size, hash, mode });
    this.rows.isColoured = mode !== "text";
    for (const button of this.forms.children) {
      button.setAttribute("aria-pressed", String(button.dataset.form === mode));
      if (button.dataset.form === "text") button.hidden = !isText;
    }
  }

  #sayFacts(length) {
    const isWhole = length >= this.size;
    const read = isWhole ? bytes(this.size) : `${bytes(length)} of ${bytes(this.size)} read`;
    this.facts.replaceChildren(el("span", {}, read), this.size < 1024 ? "" : el("span", { class: "faint" }, `${grouped(this.size)} bytes`));
    if (!this.hash) return;
    this.facts.append(el("span", { class: "mono faint pl-hash", title: `SHA-256 ${this.hash}` }, `sha256 ${this.hash.slice(0, 16)}…`),
      el("button", { type: "button", class: "copy-inline", "data-copy": this.hash, "aria-label": "Copy the hash", title: "Copy the hash" }, icon("copy")));
  }

  /** Ask for rows; while an answer is awaited, only the latest wish is kept. */
  #ask(first, count) {
    if (this.isAsking) {
      this.next = [first, count];
      return;
    }
    this.isAsking = true;
    this.#post("rows", { first, count });
  }

  #fill({ first, rows }) {
    this.isAsking = false;
    this.rows.fill(first, rows);
    if (!this.next) return;
    const [wanted, count] = this.next;
    this.next = null;
    this.#ask(wanted, count);
  }

  #layOut() {
    this.columns = this.#measure();
    const share = this.rows.count ? this.rows.first / this.rows.count : 0;
    this.share = share;
    this.#post("layout", { mode: this.mode, columns: this.columns });
  }

  #measure() {
    if (!this.isWrapped) return UNWRAPPED_COLUMNS;
    const probe = el("span", { class: "pl-probe mono" }, "0".repeat(100));
    this.scroller.append(probe);
    const width = probe.getBoundingClientRect().width / 100 || 7;
    probe.remove();
    const gutter = parseFloat(getComputedStyle(this.scroller).getPropertyValue("--pl-gutter")) || 64;
    return Math.max(20, Math.floor((this.scroller.clientWidth - gutter - ROW_HEIGHT) / width));
  }

  #setForm(form) {
    this.wanted = form;
    this.#openField(this.field);
  }

  #markWrapped(isWrapped) {
    this.isWrapped = isWrapped;
    this.wrap.setAttribute("aria-pressed", String(isWrapped));
  }

  #setWrapped(isWrapped) {
    this.#markWrapped(isWrapped);
    this.#keepAddress();
    if (this.mode) this.#layOut();
  }

  /* Finding */

  #find() {
    this.match = -1;
    this.rows.current = -1;
    this.#keepAddress();
    this.#post("find", { text: this.finder.value });
  }

  #found({ count, isFull, isDone }) {
    this.matches = count;
    this.isFull = isFull;
    this.isFinding = !isDone && !isFull;
    if (this.match < 0 && count) this.#step(1);
    else this.#sayTally();
    this.rows.refresh();
  }

  #step(by) {
    if (!this.matches) return;
    this.match = (this.match + by + this.matches) % this.matches;
    this.sought = this.match;
    this.#post("locate", { match: this.match });
    this.#sayTally();
  }

  /** Show a match, unless the reader went elsewhere while it was looked for. */
  #reveal({ match, offset, row }) {
    this.rows.current = offset;
    if (match === this.sought) this.rows.reveal(row);
    else this.rows.refresh();
  }

  #sayTally() {
    if (!this.finder.value) this.tally.textContent = "";
    else if (!this.matches) this.tally.textContent = this.isFinding ? "…" : "none";
    else this.tally.textContent = `${grouped(this.match + 1)} of ${grouped(this.matches)}${this.isFull ? "+" : this.isFinding ? "…" : ""}`;
  }

  async #copied({ text, isTooLarge }) {
    if (isTooLarge) return toast("Only values of up to 8 MiB that have been read can be copied; download this one", { isError: true });
    await copyText(text);
  }
}
