/**
 * The time range control of templates/_time_range.html: its fields show the reader's own zone, the address carries
 * UTC. Delegated from the document, so a control that is swapped in works without being wired.
 */

import { fromField, toField } from "./format.js";

/** Show the times that the hidden fields under `root` hold. */
function showTimeRanges(root = document) {
  for (const input of root.querySelectorAll("[data-instant]")) {
    const moment = input.closest("[data-time-range]").querySelector(`[name=${input.dataset.instant}]`).value;
    input.value = moment ? toField(new Date(moment)) : "";
  }
}

/** Choose the time between two ISO moments, and send the control's form. */
export function chooseTimeRange(form, from, to) {
  const control = form.querySelector("[data-time-range]");
  control.querySelector("[name=range][value=custom]").checked = true;
  control.querySelector("[data-custom-range]").hidden = false;
  control.querySelector("[name=from]").value = from;
  control.querySelector("[name=to]").value = to;
  showTimeRanges(form);
  form.requestSubmit();
}

// While it is captured, so that forms which are sent on a change send the new times.
document.addEventListener("change", (event) => {
  const control = event.target.closest?.("[data-time-range]");
  if (!control) return;
  const isCustom = control.querySelector("[name=range]:checked")?.value === "custom";
  control.querySelector("[data-custom-range]").hidden = !isCustom;
  const { instant } = event.target.dataset;
  if (instant) control.querySelector(`[name=${instant}]`).value = event.target.value ? fromField(event.target.value).toISOString() : "";
}, true);

// The address holds no times that it does not use.
document.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  if (!event.target.querySelector?.("[data-time-range]") || parameters.range === "custom") return;
  delete parameters.from;
  delete parameters.to;
});

document.addEventListener("htmx:afterSettle", (event) => showTimeRanges(event.target));
showTimeRanges();
