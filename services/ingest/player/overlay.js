// The words over the picture and their buttons; what they say comes from `screens.js`.

export class Overlay {
  #root;
  #act;
  #actions = "";

  /**
   * @param {HTMLElement} root holds #overlay-title, #overlay-text and #overlay-actions
   * @param {(id: string) => void} act called with the action of the button that was pressed
   */
  constructor(root, act) {
    this.#root = root;
    this.#act = act;
  }

  /** Shows a screen; null shows none. */
  show(screen) {
    this.#root.hidden = !screen;
    this.#root.classList.toggle("busy", screen?.isBusy ?? false);
    setText(this.#part("title"), screen?.title ?? "");
    setText(this.#part("text"), screen?.text ?? "");
    const isChanged = this.#showActions(screen?.actions ?? []);
    if (isChanged && screen && !screen.isBusy) this.#part("actions").firstChild.focus();
  }

  /** Replaces the buttons only when they change, so that a focused one keeps the focus. */
  #showActions(actions) {
    const key = actions.map(({ label }) => label).join();
    if (key === this.#actions) return false;
    this.#actions = key;
    this.#part("actions").replaceChildren(...actions.map((action) => this.#button(action)));
    return true;
  }

  #button({ id, label }) {
    const button = Object.assign(document.createElement("button"), { textContent: label });
    button.addEventListener("click", () => this.#act(id));
    return button;
  }

  #part(name) {
    return this.#root.querySelector(`#overlay-${name}`);
  }
}

/** Replaces a text only when it changes, so that a screen reader says it once. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
