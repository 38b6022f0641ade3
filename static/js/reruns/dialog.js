/**
 * The sheet in which a rerun is put together: what is frozen, what is mocked, with what input, how often, checked how,
 * on which SDK. Before anything is sent, the server plans it, and the sheet says what would really happen.
 */
import { isTyping, refreshTimes } from "../base.js";
import { download, send } from "./api.js";
import { Checks } from "./checks.js";
import { parseJson } from "./json-field.js";
import { Mocks, Prompts } from "./mocks.js";
import { Picture } from "./picture.js";
import { describePlan } from "./plan-text.js";

const PLAN_AFTER_MS = 180;
const REDACTED = "[REDACTED]";

let isOpen = false;

/** Show the sheet: the whole workflow, `from` an event on, or one `step` alone. */
export function openSheet({ html, page, what, spanId }) {
  if (isOpen) return;
  isOpen = true;
  const dialog = document.importNode(html.querySelector("dialog"), true);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    isOpen = false;
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => event.target.closest("[data-closes]") && dialog.close());
  dialog.showModal();
  refreshTimes(dialog);
  if (dialog.querySelector("form")) new Sheet({ dialog, page, what, spanId });
}

class Sheet {
  constructor({ dialog, page, what, spanId }) {
    Object.assign(this, { dialog, page, isStep: what === "step", urls: dialog.dataset });
    this.form = dialog.querySelector("form");
    this.parts = Object.fromEntries([...dialog.querySelectorAll("[data-rr]")].map((one) => [one.dataset.rr, one]));
    this.input = dialog.querySelector("#rr-input");
    this.asked = null;
    this.plan = null;
    this.event = null;
    const onChange = () => this.#changed();
    for (const one of dialog.querySelectorAll("[data-only]")) one.hidden = (one.dataset.only === "step") !== this.isStep;
    this.picture = new Picture({ strip: this.parts.strip, list: this.parts.list, playhead: page.playhead, startedAt: page.startedAt, onChange });
    this.mocks = new Mocks({ root: this.parts.mocks, onChange, readOutput: (call) => this.#readValue(call.spanId, "output") });
    this.prompts = new Prompts({ root: this.parts.prompts, add: dialog.querySelector("[data-rr-add-prompt]"), onChange });
    this.checks = new Checks({ sheet: dialog, root: this.parts.checks, choice: dialog.querySelector("#rr-add-check"), onChange });
    this.form.addEventListener("change", onChange);
    this.input.addEventListener("input", () => this.#inputChanged());
    this.form.addEventListener("submit", (event) => this.#submit(event));
    dialog.addEventListener("click", (event) => this.#click(event));
    dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#start(what, spanId);
  }

  async #start(what, spanId) {
    if (spanId) this.event = await this.page.getJson(this.page.eventUrl(spanId), {}).catch(() => null);
    if (what === "from" && this.event) this.page.playhead.set(Math.round(Date.parse(this.event.started_at) * 1000));
    if (this.isStep) {
      this.parts.name.textContent = this.event?.name ?? "";
      this.parts.lead.textContent = "Runs this one call again, alone, in your code. Nothing is frozen.";
    }
    await this.#makePlan();
    await this.#fillInput();
    (this.isStep ? this.input : this.picture.handle).focus({ preventScroll: true });
  }

  /* Reading */

  async #readValue(spanId, field) {
    const event = this.event?.span_id === spanId ? this.event : await this.page.getJson(this.page.eventUrl(spanId), {});
    const value = event[field];
    return value.state === "present" ? value.value : undefined;
  }

  /** The recorded input, as it is shown: what is not changed is sent as it really was. */
  async #fillInput() {
    const spanId = this.isStep ? this.event?.span_id : this.plan?.input.spanId;
    const value = spanId ? await this.#readValue(spanId, "input").catch(() => undefined) : undefined;
    this.recorded = value === undefined ? null : JSON.stringify(value, null, 2);
    if (!this.input.value && this.recorded) this.input.value = this.recorded;
    this.#inputChanged();
  }

  /** What the reader wrote: undefined for the recorded input. Throws where it is no JSON. */
  #readInput() {
    const text = this.input.value;
    if (this.recorded !== null && this.recorded !== undefined && text === this.recorded) return undefined;
    if (!text.trim()) return undefined;
    const { value, problem } = parseJson(text);
    if (problem) throw Object.assign(new Error(problem), { element: this.input, field: "workflowInput" });
    return value;
  }

  #readBody({ isDraft = false } = {}) {
    const body = { traceId: this.urls.trace, runCount: Number(this.form.elements.runCount.value) || 1, sessionId: this.form.elements.sessionId.value, evaluations: this.checks.read({ isDraft }) };
    const input = this.#readInput();
    if (this.isStep) return { ...body, eventDbIds: [this.event.id] };
    const mocks = this.mocks.read();
    if (!mocks) throw new Error("A mock cannot be read: it has to be JSON.");
    const prompts = this.prompts.read();
    const ids = this.picture.frozenIds;
    const isAll = ids.length === this.picture.calls.length;
    return {
      ...body, ...(input !== undefined && { workflowInput: input }), strict: this.form.elements.strict.checked,
      frozenEventIds: isAll ? [] : ids, freezeNothing: !isAll && !ids.length,
      toolMockConfig: mocks.tool, aiMockConfig: mocks.ai, promptMocks: prompts.system, userPromptMocks: prompts.user,
    };
  }

