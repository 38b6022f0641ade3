/**
 * The Flow tab: who called whom and in which order, repeated calls as one box. The server folds the events and lays the
 * graph out; this module draws it, moves over it and steps through the calls of a box. Boxes are buttons over an SVG of
 * arrows, so that names are clipped, focused and read out as any other button's.
 */
import { el, icon } from "../dom.js";
import { compact, cost, duration, grouped, offset } from "../format.js";
import { coalesce } from "../live.js";
import { Camera } from "./camera.js";
import { drawEdges, markEdges } from "./flow-edges.js";
import { ERROR, KINDS, RUNNING, parseMicros } from "./store.js";

const READ_INTERVAL_MS = 1000;
const ORDER_KEY = "playhead.flow-order";
const MOVES = { ArrowRight: "in", ArrowLeft: "out", ArrowDown: "next", ArrowUp: "previous", j: "next", k: "previous" };

export default class FlowView {
  constructor({ root, page }) {
    Object.assign(this, { root, page, store: page.store });
    this.graph = null;
    this.nodes = new Map();
    this.boxes = new Map();
    this.activeId = null;
    this.selectedSpanId = null;
    this.#build();
    this.camera = new Camera({ stage: this.stage, layer: this.layer, onChange: (scale) => { this.scale.textContent = `${Math.round(scale * 100)}%`; } });
    this.read = coalesce(() => this.#read(), READ_INTERVAL_MS);
    page.playhead.onChange(() => this.#dim());
  }

  show() {
    if (this.graph) this.update();
    else this.read();
  }

  hide() {}

  focus() {
    (this.boxes.get(this.activeId) ?? this.stage).focus({ preventScroll: true });
  }

  /** Read the graph again when something may have changed: the server counts, the page only draws. */
  update() {
    if (!this.graph) return;
    const isBehind = this.store.length > this.graph.event_count && !this.graph.is_partial;
    if (isBehind || this.graph.nodes.some((node) => node.running)) this.read();
    this.#showCalls();
  }

  select(spanId, { isRevealed = false } = {}) {
    this.selectedSpanId = spanId;
    if (!this.graph) return;
    const node = spanId && this.#nodeOf(spanId);
    for (const [id, box] of this.boxes) box.classList.toggle("is-selected", id === node?.id);
    if (node) {
      this.#activate(node.id);
      if (isRevealed || !this.camera.isInside(node)) this.camera.reveal(node);
    }
    this.#showCalls();
  }

  /** Take a key that was pressed elsewhere on the page. */
  key(event) {
    return this.#key(event);
  }

  /* Parts */

  #build() {
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.svg.setAttribute("class", "flow-edges");
    this.svg.setAttribute("aria-hidden", "true");
    this.layer = el("div", { class: "flow-layer" }, this.svg);
    this.stage = el("div", { class: "flow-stage", tabindex: "0", role: "group", "aria-label": "Graph of the run. Arrow keys move between its steps." }, this.layer);
    this.note = el("p", { class: "flow-note", role: "status" });
    this.scale = el("span", { class: "flow-scale" });
    this.order = el("button", { class: "button", type: "button", "data-do": "order", title: "Show which step followed which (o)" }, "Order");
    const button = (action, label, text) => el("button", { class: "button icon-only", type: "button", "data-do": action, "aria-label": label, title: label }, text);
    this.tools = el("div", { class: "flow-tools" }, this.order, button("out", "Zoom out (−)", "−"), this.scale, button("in", "Zoom in (+)", "+"),
      el("button", { class: "button", type: "button", "data-do": "fit", title: "Show all of it (0)" }, "Fit"));
    this.calls = el("section", { class: "flow-calls", "aria-label": "Calls of the selected step", hidden: true });
    this.message = el("div", { class: "flow-message" }, ...[1, 2, 3].map(() => el("span", { class: "flow-ghost" })));
    this.root.replaceChildren(this.stage, this.message, this.note, this.calls, this.tools);
    this.#setOrder(localStorage.getItem(ORDER_KEY) !== "no");
    this.root.addEventListener("click", (event) => this.#click(event));
    this.stage.addEventListener("keydown", (event) => {
      if (this.#key(event)) event.preventDefault();
    });
    this.stage.addEventListener("focusin", (event) => {
      const box = event.target.closest(".flow-node");
      if (box) this.#activate(box.dataset.node);
    });
  }

  async #read() {
    try {
      this.#take(await this.page.getJson(this.page.urls.flowUrl, {}));
    } catch (error) {
      // What is drawn stays; the next change of the trace reads again.
      if (!this.graph) this.#say(`The graph could not be read. ${error.message}.`, { isAgain: true });
    }
  }

  #take(graph) {
    const isFirst = !this.graph;
    this.graph = graph;
    this.nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    this.byKey = new Map(graph.nodes.map((node) => [keyOf(node.parent_id, node.kind, node.name), node]));
    this.children = new Map();
    for (const node of graph.nodes) this.children.set(node.parent_id, [...(this.children.get(node.parent_id) ?? []), node]);
    this.#drawBoxes();
    drawEdges(this.svg, graph);
    this.camera.setSize(graph.width, graph.height);
    this.note.textContent = noteOf(graph);
    this.message.hidden = graph.nodes.length > 0;
    if (!graph.nodes.length) this.#say("No event of this trace has arrived yet. Its steps appear here as they come.");
    if (isFirst) {
      this.camera.start();
      this.#activate(this.activeId ?? graph.nodes[0]?.id);
      this.select(this.selectedSpanId, { isRevealed: true });
    }
    this.#dim();
    this.#showCalls();
  }

  #drawBoxes() {
    for (const [id, box] of this.boxes) {
      if (this.nodes.has(id)) continue;
      box.remove();
      this.boxes.delete(id);
    }
    let before = this.svg;
    for (const node of this.graph.nodes) {
      let box = this.boxes.get(node.id);
      if (!box) {
        box = el("button", { class: "flow-node", type: "button", "data-node": node.id, tabindex: "-1" });
        this.boxes.set(node.id, box);
      }
      fillBox(box, node);
      if (before.nextSibling !== box) before.after(box);
      before = box;
    }
    if (!this.nodes.has(this.activeId)) this.activeId = null;
  }

