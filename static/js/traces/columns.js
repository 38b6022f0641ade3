/** Which columns the list shows, in which order, and how dense it is: kept with the person. */
import { post } from "../base.js";
import { toast } from "../toast.js";
import { sendOrSay, visit } from "./api.js";

const entries = () => [...document.querySelectorAll("#column-list > li")];
let dragged = null;

/** Keep the columns as the chooser shows them, and read the list with them. */
async function keep(columns) {
  if (!(await sendOrSay("PUT", "trace-columns", { columns }))) return;
  const params = new URLSearchParams(location.search);
  params.delete("columns");
  // A view with columns of its own shows those; other ones are said in the address until they are saved in it.
  if (document.getElementById("current-view")?.dataset.columns && columns.length) params.set("columns", columns.join(","));
  const address = `${location.pathname}${params.size ? `?${params}` : "?view=all"}`;
  await visit(address);
}

const chosen = () => entries().filter((entry) => entry.querySelector("input").checked).map((entry) => entry.dataset.column);

document.addEventListener("change", (event) => {
  if (event.target.matches?.("#column-list input")) keep(chosen());
  else if (event.target.matches?.("[data-density]")) setDensity(event.target.value);
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-columns-reset]")) reset();
});

/** Go back to the usual columns, in the chooser too. */
async function reset() {
  await keep([]);
  const shown = document.getElementById("traces")?.dataset.columns.split(",") ?? [];
  const list = document.getElementById("column-list");
  for (const entry of entries()) entry.querySelector("input").checked = shown.includes(entry.dataset.column);
  list.prepend(...shown.map((name) => entries().find((entry) => entry.dataset.column === name)).filter(Boolean));
}

function setDensity(density) {
  document.documentElement.dataset.density = density;
  post(document.body.dataset.preferencesUrl, { density })
    .then((response) => response.ok || Promise.reject(response))
    .catch(() => toast("The density could not be saved", { isError: true }));
}

/* Order: by dragging, or Alt with the arrows */

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("#column-list > li") ?? null;
});
document.addEventListener("dragover", (event) => {
  const over = event.target.closest?.("#column-list > li");
  if (!dragged || !over || over === dragged) return;
  event.preventDefault();
  const all = entries();
  if (all.indexOf(dragged) < all.indexOf(over)) over.after(dragged);
  else over.before(dragged);
});
document.addEventListener("drop", (event) => dragged && event.preventDefault());
document.addEventListener("dragend", () => {
  if (dragged) keep(chosen());
  dragged = null;
});
document.addEventListener("keydown", (event) => {
  const entry = event.target.closest?.("#column-list > li");
  if (!entry || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  const other = event.key === "ArrowUp" ? entry.previousElementSibling : entry.nextElementSibling;
  if (!event.altKey) other?.querySelector("input:not(:disabled)")?.focus();
  else if (other) {
    if (event.key === "ArrowUp") entry.after(other);
    else entry.before(other);
    keep(chosen());
  }
}, true);
