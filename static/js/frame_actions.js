/** What the command palette offers on every page: places, projects, appearance, help. */
import { registerActions } from "./actions.js";
import { setPreference } from "./preferences.js";
import { copyText } from "./copy.js";

const data = document.getElementById("palette-data");

function listPlaces() {
  const { places } = JSON.parse(data.textContent);
  return places.map((place) => ({ id: `go.${place.url}`, ...place }));
}

function listAppearance() {
  const themes = [...document.querySelectorAll("[data-theme-choice]")].map((choice) => ({
    id: `theme.${choice.dataset.themeChoice}`, label: `Theme: ${choice.textContent.trim()}`, words: "colour appearance",
    run: () => setPreference("theme", choice.dataset.themeChoice),
  }));
  const densities = [...document.querySelectorAll("[data-density-choice]")].map((choice) => ({
    id: `density.${choice.dataset.densityChoice}`, label: `Rows: ${choice.textContent.trim()}`, words: "density spacing",
    run: () => setPreference("density", choice.dataset.densityChoice),
  }));
  return [...themes, ...densities].map((action) => ({ group: "Appearance", icon: "theme", ...action }));
}

/** Everything on the page that can be pressed, by its name; what stands in rows comes once for each row, so it is left out. */
function listControls() {
  const controls = [...document.querySelectorAll("main :is(a.button[href], button.button, [role=tab])")];
  return controls.filter((control) => control.checkVisibility() && !control.matches("td *, :disabled, [aria-disabled=true], [aria-selected=true]")).map((control) => {
    const label = nameOf(control);
    const symbol = control.querySelector("use")?.getAttribute("href").slice(3);
    return label && { id: `control.${label}`, label, icon: symbol || "right", run: () => control.click() };
  });
}

/** Return what a control does, in words; a count beside the name of a tab changes all the time. */
function nameOf(control) {
  const said = control.dataset.command ?? control.getAttribute("aria-label");
  if (said) return said;
  const text = [...control.childNodes].filter((node) => !node.matches?.(".count")).map((node) => node.textContent).join(" ").trim().replace(/\s+/g, " ");
  return control.role === "tab" ? `Show ${text}` : text;
}

function listCommon() {
  return [
    { id: "copy.address", label: "Copy the link to this page", icon: "link", words: "url share address", run: () => copyText(location.href, "Link copied") },
    document.querySelector("[data-filter-input]") && { id: "filter", label: "Filter", icon: "search", keys: ["/"], words: "search find", run: () => document.querySelector("[data-filter-input]").focus() },
    { id: "shortcuts", group: "Help", label: "Show keyboard shortcuts", icon: "info", keys: ["?"], run: () => document.getElementById("shortcuts").showModal() },
    { id: "sign-out", group: "Account", label: "Sign out", icon: "right", words: "log out leave", run: () => document.querySelector("#account-menu form").requestSubmit() },
  ];
}

if (data) {
  registerActions(listControls);
  registerActions(listCommon);
  registerActions(listPlaces);
  registerActions(listAppearance);
}
