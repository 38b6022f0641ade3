/** How a person likes the pages to look: changed here at once, and kept by the server. */
import { post } from "./post.js";
import { toast } from "./toast.js";

const NAMES = { theme: "theme", density: "row height" };

/** Change the theme or the density. */
export function setPreference(name, value) {
  const before = document.documentElement.dataset[name] ?? "system";
  show(name, value);
  save(name, value).catch(() => {
    show(name, before);
    toast(`The ${NAMES[name]} could not be saved`, { isError: true });
  });
}

function show(name, value) {
  if (name === "theme" && value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset[name] = value;
  for (const choice of document.querySelectorAll(`[data-${name}-choice]`)) {
    choice.setAttribute("aria-checked", String(choice.dataset[`${name}Choice`] === value));
  }
  // Virtual lists measure their rows.
  if (name === "density") window.dispatchEvent(new Event("resize"));
}

async function save(name, value) {
  const response = await post(document.body.dataset.preferencesUrl, { [name]: value });
  if (!response.ok) throw new Error(String(response.status));
}
