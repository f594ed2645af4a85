// Listings of worlds for tests, as far as the input needs them.

export const DOOM = {
  buttons: ["forward", "back", "left", "right", "turn_left", "turn_right", "act"],
  degrees_per_count: 0.1,
};
export const MINECRAFT = {
  buttons: ["forward", "jump", "sneak", "attack", "use", "hotbar.1", "hotbar.3"],
  degrees_per_count: 0.15,
};
/** One with its own keys and without a camera. */
export const ISLAND = {
  buttons: ["up", "do", "place_stone"],
  degrees_per_count: 0,
  keys: [
    { button: "up", label: "walk", code: "ArrowUp", pad: 12 },
    { button: "up", label: "walk", code: "KeyW", pad: 12 },
    { button: "do", label: "gather, hit", code: "Space", pad: 0 },
    { button: "place_stone", label: "put down a stone", code: "KeyR", pad: null },
  ],
};
