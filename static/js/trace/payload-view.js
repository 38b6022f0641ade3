/** The Payload tab. */
export default class PayloadView {
  constructor({ root, page }) {
    Object.assign(this, { root, page });
  }

  show() {}
  hide() {}
  update() {}
  select() {}

  focus() {
    this.root.focus({ preventScroll: true });
  }
}
