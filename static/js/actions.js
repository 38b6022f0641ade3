/**
 * Everything that can be done here, for the command palette. A module names what its page can do:
 *
 *   registerActions(() => [{ id: "trace.expand", label: "Expand all", keys: ["x"], run: expandAll }]);
 *
 * `id` is stable, so that what was used last can be offered again; `label` is an imperative; instead of `run` there may be
 * a `url`. `group` names the heading, `detail` is said in small beside the label, `words` are further words to find it by.
 */
const sources = new Set();

/** Add actions: a list, or a function that is asked for one whenever the palette opens. Returns what takes them away. */
export function registerActions(source) {
  sources.add(source);
  return () => sources.delete(source);
}

/** Return what can be done now, in the order of registration; an id that comes twice counts once. */
export function listActions() {
  const found = new Map();
  for (const source of sources) {
    for (const action of typeof source === "function" ? source() : source) {
      if (action && !found.has(action.id)) found.set(action.id, { group: "This page", ...action });
    }
  }
  return [...found.values()];
}
