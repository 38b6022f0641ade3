/** The playhead: a moment of the trace that the reader points at, for every view. In microseconds, or null. */
import { listBoundaries, nextBoundary } from "./analysis.js";

export class Playhead {
  #listeners = [];
  #boundaries = new Map();

  at = null;

  constructor({ store }) {
    this.store = store;
  }

  /** Move it, or take it away with null. `isStep`: onto something that starts or ends there. */
  set(micros, { isStep = false } = {}) {
    const next = micros == null || Number.isNaN(micros) ? null : Math.round(micros);
    if (next === this.at) return;
    this.at = next;
    for (const listener of this.#listeners) listener(next, { isStep });
  }

  /** Call `listener(micros|null, { isStep })` whenever it moves. */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** Move it to where something next starts or ends; with `isErrorsOnly` to where something next failed. */
  step(direction, { isErrorsOnly = false } = {}) {
    const boundaries = this.#list(isErrorsOnly);
    const next = nextBoundary(boundaries, this.at ?? (direction > 0 ? -Infinity : Infinity), direction);
    if (next !== undefined) this.set(next, { isStep: true });
  }

  #list(isErrorsOnly) {
    const known = this.#boundaries.get(isErrorsOnly);
    if (known?.version === this.store.version) return known.boundaries;
    // Rounded as `set` rounds, or a step would find the boundary it stands on.
    const boundaries = listBoundaries(this.store, { isErrorsOnly }).map(Math.round);
    this.#boundaries.set(isErrorsOnly, { version: this.store.version, boundaries });
    return boundaries;
  }
}
