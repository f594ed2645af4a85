// The list of keys on the title screen: what this world, this keyboard and this gamepad offer.

import { hasCamera, keysOf, mouseButtonsOf, padButtonsOf } from "./keys.js";
import { DIRECTIONS, FIRST } from "./pads.js";

const MOST_SIGNS = 4; // more keys than that are named by the first and the last

/**
 * Rows of the list: what to press and what it does. Pure.
 * @param {object} world its listing
 * @param {{signOf: (code: string) => string, hasGamepad: boolean}} device
 * @returns {{signs: string[], text: string}[]}
 */
export function hintsFor(world, { signOf, hasGamepad }) {
  const keys = keysOf(world);
  const rows = byLabel(keys.filter(({ isSpare }) => !isSpare).map((key) => [key.label, signOf(key.code)]));
  const known = new Set(rows.map(({ text }) => text));
  const clicks = mouseButtonsOf(world).filter(({ label }) => !known.has(label));
  rows.push(...byLabel(clicks.map(({ label, sign }) => [label, sign])));
  if (hasCamera(world)) {
    rows.push({ signs: ["mouse"], text: "look around" });
    rows.push({ signs: ["Esc"], text: "free the mouse" });
  }
  if (hasGamepad) rows.push(...gamepadRows(world));
  for (const [code, sign, text] of [["KeyR", signOf("KeyR"), "begin anew"], ["F3", "F3", "figures"]]) {
    if (!keys.some((key) => key.code === code)) rows.push({ signs: [sign], text });
  }
  return rows;
}

function gamepadRows(world) {
  const pads = padButtonsOf(world);
  const labels = new Map(
    [...keysOf(world), ...mouseButtonsOf(world)].map(({ button, label }) => [button, label]),
  );
  const moved = pads.get(DIRECTIONS.find((direction) => pads.has(direction)));
  const rows = moved ? [{ signs: ["left stick"], text: labels.get(moved) }] : [];
  if (hasCamera(world)) rows.push({ signs: ["right stick"], text: "look around" });
  if (pads.has(FIRST)) rows.push({ signs: ["A or ✕"], text: labels.get(pads.get(FIRST)) });
  return rows;
}

/** One label with all its signs, in the order in which labels first appear. */
function byLabel(pairs) {
  const rows = new Map();
  for (const [label, sign] of pairs) rows.set(label, [...(rows.get(label) ?? []), sign]);
  return [...rows].map(([text, signs]) => ({ text, signs: shortened(signs) }));
}

function shortened(signs) {
  return signs.length > MOST_SIGNS ? [signs[0], "…", signs.at(-1)] : signs;
}

/** Shows the rows in a definition list. */
export function showHints(list, rows) {
  list.replaceChildren(
    ...rows.map(({ signs, text }) => {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      term.append(...signs.map((sign) => textElement(sign === "…" ? "span" : "kbd", sign)));
      row.append(term, textElement("dd", text));
      return row;
    }),
  );
}

function textElement(tag, textContent) {
  return Object.assign(document.createElement(tag), { textContent });
}
