/** Copying to the clipboard. */
import { el } from "./dom.js";
import { toast } from "./toast.js";

/** Copy, and say so. */
export async function copyText(text, said = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  toast(said);
}

/** The clipboard API needs a secure context; a plain-HTTP address other than localhost has only this. */
function copyBySelection(text) {
  const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
