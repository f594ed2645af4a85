// Numbers of a recipe that may be changed: a field for each, and what was filled in.

import { el } from "./dom.js";

/** `bounds`: name → {kind, min, max}; `now`: name → value, of those that are changed already. */
export function numberFields(bounds, now = {}) {
  return Object.entries(bounds).map(([name, { kind, min, max }]) =>
    el(
      "label",
      {},
      name,
      el("input", {
        type: "number",
        name,
        min,
        max,
        step: kind === "int" ? 1 : "any",
        placeholder: now[name] ?? "as it is",
      }),
    ),
  );
}

/** Name → value, of the fields in `place` that are not empty. */
export function filledNumbers(place) {
  const given = [...place.querySelectorAll("input[type=number]")].filter(({ value }) => value);
  return Object.fromEntries(given.map(({ name, value }) => [name, Number(value)]));
}

/** Of `bounds`, what a run that stopped can still be told: nothing for stages that are done. */
export function stillOpen(bounds, { stage, stages }) {
  const done = stage ? stages.slice(0, stages.findIndex(({ name }) => name === stage)) : [];
  const isOpen = ([name]) => !done.some((stage) => name.startsWith(`${stage.name}.`));
  return Object.fromEntries(Object.entries(bounds).filter(isOpen));
}
