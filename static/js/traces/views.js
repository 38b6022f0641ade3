/** Saved views: what the menu does with the one that is open, and saving a new one. */
import { toast } from "../toast.js";
import { send, sendOrSay, visit } from "./api.js";

const dialog = document.getElementById("view-dialog");
const form = document.getElementById("view-form");
let changing = null;

const current = () => document.getElementById("current-view")?.dataset ?? null;

/** What a view keeps of the list as it is now. */
function contents() {
  const address = new URLSearchParams(location.search);
  return {
    q: address.get("q") ?? "",
    range: address.get("range") ?? "",
    from: address.get("from") || null,
    to: address.get("to") || null,
    columns: (document.getElementById("traces")?.dataset.columns ?? "").split(",").filter(Boolean),
  };
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-view-do]");
  if (!button) return;
  button.closest("[popover]")?.hidePopover();
  const view = current();
  const actions = {
    create: () => open(null),
    rename: () => open(view),
    save: () => change(view, contents(), `“${view.name}” saved`),
    default: () => change(view, { is_default: view.default !== "true" }, view.default === "true" ? "The list opens with all traces" : `The list opens with “${view.name}”`),
    delete: () => remove(view),
  };
  actions[button.dataset.viewDo]();
});

const go = (params) => visit(`${location.pathname}?${new URLSearchParams(params)}`);

function here(changes) {
  const params = Object.fromEntries(new URLSearchParams(location.search));
  return Object.fromEntries(Object.entries({ ...params, ...changes }).filter(([, value]) => value));
}

async function change(view, fields, said) {
  if (!(await sendOrSay("PATCH", `saved-views/${view.id}`, fields))) return;
  toast(said);
  go(here({ view: view.id, columns: "" }));
}

async function remove(view) {
  if (!(await sendOrSay("DELETE", `saved-views/${view.id}`))) return;
  const address = location.search;
  toast(`View “${view.name}” deleted`, { action: { label: "Undo", run: () => restore(view, address) } });
  go(here({ view: "all" }));
}

async function restore(view, address) {
  if (!(await sendOrSay("POST", `saved-views/${view.id}/restore`, {}))) return;
  toast(`View “${view.name}” is back`);
  go(new URLSearchParams(address));
}

function open(view) {
  changing = view;
  dialog.querySelector("h2").textContent = view ? "Rename or share view" : "Save view";
  dialog.querySelector("[data-view-keeps]").hidden = Boolean(view);
  form.elements.name.value = view?.name ?? "";
  if (form.elements.is_shared) form.elements.is_shared.checked = view?.shared === "true";
  showProblem("");
  dialog.showModal();
  form.elements.name.focus();
  form.elements.name.select();
}

function showProblem(text) {
  document.getElementById("view-problem").textContent = text;
  if (text) form.elements.name.setAttribute("aria-invalid", "true");
  else form.elements.name.removeAttribute("aria-invalid");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = { name: form.elements.name.value };
  if (form.elements.is_shared) fields.is_shared = form.elements.is_shared.checked;
  const { isOk, data, problem } = changing
    ? await send("PATCH", `saved-views/${changing.id}`, fields)
    : await send("POST", "saved-views", { ...contents(), ...fields });
  if (!isOk) {
    showProblem(problem.replace(/^name: /, ""));
    return;
  }
  dialog.close();
  toast(`“${data.name}” saved`);
  go(here({ view: data.id, columns: "" }));
});
