// What stands on the player's keys. Keys play by their place (`KeyboardEvent.code`); on an AZERTY
// keyboard the key of the code KeyW says Z. Knows no worlds.

const SIGNS = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  ShiftLeft: "Shift",
  ShiftRight: "Shift",
  ControlLeft: "Ctrl",
  ControlRight: "Ctrl",
};

export class KeyboardLayout {
  #signs = new Map(); // code -> what the layout writes there
  #changed;

  /** @param {() => void} changed called when a key turned out to say something else */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Asks `navigator.keyboard`, where there is one (in Chromium, over HTTPS or on this machine). */
  async ask(keyboard) {
    try {
      const layout = await keyboard?.getLayoutMap();
      for (const [code, sign] of layout ?? []) this.#set(code, sign);
    } catch {
      // Forbidden by a policy: keys are learned as they are pressed.
    }
  }

  /** A key was pressed: what it wrote is what stands on it. */
  learn({ code, key, ctrlKey, metaKey, altKey }) {
    if (/^(Key|Digit)/.test(code) && key?.length === 1 && !(ctrlKey || metaKey || altKey)) {
      if (code.startsWith("Key")) this.#set(code, key); // AZERTY's digits need Shift
    }
  }

  /** The key's sign, as an English keyboard has it where nothing else is known. */
  signOf(code) {
    return SIGNS[code] ?? this.#signs.get(code) ?? code.replace(/^(Key|Digit|Numpad)/, "");
  }

  #set(code, sign) {
    const before = this.signOf(code);
    this.#signs.set(code, sign.toUpperCase());
    if (this.signOf(code) !== before) this.#changed();
  }
}
