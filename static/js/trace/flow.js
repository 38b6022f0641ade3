/** The Flow tab. */
export default class FlowView {
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
