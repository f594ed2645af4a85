// The operator's page: signs in, asks every few seconds, draws, and passes on what is clicked.

import { api, Problem, token } from "./api.js";
import { el } from "./dom.js";
import { filledNumbers, numberFields } from "./numbers.js";
import { recordingsChoice } from "./recordings.js";
import { runDetail, runRow } from "./runs.js";
import { worldCard } from "./worlds.js";

const ASK_MS = 2000;
const $ = (id) => document.getElementById(id);

let bounds = {}; // of the numbers that a run may change
let chosen = null; // the run that is shown in full
let drawn = {}; // what each place shows, so that an open detail stays open while nothing changes

async function begin() {
  $("console").hidden = $("leave").hidden = !token.get();
  $("sign-in").hidden = Boolean(token.get());
  if (!token.get()) return $("token").focus();
  try {
    showRecipes(await api.recipes());
    await ask();
  } catch (error) {
    failed(error);
  }
}

async function ask() {
  try {
    const [runs, recordings, worlds] = await Promise.all([api.runs(), api.recordings(), api.worlds()]);
    showRecordings(recordings);
    showRuns(runs);
    await showRun(runs.find(({ id }) => id === chosen) ?? runs[0]);
    showWorlds(worlds);
    say("");
  } catch (error) {
    failed(error);
  }
}

function showRuns(runs) {
  const choose = (id) => () => ((chosen = id), ask());
  const rows = runs.map((run) =>
    runRow(run, { isChosen: run.id === (chosen ?? runs[0].id), choose: choose(run.id) }),
  );
  draw("run-list", [runs, chosen], rows.length ? rows : [el("li.quiet", {}, "No run yet.")]);
}

async function showRun(run) {
  if (!run) return draw("run", null, [el("p.quiet", {}, "Train a world, and watch it here.")]);
  const [curves, log] = await Promise.all([api.curves(run.id), api.log(run.id)]);
  const act = {
    cancel: () => take(() => api.cancel(run.id)),
    delete: () => confirm(`Delete run ${run.id} and all it saved?`) && take(() => api.delete(run.id)),
    resume: (overrides) => take(() => api.resume(run.id, overrides)),
  };
  draw("run", [run, curves, log], runDetail(run, { curves, log, bounds }, act));
}

function showRecordings(recordings) {
  const picked = $("recordings-list").querySelector(":checked")?.value;
  draw("recordings-list", recordings, recordingsChoice(recordings, picked));
}

function showWorlds(worlds) {
  const cards = worlds.map((world) =>
    worldCard(world, {
      canary: (digest, share) => take(() => api.canary(world.name, digest, share)),
      promote: (digest) => take(() => api.promote(world.name, digest)),
      rollBack: () => take(() => api.rollBack(world.name)),
    }),
  );
  const none = el("p.quiet", {}, "The registry is empty: a run that ends well publishes its world.");
  draw("world-list", worlds, cards.length ? cards : [none]);
}

/** Redraws a place when what it shows has changed; opened details stay open. */
function draw(id, content, children) {
  const text = JSON.stringify(content);
  if (drawn[id] === text) return;
  drawn[id] = text;
  const open = [...$(id).querySelectorAll("details")].map((details) => details.open);
  $(id).replaceChildren(...children);
  for (const [index, details] of $(id).querySelectorAll("details").entries()) {
    details.open = open[index] ?? false;
  }
}

function showRecipes({ recipes, overrides, need_recordings: needing }) {
  $("recipe").replaceChildren(...Object.keys(recipes).map((name) => el("option", {}, name)));
  $("recipe").onchange = () => {
    const name = $("recipe").value;
    $("recipe-says").textContent = recipes[name];
    $("recordings").hidden = $("recordings").disabled = !needing.includes(name);
  };
  $("recipe").onchange();
  bounds = overrides;
  $("overrides").replaceChildren(...numberFields(bounds));
}

async function submit() {
  const recordings = new FormData($("submit")).get("recordings") ?? "";
  const order = { recipe: $("recipe").value, overrides: filledNumbers($("submit")), recordings };
  await take(async () => (chosen = (await api.submit(order)).id));
}

/** Does one thing that the operator asked for, then looks. */
async function take(step) {
  try {
    await step();
  } catch (error) {
    return failed(error);
  }
  await ask();
}

function failed(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status !== 401) return say(error.message);
  token.forget();
  $("refused").textContent = "That is not the operator's token.";
  begin();
}

function say(text) {
  $("link").textContent = text;
}

$("sign-in").onsubmit = (event) => {
  event.preventDefault();
  token.keep($("token").value);
  $("refused").textContent = $("token").value = "";
  begin();
};
$("submit").onsubmit = (event) => {
  event.preventDefault();
  submit();
};
$("leave").onclick = () => {
  token.forget();
  drawn = {};
  begin();
};
setInterval(() => token.get() && !document.hidden && ask(), ASK_MS);
begin();
