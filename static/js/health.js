/** What the Overview, Errors and Ingest pages share: their range, and the way from a chart to the traces behind it. */
import "./time_range.js";

/** Go to the traces that started between two ISO times; `q` narrows them. */
export function openTraces(from, to, q = "") {
  const query = new URLSearchParams({ range: "custom", from, to });
  if (q) query.set("q", q);
  location.assign(`${document.body.dataset.tracesUrl}?${query}`);
}

/** A range is sent when it is whole, and the address holds nothing that it does not use. */
export function wireRange(form) {
  if (!form) return;
  const send = () => {
    const data = new FormData(form);
    const isCustom = data.get("range") === "custom";
    if (isCustom && !(data.get("from") || data.get("to"))) return;
    const query = new URLSearchParams([...data].filter(([name, value]) => value && (isCustom || (name !== "from" && name !== "to"))));
    location.assign(`${location.pathname}?${query}`);
  };
  form.addEventListener("change", send);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
}

/** The data of a page's charts, or null without any. */
export function readData(id, root = document) {
  const script = root.getElementById(id);
  return script ? JSON.parse(script.textContent) : null;
}