  #say(text, { isAgain = false } = {}) {
    this.message.hidden = false;
    this.message.replaceChildren(el("p", {}, text), isAgain && el("button", { class: "button", type: "button", "data-do": "again" }, "Try again"));
  }

  /** What lies after the playhead has not happened yet at that moment. */
  #dim() {
    const { at } = this.page.playhead;
    for (const [id, box] of this.boxes) box.classList.toggle("is-later", at !== null && parseMicros(this.nodes.get(id).started_at) > at);
    for (const edge of this.svg.querySelectorAll(".flow-edge")) {
      edge.classList.toggle("is-later", Boolean(this.boxes.get(edge.dataset.target)?.classList.contains("is-later")));
    }
  }

  /* Moving */

  #activate(id) {
    if (!id || !this.boxes.has(id)) return;
    this.stage.tabIndex = -1;
    if (this.boxes.has(this.activeId)) this.boxes.get(this.activeId).tabIndex = -1;
    this.boxes.get(id).tabIndex = 0;
    this.activeId = id;
    markEdges(this.svg, id);
  }

  #move(where) {
    const node = this.nodes.get(this.activeId);
    const next = node ? this.#neighbour(node, where) : this.graph?.nodes[0];
    if (next) {
      this.#activate(next.id);
      this.boxes.get(next.id).focus({ preventScroll: true });
      if (!this.camera.isInside(next)) this.camera.reveal(next);
    }
    return true;
  }

  #neighbour(node, where) {
    if (where === "in") return this.children.get(node.id)?.[0];
    if (where === "out") return this.nodes.get(node.parent_id);
    const column = this.graph.nodes.filter((other) => other.x === node.x).sort((one, other) => one.y - other.y);
    return column[column.indexOf(node) + (where === "next" ? 1 : -1)];
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const { key } = event;
    if (event.shiftKey && key.startsWith("Arrow")) return this.camera.pan(key);
    if (key in MOVES) return this.#move(MOVES[key]);
    if (key === "+" || key === "=") return this.camera.zoom(1.25);
    if (key === "-") return this.camera.zoom(0.8);
    if (key === "0") return this.camera.fit();
    if (key === "o") return this.#setOrder(!this.isOrderShown);
    if (key === "n" || key === "p") return this.#step(key === "n" ? 1 : -1);
    if (key === "e" || key === "E") return this.#moveToError(key === "e" ? 1 : -1);
    return false;
  }

  #moveToError(step) {
    const failed = this.graph?.nodes.filter((node) => node.errors) ?? [];
    if (!failed.length) return true;
    const at = failed.findIndex((node) => node.id === this.activeId);
    const next = failed[at < 0 ? (step > 0 ? 0 : failed.length - 1) : (at + step + failed.length) % failed.length];
    this.page.openEvent(next.error_span_ids[0], { isRevealed: true });
    return true;
  }

  #setOrder(isShown) {
    this.isOrderShown = isShown;
    localStorage.setItem(ORDER_KEY, isShown ? "yes" : "no");
    this.root.classList.toggle("has-order", isShown);
    this.order.setAttribute("aria-pressed", String(isShown));
    return true;
  }

  #click(event) {
    const box = event.target.closest(".flow-node");
    if (box) {
      if (this.camera.hasDragged) return;
      this.page.openEvent(this.nodes.get(box.dataset.node).span_ids[0]);
      return;
    }
    const action = event.target.closest("[data-do], [data-span]");
    if (!action) return;
    if (action.dataset.span) this.page.openEvent(action.dataset.span);
    else if (action.dataset.do === "order") this.#setOrder(!this.isOrderShown);
    else if (action.dataset.do === "fit") this.camera.fit();
    else if (action.dataset.do === "again") this.read();
    else if (action.dataset.do === "next" || action.dataset.do === "previous") this.#step(action.dataset.do === "next" ? 1 : -1);
    else this.camera.zoom(action.dataset.do === "in" ? 1.25 : 0.8);
  }

  /* The calls of one box */

  #step(step) {
    const node = this.selectedSpanId && this.#nodeOf(this.selectedSpanId);
    if (!node) return false;
    const at = node.span_ids.indexOf(this.selectedSpanId);
    const next = node.span_ids[at + step];
    if (next) this.page.openEvent(next);
    return true;
  }

  #showCalls() {
    const node = this.selectedSpanId && this.graph ? this.#nodeOf(this.selectedSpanId) : null;
    this.calls.hidden = !node || node.calls < 2;
    if (this.calls.hidden) return;
    const at = node.span_ids.indexOf(this.selectedSpanId);
    const kept = this.calls.querySelector("ol")?.scrollTop ?? 0;
    const hadFocus = this.calls.contains(document.activeElement) ? document.activeElement.dataset : null;
    this.calls.replaceChildren(
      el("header", {}, el("strong", { class: "clip", title: node.name }, node.name),
        el("span", { class: "faint" }, at < 0 ? `${grouped(node.calls)} calls` : `${grouped(at + 1)} of ${grouped(node.calls)}`),
        stepButton("previous", "Previous call (p)", "up", at > 0), stepButton("next", "Next call (n)", "down", at < node.span_ids.length - 1)),
      el("ol", { tabindex: "-1" }, ...node.span_ids.map((spanId) => this.#makeCall(spanId)),
        node.calls > node.span_ids.length && el("li", { class: "faint" }, `The first ${node.span_ids.length} are listed; the timeline has all.`)),
    );
    const list = this.calls.querySelector("ol");
    list.scrollTop = kept;
    const current = list.querySelector("[aria-current]");
    if (current && (current.offsetTop < list.scrollTop || current.offsetTop + current.offsetHeight > list.scrollTop + list.clientHeight)) {
      list.scrollTop = current.offsetTop - list.clientHeight / 2;
    }
    if (hadFocus?.do) this.calls.querySelector(`[data-do="${hadFocus.do}"]`)?.focus({ preventScroll: true });
    else if (hadFocus?.span) current?.focus({ preventScroll: true });
  }

  #makeCall(spanId) {
    const index = this.store.find(spanId);
    const isKnown = index >= 0;
    const status = !isKnown ? "unset" : this.store.statuses[index] === ERROR ? "error" : this.store.statuses[index] === RUNNING ? "running" : "ok";
    const from = parseMicros(this.graph.nodes[0].started_at);
    return el("li", {}, el("button", { type: "button", "data-span": spanId, "aria-current": spanId === this.selectedSpanId ? "true" : null },
      el("span", { class: `status ${status}` }, isKnown ? offset((this.store.starts[index] - from) / 1000) : spanId.slice(0, 12)),
      el("span", { class: "clip faint" }, isKnown ? this.store.messages[index] || this.store.details[index] : ""),
      el("span", {}, !isKnown ? "" : status === "running" ? "running" : duration((this.store.ends[index] - this.store.starts[index]) / 1000))));
  }

  /** The box that an event is counted in: its path from the root, as the server folds it. */
  #nodeOf(spanId) {
    for (const node of this.graph.nodes) if (node.span_ids.includes(spanId)) return node;
    const path = [];
    for (let index = this.store.find(spanId); index >= 0 && path.length < 1000; index = this.store.parents[index]) {
      if (!this.store.isGhost(index)) path.push([KINDS[this.store.kinds[index]], this.store.names[index]]);
    }
    let node = null;
    for (const [kind, name] of path.reverse()) node = this.#stepIn(node, kind, name) ?? node;
    return node;
  }

  #stepIn(parent, kind, name) {
    const child = this.byKey.get(keyOf(parent?.id ?? null, kind, name));
    if (child) return child;
    for (let above = parent; above; above = this.nodes.get(above.parent_id)) if (above.kind === kind && above.name === name) return above;
    return (this.children.get(parent?.id ?? null) ?? []).find((node) => node.kind === "more");
  }
}

