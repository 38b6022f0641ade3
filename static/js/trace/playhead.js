/** The playhead: a moment of the trace that the reader points at, for every view. In microseconds, or null. */
export class Playhead {
  #listeners = [];

  at = null;

  /** Move it, or take it away with null. */
  set(micros) {
    const next = micros == null || Number.isNaN(micros) ? null : Math.round(micros);
    if (next === this.at) return;
    this.at = next;
    for (const listener of this.#listeners) listener(next);
  }

  /** Call `listener(micros|null)` whenever it moves. */
  onChange(listener) {
    this.#listeners.push(listener);
  }
}