  /* Planning */

  #changed() {
    this.#note();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#makePlan(), PLAN_AFTER_MS);
  }

  async #makePlan() {
    this.asked?.abort();
    this.asked = new AbortController();
    try {
      const isFirst = !this.plan;
      const body = isFirst && !this.isStep ? { traceId: this.urls.trace } : this.#readBody({ isDraft: true });
      const plan = await send("POST", `${this.urls.planUrl}?project=${this.urls.project}`, body, { signal: this.asked.signal });
      this.#clearProblems();
      this.plan = plan;
      this.picture.take(plan.calls);
      this.mocks.take(plan.calls);
      this.prompts.take(plan.calls);
      // The first plan brings the calls; only now it is known which lie left of the playhead.
      if (isFirst && !this.isStep && this.picture.frozenIds.length !== plan.calls.length) return await this.#makePlan();
      this.#showPlan();
    } catch (error) {
      if (error.name !== "AbortError") this.#showProblem(error);
    }
  }

  #showPlan() {
    const { plan } = this;
    this.parts.plan.replaceChildren(...describePlan(plan));
    const count = plan.calls.length;
    this.parts.count.textContent = this.isStep ? "" : `${count} in the source`;
    this.parts.session.textContent = plan.session.sessionId ? `Goes to ${plan.session.sessionId} at once.` : `${plan.session.detail} The rerun waits until one can take it.`;
    this.parts.session.classList.toggle("is-waiting", !plan.session.sessionId);
    this.parts.start.hidden = Boolean(plan.session.sessionId) || this.form.elements.sessionId.options.length > 1;
    const runs = plan.runCount > 1 ? ` ${plan.runCount} times` : "";
    this.parts.go.textContent = plan.live ? `Rerun${runs}: ${plan.live} for real` : `Rerun${runs}`;
    this.#note();
  }

  #note() {
    this.parts["mock-note"].textContent = this.mocks.count ? `${this.mocks.count} mocked` : "none";
    this.parts["prompt-note"].textContent = this.prompts.count ? `${this.prompts.count} replaced` : "as they are";
    this.parts["check-note"].textContent = this.checks.count ? `${this.checks.count} check${this.checks.count === 1 ? "" : "s"}` : "";
    this.dialog.querySelector("[data-rr-reset]").hidden = !this.picture.chosen.size;
  }

  #inputChanged() {
    const isMissing = !this.isStep && this.plan?.input.state === "missing" && !this.input.value.trim();
    const isRecorded = this.recorded != null && this.input.value === this.recorded;
    const { problem } = parseJson(this.input.value);
    this.input.setAttribute("aria-invalid", String(Boolean(problem)));
    this.#error("workflowInput", problem ?? "");
    this.parts["input-note"].textContent = isMissing ? "needed" : isRecorded ? "as recorded" : this.input.value.trim() ? "yours" : "as recorded";
    this.parts["input-hint"].textContent = isMissing ? "The trace does not say what the workflow was given. Write it as JSON; null if it takes nothing."
      : isRecorded && this.input.value.includes(REDACTED) ? "Shown redacted. Unchanged, your code gets it as it was."
        : !isRecorded && this.input.value.includes(REDACTED) ? `${REDACTED} would be sent as it stands here.`
          : isRecorded ? "As it was recorded. Change it to try something else." : "";
    this.dialog.querySelector("[data-rr-input-reset]").hidden = isRecorded || this.recorded == null;
    if (this.isStep) this.form.elements.runCount.disabled = !isRecorded && Boolean(this.input.value.trim());
    if (this.plan) this.#changed();
  }

  /* Problems */

  #error(field, text) {
    const place = [...this.dialog.querySelectorAll("[data-error]")].find((one) => one.dataset.error.split(" ").includes(field));
    if (place) place.textContent = text;
    return place;
  }

  #clearProblems() {
    this.parts.problem.textContent = "";
    for (const one of this.dialog.querySelectorAll("[data-error]")) if (one.dataset.error !== "workflowInput") one.textContent = "";
  }

  #showProblem(error) {
    this.#clearProblems();
    const place = error.field && this.#error(error.field, error.message);
    if (place) place.closest("details").open = true;
    this.parts.problem.textContent = error.message;
    const field = error.element ?? this.checks.mark(error.message) ?? this.dialog.querySelector(`[data-field="${error.field}"]`);
    field?.setAttribute("aria-invalid", "true");
    return field;
  }

  /* Sending */

  async #submit(event) {
    event.preventDefault();
    this.parts.go.disabled = true;
    try {
      const asked = await send("POST", this.#findUrl(), this.#readRequest());
      location.assign(`${this.urls.rerunsUrl}${asked.triggerId}/`);
    } catch (error) {
      this.parts.go.disabled = false;
      if (error.code === "workflow_input_missing") error.field = "workflowInput";
      this.#showProblem(error)?.focus();
    }
  }

  async #saveTest() {
    this.#error("function", "");
    try {
      await download(`${this.urls.testUrl}?project=${this.urls.project}`, { traceId: this.urls.trace, function: this.dialog.querySelector("#rr-function").value.trim() });
    } catch (error) {
      this.#error("function", error.message);
    }
  }

  #findUrl() {
    const url = !this.isStep ? this.urls.workflowUrl : this.#readInput() === undefined ? this.urls.stepUrl : this.urls.portalUrl;
    return `${url}?project=${this.urls.project}`;
  }

  #readRequest() {
    const body = this.#readBody();
    if (!this.isStep) return body;
    const input = this.#readInput();
    if (input === undefined) return body;
    // A step with another input is one call, and runs once.
    return { eventDbId: this.event.id, input, sessionId: body.sessionId, evaluations: body.evaluations };
  }

  /* Keys and clicks */

  #click(event) {
    const all = event.target.closest("[data-rr-all]");
    if (all) this.picture.setAll(all.dataset.rrAll === "frozen");
    if (event.target.closest("[data-rr-save]")) this.#saveTest();
    if (event.target.closest("[data-rr-reset]")) this.picture.reset();
    if (event.target.closest("[data-rr-input-reset]")) {
      this.input.value = this.recorded;
      this.#inputChanged();
    }
  }

  #key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      event.preventDefault();
      this.form.requestSubmit();
    } else if (!isTyping(event) && (event.key === "[" || event.key === "]")) {
      event.preventDefault();
      this.picture.handle.dispatchEvent(new KeyboardEvent("keydown", { key: event.key, cancelable: true }));
    }
  }
}
