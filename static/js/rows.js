/** Rows of a table as a list: `j` and `k` move over their links, a click anywhere in a row opens it. */

/** Move the focus over the rows' first links. */
export function moveFocus(rows, step) {
  const links = rows.map((row) => row.querySelector("a"));
  const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = links[Math.max(0, Math.min(links.length - 1, at + step))];
  next?.focus({ preventScroll: true, focusVisible: true });
  next?.closest("tr").scrollIntoView({ block: "nearest" });
}

/** Click a row's link as the row was clicked: with Ctrl or Shift it opens elsewhere. */
export function openRow(row, { ctrlKey, metaKey, shiftKey }) {
  row.querySelector("a")?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }));
}

/** Change only the cells that differ; the first holds the link, and with it the reader's place, and stays. */
export function replaceCells(row, fresh) {
  if (!fresh) return;
  [...row.cells].slice(1).forEach((cell, index) => {
    const next = fresh.cells[index + 1];
    if (cell.innerHTML !== next.innerHTML) cell.replaceChildren(...document.importNode(next, true).childNodes);
  });
}

/** Listen for a list. `rows()` returns its rows, each with its link first; `isBusy(event)` whether keys mean something else. */
export function listKeys({ rows, isBusy }) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isBusy(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (!step || event.target.closest?.("[role=group], [role=slider]")) return;
    event.preventDefault();
    moveFocus(rows(), step);
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("tbody tr");
    if (!row || !rows().includes(row) || event.target.closest("a, button") || String(getSelection())) return;
    openRow(row, event);
  });
}
