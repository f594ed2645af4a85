// The words over the picture and their buttons; what they say comes from `screens.js`.

const COUNT_MS = 250;

export class Overlay {
  #root;
  #act;
  #actions = "";
  #screen = null;

  /**
   * @param {HTMLElement} root holds #overlay-title, #overlay-text, #overlay-count and
   *   #overlay-actions
   * @param {(id: string) => void} act called with the action of the button that was pressed
   */
  constructor(root, act) {
    this.#root = root;
    this.#act = act;
    setInterval(() => this.#count(), COUNT_MS);
  }

  /** Shows a screen; null shows none. */
  show(screen) {
    this.#screen = screen;
    this.#root.hidden = !screen;
    this.#root.classList.toggle("busy", screen?.isBusy ?? false);
    setText(this.#part("title"), screen?.title ?? "");
    setText(this.#part("text"), screen?.text ?? "");
    const isChanged = this.#showActions(screen?.actions ?? []);
    this.#count();
    if (isChanged && screen && !screen.isBusy) this.#part("actions").querySelector(":enabled")?.focus();
  }

  /** Counts down to the moment that the screen waits for; its first button waits too. */
  #count() {
    const countdown = this.#screen?.countdown ?? null;
    const leftS = countdown ? Math.ceil((countdown.untilMs - performance.now()) / 1000) : 0;
    const isWaiting = leftS > 0;
    setText(this.#part("count"), isWaiting ? `${countdown.before} ${leftS} s.` : (countdown?.then ?? ""));
    if (countdown?.holdsBack) this.#part("actions").firstChild.disabled = isWaiting;
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
