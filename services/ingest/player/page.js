// The page: wires the player to the document, the hands and the HUD. Decides nothing about
// sessions; the stable hooks for any browser test are `#play`, `video#view` and
// `window.nextframe.stats()`.

import { encodeAction } from "./action.js";
import { call, Problem, SessionApi } from "./api.js";
import { Controls } from "./controls.js";
import { Hands } from "./hands.js";
import { Hud } from "./hud.js";
import { Notice } from "./notice.js";
import { Overlay } from "./overlay.js";
import { Player } from "./player.js";
import { screenFor } from "./screens.js";
import { ActionSender } from "./sender.js";
import { StartPicker } from "./starts.js";
import { isOpen } from "./states.js";
import { TouchPad } from "./touch.js";

const WORLDS_RETRY_MS = 2000;
const HIDDEN_PAUSE_MS = 60_000; // a tab nobody sees gives its place to somebody who plays

const view = document.getElementById("view");
const play = document.getElementById("play");
const offer = document.getElementById("offer");
const address = new URLSearchParams(location.search);

const { session_url: sessionUrl } = await (await call("/config.json")).json();
const api = new SessionApi(sessionUrl);
const player = new Player(api, {
  state: onState,
  stream: onStream,
  reset: onReset,
  trouble: onTrouble,
});
const overlay = new Overlay(document.getElementById("overlay"), act);
const notice = new Notice(document.getElementById("notice"), player);
const hud = new Hud(document.getElementById("hud"), player);
const starts = document.getElementById("starts");
const picker = new StartPicker(starts, document.getElementById("backdrop"));
let hands = null;
let playing = null; // what listens to the hands while a session is live

window.nextframe = Object.freeze({
  stats: () => ({
    state: player.state.name,
    session_id: player.session?.id ?? null,
    fps: player.stats.fps(performance.now()),
    action_to_photon_ms: player.stats.actionToPhoton,
    frames: player.stats.frames,
    level: player.stats.level,
    speculative_share: player.stats.speculativeShare,
  }),
});

listen();
const missing = missingFeature();
if (missing) offer.textContent = missing;
else await offerWorlds();

/** What this browser lacks, as a sentence; null when it can play. */
function missingFeature() {
  const canShow = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
  if ("RTCPeerConnection" in window && canShow) return null;
  return "This browser cannot show a live world: it lacks WebRTC video. A newer one can.";
}

/** Asks for the worlds until there is one: a fresh system may still be warming up. */
async function offerWorlds() {
  for (;;) {
    const worlds = await worldsOnOffer();
    if (worlds.length > 0) return showWorlds(worlds);
    await new Promise((resolve) => setTimeout(resolve, WORLDS_RETRY_MS));
  }
}

async function worldsOnOffer() {
  try {
    const worlds = await api.worlds();
    offer.textContent = "No world is awake yet. This page starts by itself when one is.";
    return worlds;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    offer.textContent = `${problem.message} Trying again.`;
    return [];
  }
}

function showWorlds(worlds) {
  const wanted = { world: address.get("world"), start: number(address.get("start")) };
  picker.show(worlds, wanted);
  showKeys();
  const isThere = !wanted.world || picker.world.name === wanted.world;
  offer.textContent = isThere ? "" : `There is no world named "${wanted.world}" here.`;
  play.disabled = false;
}

/** The keys that the chosen world knows. */
function showKeys() {
  for (const row of document.querySelectorAll(".keys [data-button]")) {
    row.hidden = !picker.world.buttons.includes(row.dataset.button);
  }
}

function begin() {
  const { world, start } = picker;
  hands = new Hands(world.buttons);
  document.body.classList.remove("dreamt");
  const seed = number(address.get("seed"));
  player.play({ world: world.name, start, ...(seed === null ? {} : { seed }) });
}

function onState(state) {
  document.body.dataset.state = state.name;
  document.getElementById("title").inert = state.name !== "idle";
  if (state.name === "live") takeControl();
  else loseControl();
  if (state.name === "live") document.body.classList.add("dreamt");
  else keepStill();
  if (!isOpen(state)) view.srcObject = null;
  notice.update();
  overlay.show(screenFor(state));
}

/** The last frame stays on the screen behind the words; a closed connection leaves a black one. */
function keepStill() {
  if (!view.videoWidth) return;
  const still = document.getElementById("still");
  still.width = view.videoWidth;
  still.height = view.videoHeight;
  still.getContext("2d").drawImage(view, 0, 0);
}

function takeControl() {
  const { world } = picker;
  const sender = new ActionSender({ send: sendAction, periodMs: 1000 / world.fps });
  const changed = () => sender.changed();
  const controls = new Controls(view, hands, changed);
  const pad = document.getElementById("pad");
  playing = [sender, controls, new TouchPad(pad, hands, changed, world.degrees_per_count)];
  if (matchMedia("(pointer: fine)").matches) controls.lockPointer();
}

function loseControl() {
  playing?.forEach((part) => part.close());
  playing = null;
}

function sendAction() {
  const action = hands.take(performance.timeOrigin + performance.now());
  if (player.send(encodeAction(action))) player.stats.actionSent(action.seq, performance.now());
}

function onStream(stream) {
  view.srcObject = stream;
  const shown = (_, metadata) => {
    if (view.srcObject !== stream) return;
    player.frameShown(metadata);
    view.requestVideoFrameCallback(shown);
  };
  view.requestVideoFrameCallback(shown);
}

function act(id) {
  if (id === "resume") player.resume();
  if (id === "again") begin();
  if (id === "leave") leave();
}

function leave() {
  player.leave();
  play.focus();
}

/** The world begins anew where this dream began; the session stays. */
function reset() {
  if (player.reset()) notice.pass("Going back to where this dream began.");
}

function onReset() {
  notice.pass("Back where this dream began.");
}

function onTrouble(reason) {
  notice.pass(reason);
}

function listen() {
  starts.addEventListener("change", showKeys);
  document.getElementById("choice").addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  document.getElementById("leave").addEventListener("click", leave);
  document.getElementById("reset").addEventListener("click", reset);
  document.getElementById("figures").addEventListener("click", () => hud.toggle());
  document.getElementById("whole").addEventListener("click", toggleFullscreen);
  document.getElementById("tools").addEventListener("click", (event) => {
    if (event.detail > 0) document.activeElement.blur(); // by mouse: Space is for the world again
  });
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code === "KeyR") reset();
    if (event.code !== "F3") return;
    event.preventDefault(); // the browser's own search
    hud.toggle();
  });
  window.addEventListener("pagehide", () => player.leave({ keepalive: true }));
  let hiddenTimer = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    const rest = () => player.pause("This page was out of sight for a while.");
    if (document.hidden) hiddenTimer = setTimeout(rest, HIDDEN_PAUSE_MS);
  });
  document.addEventListener("pointerlockchange", () =>
    document.body.classList.toggle("locked", document.pointerLockElement === view),
  );
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
}

/** A whole number from the address, or null. */
function number(text) {
  return /^\d+$/.test(text ?? "") ? Number(text) : null;
}