const keyOf = (parentId, kind, name) => `${parentId ?? ""}\0${kind}\0${name}`;

function stepButton(action, label, name, isEnabled) {
  return el("button", { class: "button quiet icon-only", type: "button", "data-do": action, "aria-label": label, title: label, disabled: !isEnabled }, icon(name));
}

function fillBox(box, node) {
  const isMany = node.calls > 1;
  const ended = node.calls - node.running;
  const time = !ended ? "running" : isMany ? `${duration(node.duration_ms)} · ⌀ ${duration(node.duration_ms / ended)}` : duration(node.duration_ms);
  const facts = [time, node.tokens != null && `${compact(node.tokens)} tok`, node.cost_micros != null && cost(node.cost_micros)].filter(Boolean);
  box.className = ["flow-node", `kind-${node.kind}`, node.errors && "is-error", node.running && "is-running",
    box.classList.contains("is-selected") && "is-selected"].filter(Boolean).join(" ");
  box.style.transform = `translate(${node.x}px, ${node.y}px)`;
  box.style.width = `${node.width}px`;
  box.style.height = `${node.height}px`;
  box.title = isMany ? `${node.name}\nlongest ${duration(node.longest_ms)}` : node.name;
  box.setAttribute("aria-label", [node.name, node.kind.replace("_", " "), `${grouped(node.calls)} ${isMany ? "calls" : "call"}`,
    node.errors && `${grouped(node.errors)} failed`, node.running && `${grouped(node.running)} running`, ...facts].filter(Boolean).join(", "));
  box.replaceChildren(
    el("span", { class: "flow-name" }, icon(node.kind === "more" ? "expand" : node.kind, "kind-icon"), el("span", { class: "clip" }, node.name),
      node.errors > 0 && el("span", { class: "flow-errors" }, `▲${node.errors > 1 ? compact(node.errors) : ""}`),
      node.running > 0 && el("span", { class: "flow-running" }, isMany && node.running > 1 ? `◐${compact(node.running)}` : "◐"),
      isMany && el("span", { class: "flow-count" }, `×${compact(node.calls)}`)),
    el("span", { class: "flow-facts clip" }, facts.join(" · ")),
  );
}

function noteOf(graph) {
  const parts = [`${grouped(graph.event_count)} ${graph.event_count === 1 ? "event" : "events"} in ${grouped(graph.nodes.length)} ${graph.nodes.length === 1 ? "step" : "steps"}`];
  if (graph.folded_count) parts.push(`${grouped(graph.folded_count)} rarer ones folded`);
  if (graph.is_partial) parts.push("the first events only: the trace is too large for one graph");
  return parts.join(" · ");
}
