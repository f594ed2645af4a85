// The title screen's choice of a world, where there are several, and of the place where it begins.
// Owns the chosen pair.

export class StartPicker {
  world = null; // the chosen world's offer
  start = 0; // the chosen start's index
  #root;
  #backdrop;
  #worlds = [];

  /**
   * @param {HTMLElement} root holds the starts' cards; fires "change" when another is chosen
   * @param {HTMLImageElement} backdrop shows the chosen start's picture
   */
  constructor(root, backdrop) {
    this.#root = root;
    this.#backdrop = backdrop;
  }

  /** Shows the worlds on offer; `wanted`: {world, start} from the address, either may be null. */
  show(worlds, wanted) {
    this.#worlds = worlds;
    const world = worlds.find(({ name }) => name === wanted.world) ?? worlds[0];
    const isThere = world.starts.some(({ index }) => index === wanted.start);
    this.#showStarts(world, isThere ? wanted.start : world.starts[0].index);
    document.getElementById("worlds")?.closest("fieldset").remove();
    if (worlds.length > 1) this.#root.closest("fieldset").before(this.#worldPicker());
  }

  #worldPicker() {
    const cards = element("div", { id: "worlds" });
    cards.append(...this.#worlds.map((world) => this.#worldCard(world)));
    const picker = element("fieldset", { className: "picker" });
    picker.append(element("legend", { textContent: "Which world?" }), cards);
    return picker;
  }

  /** A still picture of the world, or a moving one for who does not mind. */
  #worldCard(world) {
    const picture = element("picture", {});
    if (world.preview) {
      const media = "(prefers-reduced-motion: no-preference)";
      picture.append(element("source", { srcset: world.preview, media, type: "image/webp" }));
    }
    picture.append(element("img", { src: world.starts[0].image, alt: "", draggable: false }));
    const choose = () => {
      this.#showStarts(world, world.starts[0].index);
      this.#root.dispatchEvent(new Event("change"));
    };
    return card("world", world === this.world, choose, picture, nameOf(world));
  }

  #showStarts(world, start) {
    this.#choose(world, start);
    this.#root.replaceChildren(
      ...world.starts.map(({ index, name, image }) => {
        const picture = element("img", { src: image, alt: "", draggable: false });
        const choose = () => this.#choose(world, index);
        return card("start", index === start, choose, picture, titleOf(name, index));
      }),
    );
  }

  #choose(world, start) {
    this.world = world;
    this.start = start;
    this.#backdrop.src = world.starts.find(({ index }) => index === start).image;
  }
}

/** What a player reads under a world. */
export function nameOf({ name, title }) {
  return title || name;
}

/** What a player reads under a start. `view-01` and the like are numbers that training gave; a name
 * is a name. */
export function titleOf(name, index) {
  return /^view-\d+$/.test(name) ? `Start ${index + 1}` : name;
}

function card(group, isChosen, choose, picture, caption) {
  const radio = element("input", { type: "radio", name: group, className: "unseen" });
  radio.checked = isChosen;
  radio.addEventListener("change", choose);
  const label = element("label", { className: "card" });
  label.append(radio, picture, element("span", { textContent: caption, title: caption }));
  return label;
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
