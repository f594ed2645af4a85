// Which keys and gamepad buttons press which buttons of a world: the world's own, or for a world
// that describes none the page's usual ones. Pure.

import { DOWN, FIRST, LEFT, RIGHT, UP } from "./pads.js";

// A key presses the first of its buttons that the world has. `pads`: of the standard mapping; a
// `spare` key does the same as another one and is not named to the player.
const USUAL = [
  { code: "KeyW", buttons: ["forward"], pads: [UP] },
  { code: "KeyA", buttons: ["left"], pads: [LEFT] },
  { code: "KeyS", buttons: ["back"], pads: [DOWN] },
  { code: "KeyD", buttons: ["right"], pads: [RIGHT] },
  { code: "ArrowUp", buttons: ["forward"], spare: true },
  { code: "ArrowDown", buttons: ["back"], spare: true },
  { code: "ArrowLeft", buttons: ["turn_left"], pads: [4] },
  { code: "ArrowRight", buttons: ["turn_right"], pads: [5] },
  { code: "Space", buttons: ["act", "jump"], pads: [FIRST] },
  { code: "ShiftLeft", buttons: ["sneak"], pads: [1] },
  { code: "KeyC", buttons: ["sprint"], pads: [10] }, // not Control: with W it would close the tab
  { code: "KeyQ", buttons: ["drop"], pads: [3] },
  ...Array.from({ length: 9 }, (_, i) => ({ code: `Digit${i + 1}`, buttons: [`hotbar.${i + 1}`] })),
];
const MOUSE = [
  { mouseButton: 0, buttons: ["act", "attack"], pads: [2, 7], sign: "left click" },
  { mouseButton: 2, buttons: ["use"], pads: [6], sign: "right click" },
];
const LABELS = {
  forward: "walk",
  back: "walk",
  left: "walk",
  right: "walk",
  turn_left: "turn",
  turn_right: "turn",
  attack: "hit",
};

/**
 * What presses the buttons of a world.
 * @param {{buttons: string[], keys?: {button: string, label: string, code: string,
 *   pad: number | null}[]}} world
 * @returns {{button: string, label: string, code: string, pads: number[], isSpare: boolean}[]}
 */
export function keysOf({ buttons, keys = [] }) {
  if (keys.length > 0) {
    return keys.map(({ pad, ...key }, index) => {
      const isSpare = keys.findIndex(({ button }) => button === key.button) < index;
      return { ...key, pads: pad === null ? [] : [pad], isSpare };
    });
  }
  return USUAL.flatMap(({ code, buttons: wanted, pads = [], spare = false }) => {
    const button = firstOf(wanted, buttons);
    return button ? [{ button, label: labelOf(button), code, pads, isSpare: spare }] : [];
  });
}

/** What the mouse's buttons press, by `MouseEvent.button`; nothing in a world with its own keys. */
export function mouseButtonsOf({ buttons, keys = [] }) {
  if (keys.length > 0) return [];
  return MOUSE.flatMap(({ buttons: wanted, ...mouse }) => {
    const button = firstOf(wanted, buttons);
    return button ? [{ ...mouse, button, label: labelOf(button) }] : [];
  });
}

/** The button for a right thumb on glass, with its label: the left click's, or a gamepad's first. */
export function thumbButtonOf(world) {
  const all = [...mouseButtonsOf(world), ...keysOf(world)];
  const button = mouseButtonsOf(world)[0]?.button ?? padButtonsOf(world).get(FIRST);
  return all.find((control) => control.button === button) ?? null;
}

/** Button names by number of a gamepad's button. */
export function padButtonsOf(world) {
  const pads = new Map();
  for (const { pads: numbers, button } of [...keysOf(world), ...mouseButtonsOf(world)]) {
    for (const number of numbers) if (!pads.has(number)) pads.set(number, button);
  }
  return pads;
}

/** Whether the mouse turns the view. */
export function hasCamera({ degrees_per_count: degreesPerCount }) {
  return degreesPerCount > 0;
}

function firstOf(wanted, buttons) {
  return wanted.find((button) => buttons.includes(button));
}

function labelOf(button) {
  return LABELS[button] ?? (button.startsWith("hotbar.") ? "hold" : button);
}
