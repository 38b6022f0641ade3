/** Splitters: dragged, or moved with the arrow keys; the width is remembered. */

/** `sign` is 1 where the target lies before the handle, -1 where it lies after. */
export function makeSplitter(handle, { target, property, key, least, most, sign }) {
  const read = () => parseFloat(getComputedStyle(target).getPropertyValue(property));
  const set = (width) => {
    const next = Math.round(Math.max(least, Math.min(most(), width)));
    target.style.setProperty(property, `${next}px`);
    handle.setAttribute("aria-valuenow", String(next));
    return next;
  };
  const stored = Number(localStorage.getItem(key));
  if (stored) set(stored);
  handle.addEventListener("pointerdown", (down) => {
    const from = read();
    handle.setPointerCapture(down.pointerId);
    handle.classList.add("is-dragging");
    const drag = (move) => set(from + sign * (move.clientX - down.clientX));
    handle.addEventListener("pointermove", drag);
    handle.addEventListener("lostpointercapture", () => {
      handle.removeEventListener("pointermove", drag);
      handle.classList.remove("is-dragging");
      localStorage.setItem(key, String(read()));
    }, { once: true });
    down.preventDefault();
  });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    localStorage.setItem(key, String(set(read() + sign * step)));
  });
}
