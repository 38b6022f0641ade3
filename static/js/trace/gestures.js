/** What the pointer does to the time scale: zoom by wheel and pinch, pan by drag and wheel, brush on the ruler. */
import { el } from "../base.js";

const DRAG_PX = 4;
const WHEEL_ZOOM = 0.002;

/**
 * `onZoom(factor, around)`, `onPan(micros)`, `onBrush(from, to)` and `onPlace(at)` hear what was done; `timeAt(x)` gives
 * the moment at a client coordinate.
 */
export function listenToGestures({ scroller, ruler, scale, timeAt, onZoom, onPan, onBrush, onPlace }) {
  const microsPerPixel = () => scale.span / Math.max(1, ruler.clientWidth);

  const wheel = (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      onZoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * WHEEL_ZOOM), timeAt(event.clientX));
      return;
    }
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (!scale.zoom || !across || (!event.shiftKey && Math.abs(event.deltaX) < Math.abs(event.deltaY))) return;
    event.preventDefault();
    onPan(across * microsPerPixel());
  };
  scroller.addEventListener("wheel", wheel, { passive: false });
  ruler.addEventListener("wheel", wheel, { passive: false });

  const touches = new Map();
  let pan = null;
  scroller.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.target.closest(".tl-bars")) return;
    touches.set(event.pointerId, event.clientX);
    pan = touches.size === 1 ? { x: event.clientX, last: event.clientX, isMoving: false } : null;
  });
  scroller.addEventListener("pointermove", (event) => {
    if (!touches.has(event.pointerId)) return;
    if (touches.size === 2) pinch(event);
    else if (pan) drag(event);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    scroller.addEventListener(name, (event) => {
      touches.delete(event.pointerId);
      pan = null;
      scroller.classList.remove("is-panning");
    });
  }

  function pinch(event) {
    const before = [...touches.values()];
    touches.set(event.pointerId, event.clientX);
    const after = [...touches.values()];
    const apart = ([a, b]) => Math.max(8, Math.abs(a - b));
    onZoom(apart(before) / apart(after), timeAt((after[0] + after[1]) / 2));
  }

  function drag(event) {
    if (!pan.isMoving && (!scale.zoom || Math.abs(event.clientX - pan.x) < DRAG_PX)) return;
    // Captured only now: a press that does not move stays a click on its row.
    if (!pan.isMoving) scroller.setPointerCapture(event.pointerId);
    pan.isMoving = true;
    scroller.classList.add("is-panning");
    onPan((pan.last - event.clientX) * microsPerPixel());
    pan.last = event.clientX;
  }

  ruler.addEventListener("pointerdown", (down) => {
    if (down.button !== 0 || !(scale.span > 0)) return;
    const began = timeAt(down.clientX);
    const brush = el("div", { class: "tl-brush", hidden: true });
    let isBrushing = false;
    ruler.append(brush);
    ruler.setPointerCapture(down.pointerId);
    const move = (event) => {
      isBrushing ||= Math.abs(event.clientX - down.clientX) >= DRAG_PX;
      const [left, right] = [scale.share(began), scale.share(timeAt(event.clientX))].sort((a, b) => a - b);
      brush.hidden = !isBrushing;
      brush.style.left = `${Math.max(0, left) * 100}%`;
      brush.style.width = `${(Math.min(1, right) - Math.max(0, left)) * 100}%`;
    };
    const end = (event) => {
      ruler.removeEventListener("pointermove", move);
      ruler.removeEventListener("pointerup", end);
      ruler.removeEventListener("pointercancel", end);
      brush.remove();
      const at = timeAt(event.clientX);
      if (event.type === "pointercancel") return;
      if (isBrushing) onBrush(Math.min(began, at), Math.max(began, at));
      else onPlace(began);
    };
    ruler.addEventListener("pointermove", move);
    ruler.addEventListener("pointerup", end);
    ruler.addEventListener("pointercancel", end);
    down.preventDefault();
  });
}
