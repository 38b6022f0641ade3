/** What part of a drawing is seen, and how large: pan by drag or keys, zoom by wheel, pinch or keys. */

const LEAST = 0.08, MOST = 2.5;
const LEGIBLE = 0.7;
const MARGIN = 28;
const NOTE = 24;
const PAN_STEP = 80;
const DRAG_AFTER = 4;

export class Camera {
  /** `layer` lies in `stage` and is moved; `onChange(scale)` hears of every change. */
  constructor({ stage, layer, onChange }) {
    Object.assign(this, { stage, layer, onChange });
    this.scale = 1;
    this.x = this.y = MARGIN;
    this.width = this.height = 0;
    this.hasDragged = false;
    this.pointers = new Map();
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#dragTo(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) stage.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
  }

  setSize(width, height) {
    Object.assign(this, { width, height });
    this.layer.style.width = `${width}px`;
    this.layer.style.height = `${height}px`;
  }

  /** The first look: all of it if that can be read, else its beginning. */
  start() {
    const { scale } = this.#fitting();
    if (scale >= LEGIBLE) return this.fit();
    this.scale = LEGIBLE;
    this.x = MARGIN;
    this.y = MARGIN + NOTE;
    return this.#apply();
  }

  fit() {
    Object.assign(this, this.#fitting());
    return this.#apply();
  }

  /** Zoom by a factor around the middle, or around a point of the stage. */
  zoom(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const next = Math.max(LEAST, Math.min(MOST, this.scale * factor));
    this.x = x - (x - this.x) * (next / this.scale);
    this.y = y - (y - this.y) * (next / this.scale);
    this.scale = next;
    return this.#apply();
  }

  pan(key) {
    this.x += { ArrowLeft: PAN_STEP, ArrowRight: -PAN_STEP }[key] ?? 0;
    this.y += { ArrowUp: PAN_STEP, ArrowDown: -PAN_STEP }[key] ?? 0;
    return this.#apply();
  }

  isInside({ x, y, width, height }) {
    const left = this.x + x * this.scale, top = this.y + y * this.scale;
    return left >= 0 && top >= 0 && left + width * this.scale <= this.stage.clientWidth && top + height * this.scale <= this.stage.clientHeight;
  }

  /** Bring a box to the middle. */
  reveal({ x, y, width, height }) {
    if (this.isInside({ x, y, width, height })) return;
    this.x = this.stage.clientWidth / 2 - (x + width / 2) * this.scale;
    this.y = this.stage.clientHeight / 2 - (y + height / 2) * this.scale;
    this.#apply();
  }

  #fitting() {
    const { clientWidth, clientHeight } = this.stage;
    const free = { width: Math.max(1, clientWidth - 2 * MARGIN), height: Math.max(1, clientHeight - 2 * MARGIN - NOTE) };
    const scale = Math.max(LEAST, Math.min(1, free.width / Math.max(1, this.width), free.height / Math.max(1, this.height)));
    return {
      scale,
      x: Math.max(MARGIN, Math.min(clientWidth * 0.12, (clientWidth - this.width * scale) / 2)),
      y: Math.max(MARGIN + NOTE, Math.min(clientHeight * 0.16, (clientHeight - this.height * scale) / 2)),
    };
  }

  #apply() {
    this.layer.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.onChange(this.scale);
    return true;
  }

  #wheel(event) {
    event.preventDefault();
    const box = this.stage.getBoundingClientRect();
    if (event.shiftKey && !event.ctrlKey) {
      this.x -= event.deltaX || event.deltaY;
      this.#apply();
    } else {
      this.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * (event.ctrlKey ? 0.01 : 0.002)), event.clientX - box.left, event.clientY - box.top);
    }
  }

  #down(event) {
    if (event.button !== 0) return;
    this.hasDragged = false;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, moved: 0 });
  }

  #dragTo(event) {
    const held = this.pointers.get(event.pointerId);
    if (!held) return;
    const dx = event.clientX - held.x, dy = event.clientY - held.y;
    held.moved += Math.abs(dx) + Math.abs(dy);
    // A press that trembles is still a press; only a drag takes the pointer away from the box under it.
    if (held.moved < DRAG_AFTER) return;
    if (!this.stage.hasPointerCapture(event.pointerId)) this.stage.setPointerCapture(event.pointerId);
    this.hasDragged = true;
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (others.length) this.#pinch(held, event, others[0]);
    else {
      this.x += dx;
      this.y += dy;
      this.#apply();
    }
    Object.assign(held, { x: event.clientX, y: event.clientY });
  }

  #pinch(held, event, other) {
    const box = this.stage.getBoundingClientRect();
    const before = Math.hypot(held.x - other.x, held.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    if (before > 0) this.zoom(after / before, (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
  }
}
