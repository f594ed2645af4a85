// The title screen: the worlds on offer, the keys of the chosen one, and the way back into a world
// that this tab has played. Starts nothing by itself.

import { Problem } from "./api.js";
import { connectedGamepad } from "./gamepad.js";
import { hintsFor, showHints } from "./key_hints.js";
import { hasCamera } from "./keys.js";
import { KeyboardLayout } from "./layout.js";
import { setText } from "./overlay.js";
import { StartPicker } from "./starts.js";

const WORLDS_RETRY_MS = 2000;

export class Title {
  picker;
  #root;
  #api;
  #layout = new KeyboardLayout(() => this.#showKeys());

  /**
   * @param {HTMLElement} root holds #starts, #play, #offer, #go-on, #last and .keys
   * @param {HTMLImageElement} backdrop
   * @param {import("./api.js").SessionApi} api
   */
  constructor(root, backdrop, api) {
    this.#root = root;
    this.#api = api;
    this.picker = new StartPicker(this.#part("#starts"), backdrop);
    this.#part("#starts").addEventListener("change", () => this.#showKeys());
    document.addEventListener("keydown", (event) => this.#layout.learn(event));
    for (const type of ["gamepadconnected", "gamepaddisconnected"]) {
      window.addEventListener(type, () => this.#showKeys());
    }
  }

  /** Why nothing can be played here: the only thing there is to say. */
  refuse(reason) {
    setText(this.#part("#offer"), reason);
  }

  /** Asks for the worlds until there is one: a fresh system may still be warming up. */
  async offerWorlds(wanted) {
    this.#layout.ask(navigator.keyboard);
    for (;;) {
      const worlds = await this.#worldsOnOffer();
      if (worlds.length > 0) return this.#show(worlds, wanted);
      await new Promise((resolve) => setTimeout(resolve, WORLDS_RETRY_MS));
    }
  }

  /** Shows the way back into a world; null: there is none. `news`: what became of the last one. */
  offerReturn(world, news = "") {
    this.#part("#go-on").hidden = !world;
    setText(this.#part("#last"), news);
  }

  async #worldsOnOffer() {
    try {
      const worlds = await this.#api.worlds();
      setText(this.#part("#offer"), "No world is awake yet. This page starts by itself when one is.");
      return worlds;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setText(this.#part("#offer"), `${problem.message} Trying again.`);
      return [];
    }
  }

  #show(worlds, wanted) {
    this.picker.show(worlds, wanted);
    this.#showKeys();
    const isThere = !wanted.world || this.picker.world.name === wanted.world;
    const missing = `There is no world named "${wanted.world}" here.`;
    setText(this.#part("#offer"), isThere ? "" : missing);
    this.#part("#play").disabled = false;
  }

  #showKeys() {
    if (!this.picker.world) return;
    const signOf = (code) => this.#layout.signOf(code);
    const hasGamepad = Boolean(connectedGamepad(navigator.getGamepads?.() ?? []));
    const looks = hasCamera(this.picker.world) ? ", right thumb looks around" : "";
    setText(this.#part(".thumbs"), `Left thumb walks${looks}.`);
    showHints(this.#part(".keys"), hintsFor(this.picker.world, { signOf, hasGamepad }));
  }

  #part(selector) {
    return this.#root.querySelector(selector);
  }
}
