/** What is wrong with a query, under its field, and marked in it. */
import { el } from "./dom.js";

/** `field`, `marks` and `problem` are the elements; `answer` is the server's `{ detail, position, length }`. */
export function showProblem({ field, marks, problem }, { detail = "This query cannot be read", position = null, length = 1 }) {
  const text = field.value.trim();
  // Places are counted in whole characters, not in the halves that JavaScript counts.
  const letters = [...text];
  const cut = (from, to) => letters.slice(from, to).join("");
  problem.replaceChildren();
  if (position != null) {
    const wrong = el("mark", {}, cut(position, position + length) || " ");
    problem.append(el("code", {}, cut(0, position), wrong, cut(position + length)));
    marks.replaceChildren(field.value.slice(0, field.value.indexOf(text)) + cut(0, position), wrong.cloneNode(true));
    marks.scrollLeft = field.scrollLeft;
  }
  // `code` in words.
  problem.append(el("span", {}, ...detail.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part))));
  problem.hidden = false;
  field.setAttribute("aria-invalid", "true");
}

export function hideProblem({ field, marks, problem }) {
  problem.hidden = true;
  marks.replaceChildren();
  field.removeAttribute("aria-invalid");
}
