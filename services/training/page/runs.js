// Runs: the list, and one of them in full. Draws what it is given; asks nobody.

import { chart } from "./chart.js";
import { ago, bar, el, number } from "./dom.js";
import { filledNumbers, numberFields, stillOpen } from "./numbers.js";

const STOPPED = ["failed", "cancelled", "interrupted"];

/** One row of the list. */
export function runRow(run, { isChosen, choose }) {
  const row = el(
    "button.run-row",
    { type: "button", onclick: choose },
    el("span.name", {}, run.recipe),
    pill(run.state),
    el("span.quiet", {}, run.stage && run.state === "running" ? run.stage : ago(run.created_at)),
    bar(run.progress, `progress of ${run.id}`),
  );
  if (isChosen) row.setAttribute("aria-current", "true");
  return el("li", {}, row);
}

/** The whole of a run. `bounds`: of the numbers that may be changed; `act`: {cancel, resume, delete}. */
export function runDetail(run, { curves, log, bounds }, act) {
  const others = el("div.numbers", {}, numberFields(stillOpen(bounds, run), run.overrides));
  const resume = () => act.resume(filledNumbers(others));
  return [
    el(
      "header",
      {},
      el("h3", {}, run.recipe, " ", el("small", {}, run.id)),
      pill(run.state),
      ["queued", "running"].includes(run.state) &&
        el("button", { type: "button", onclick: act.cancel }, "Cancel"),
      STOPPED.includes(run.state) &&
        el("button.primary", { type: "button", onclick: resume }, "Resume"),
      [...STOPPED, "done"].includes(run.state) &&
        el("button", { type: "button", onclick: act.delete }, "Delete"),
    ),
    run.reason && el("p.reason", {}, run.reason),
    facts(run),
    el("ol.stages", {}, run.stages.map((stage) => stageRow(stage, run))),
    el("div.curves", {}, Object.entries(curves).map(([name, rows]) => chart(name, rows))),
    el("details", {}, el("summary", {}, "Log"), el("pre.log", {}, log || "It has said nothing yet.")),
    STOPPED.includes(run.state) &&
      el("details", {}, el("summary", {}, "Resume with other numbers"), others),
  ].filter(Boolean);
}

function facts(run) {
  const said = [
    ["Submitted", ago(run.created_at)],
    ["Starts", run.attempt],
    ["Changed", inWords(run.overrides) || "nothing"],
    ...run.changes.map(({ attempt, overrides }) => [`Since start ${attempt}`, inWords(overrides)]),
    ...(run.recordings ? [["Recordings", run.recordings]] : []),
    ...(run.digest ? [["Published", run.digest.slice(0, 12)]] : []),
  ];
  return el("dl.facts", {}, said.map(([term, text]) => el("div", {}, el("dt", {}, term), el("dd", {}, text))));
}

function inWords(overrides) {
  return Object.entries(overrides)
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ");
}

function stageRow(stage, run) {
  const isNow = run.state === "running" && stage.name === run.stage;
  const row = el(
    "li",
    {},
    el("span.name", {}, stage.name),
    bar(stage.progress, `progress of ${stage.name}`),
    el("span.quiet", {}, spent(stage)),
  );
  if (isNow) row.classList.add("now");
  return row;
}

function spent({ minutes, max_minutes: most, step, progress }) {
  if (most === null) return progress === 1 ? "done" : "";
  return `${number(minutes, 1)} of ${number(most, 1)} min, step ${step}`;
}

export function pill(word) {
  return el(`span.pill.${word.replaceAll(" ", "-")}`, {}, word);
}
