// Worlds: which version players get, how each was judged and how its sessions fare.

import { ago, el, number } from "./dom.js";
import { pill } from "./runs.js";

const SHARES = [0.05, 0.1, 0.25, 0.5];
const FIGURES = [
  ["psnr_16", "PSNR 16", 1],
  ["action_f1", "action F1", 2],
  ["frechet_student", "Fréchet", 1],
  ["motion_ratio_300", "motion 300", 2],
];

/** `act`: {canary(digest, share), promote(digest), rollBack()}. */
export function worldCard(world, act) {
  return el(
    "article.world",
    {},
    el(
      "header",
      {},
      el("h3", {}, world.name),
      el("p.quiet", {}, sentence(world)),
      (world.canary || world.previous) &&
        el("button", { type: "button", onclick: act.rollBack }, "Roll back"),
    ),
    world.comparison && advice(world.comparison),
    el(
      "div.scroll",
      {},
      el("table", {}, head(), el("tbody", {}, world.versions.map((v) => versionRow(v, world, act)))),
    ),
    history(world.steps),
  );
}

function sentence(world) {
  if (!world.current) return "Nothing is released: newcomers get whatever replicas serve.";
  if (!world.canary) return "Newcomers get the current version.";
  return `${Math.round(100 * world.canary_share)} % of newcomers get the canary.`;
}

function advice({ advice: word, reasons }) {
  return el("div.advice", {}, pill(word), el("ul", {}, reasons.map((reason) => el("li", {}, reason))));
}

function head() {
  const names = ["Version", "", "Judge", ...FIGURES.map(([, name]) => name), "Played", "fps", "Broke", "Served by", ""];
  return el("thead", {}, el("tr", {}, names.map((name) => el("th", {}, name))));
}

function versionRow(version, world, act) {
  const { live, verdict } = version;
  return el(
    "tr",
    { title: `from ${version.folder}` },
    el("td", {}, el("code", {}, version.digest.slice(0, 12)), el("br"), el("span.quiet", {}, ago(version.created_at))),
    el("td", {}, pill(version.role)),
    el("td", {}, judgement(verdict)),
    FIGURES.map(([key, , digits]) => el("td.number", {}, number(version.figures[key], digits))),
    el("td.number", {}, live ? `${live.sessions}` : "–"),
    el("td.number", {}, live?.frames ? number(live.fps, 1) : "–"),
    el("td.number", {}, live ? `${live.failed + live.lost + live.refused}` : "–"),
    el("td.number", {}, version.replicas ? `${version.replicas} (${version.used}/${version.slots})` : "nobody"),
    el("td", {}, el("div.acts", {}, steps(version, world, act))),
  );
}

function judgement({ accepted, reasons }) {
  return el(
    "details",
    {},
    el("summary", {}, pill(accepted ? "accepted" : "rejected")),
    el("ul", {}, reasons.map((reason) => el("li", {}, reason))),
  );
}

/** What may be done with a version now. */
function steps({ digest, role, verdict }, world, act) {
  const promote = el("button.primary", { type: "button", onclick: () => act.promote(digest) }, "Promote");
  if (role === "canary" || (!world.current && verdict.accepted)) return [promote];
  const isFree = world.current && !world.canary && role !== "current" && verdict.accepted;
  if (!isFree) return [];
  const share = el("select", { ariaLabel: "Share of newcomers" }, SHARES.map((s) => el("option", { value: s }, `${100 * s} %`)));
  const give = () => act.canary(digest, Number(share.value));
  return [share, el("button", { type: "button", onclick: give }, "Canary")];
}

function history(taken) {
  if (!taken.length) return null;
  const said = taken.toReversed().map((step) =>
    el("li", {}, `${step.action} `, el("code", {}, step.digest.slice(0, 12)), el("span.quiet", {}, ` ${ago(step.at)}`)),
  );
  return el("details", {}, el("summary", {}, "Steps taken"), el("ol.steps", {}, said));
}
