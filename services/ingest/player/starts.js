// The title screen's choice of a world and of the place where it begins. Owns the chosen pair.

export class StartPicker {
  world = null; // the chosen world's offer
  start = 0; // the chosen start's index
  #root;
  #backdrop;

  /**
   * @param {HTMLElement} root holds the cards
   * @param {HTMLImageElement} backdrop shows the chosen start's picture
   */
  constructor(root, backdrop) {
    this.#root = root;
    this.#backdrop = backdrop;
  }

  /** Shows the worlds on offer; `wanted`: {world, start} from the address, either may be null. */
  show(worlds, wanted) {
    this.world = worlds.find(({ name }) => name === wanted.world) ?? worlds[0];
    const isThere = this.world.starts.some(({ index }) => index === wanted.start);
    this.start = isThere ? wanted.start : this.world.starts[0].index;
    this.#root.replaceChildren(
      ...worlds.flatMap((world) => world.starts.map((start) => this.#card(world, start, worlds))),
    );
    this.#choose(this.world, this.start);
  }

  #card(world, { index, name, image }, worlds) {
    const radio = element("input", { type: "radio", name: "start", className: "unseen" });
    radio.checked = world === this.world && index === this.start;
    radio.addEventListener("change", () => this.#choose(world, index));
    const picture = element("img", { src: image, alt: "", draggable: false });
    const title = titleOf(name, index);
    const caption = worlds.length > 1 ? `${world.name}: ${title}` : title;
    const card = element("label", { className: "card" });
    card.append(radio, picture, element("span", { textContent: caption }));
    return card;
  }

  #choose(world, start) {
    this.world = world;
    this.start = start;
    this.#backdrop.src = world.starts.find(({ index }) => index === start).image;
  }
}

/** What a player reads under a start. `view-01` and the like are numbers that training gave; a name
 * is a name. */
export function titleOf(name, index) {
  return /^view-\d+$/.test(name) ? `Start ${index + 1}` : name;
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
