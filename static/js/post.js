import { request } from "./request.js";

/** Send a form-encoded POST with the page's CSRF token. */
export function post(url, fields) {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  return request(url, { method: "POST", body: new URLSearchParams(fields), headers: { "X-CSRFToken": token } });
}
