/**
 * Clicks and keys that come before the page's modules have run: held, and done once they have, in their order. Without
 * this a reader on a slow line, or a quick one, presses a button that is there and hears nothing.
 *
 * No module, so that it runs before the page is first drawn. What the browser does by itself (links, fields, forms,
 * menus) is left to it.
 */
{
  const NATIVE = "a[href], input, select, textarea, label, summary, [popovertarget], button:not([type=button])";
  const EVENTS = ["click", "keydown"];
  const held = [];

  const isNative = (event) => event.target.closest?.(NATIVE)
    || (event.type === "keydown" && (event.isComposing || /^(Tab|Enter| |Shift|Control|Alt|Meta|F\d+)$/.test(event.key)));

  const hold = (event) => {
    if (!event.isTrusted || isNative(event)) return;
    // A key with Ctrl is the browser's as well, but for the one that opens the palette.
    if (event.type === "keydown" && (event.ctrlKey || event.metaKey || event.altKey)) {
      if (event.key.toLowerCase() !== "k") return;
      event.preventDefault();
    }
    event.stopImmediatePropagation();
    held.push({ event, target: event.target });
  };

  const release = () => {
    for (const name of EVENTS) window.removeEventListener(name, hold, true);
    for (const { event, target } of held.splice(0)) {
      const place = event.type === "keydown" ? document.activeElement ?? document.body : target;
      place.dispatchEvent(new event.constructor(event.type, event));
    }
  };

  for (const name of EVENTS) window.addEventListener(name, hold, true);
  // Modules run before this event; on the window its listeners come after those of the document, htmx among them.
  window.addEventListener("DOMContentLoaded", release, { once: true });
}
