// The page: wires the player to the document, the input and the HUD. Decides nothing about
// sessions; the stable hooks for any browser test are `#play`, `video#view` and
// `window.nextframe.stats()`.

import { encodeAction } from "./action.js";
import { call, SessionApi } from "./api.js";
import { missingFeature } from "./capabilities.js";
import { isReturn, lookAfter } from "./going_on.js";
import { InputState } from "./input_state.js";
import { Hud } from "./hud.js";
import { KeptSession } from "./kept_session.js";
import { hasCamera, keysOf } from "./keys.js";
import { Notice } from "./notice.js";
import { Overlay } from "./overlay.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";
import { Playing } from "./playing.js";
import { screenFor } from "./screens.js";
import { Title } from "./title.js";

const HIDDEN_PAUSE_MS = 60_000; // a tab nobody sees gives its place to somebody who plays

const element = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);
const { session_url: sessionUrl, video } = await (await call("/config.json")).json();
const api = new SessionApi(sessionUrl);
const kept = new KeptSession();
const player = new Player(api, {
  state: onState,
  session: keep,
  stream: (stream) => picture.show(stream),
  reset: () => notice.pass("Back where this dream began."),
  trouble: (reason) => notice.pass(reason),
});
const picture = new Picture(element("view"), element("still"), {
  shown: (metadata) => player.frameShown(metadata),
  blocked: () => onState(player.state),
});
const overlay = new Overlay(element("overlay"), act);
const notice = new Notice(element("notice"), player);
const hud = new Hud(element("hud"), player);
const title = new Title(element("title"), element("backdrop"), api);
let world = null; // the listing of the world that is being played
let input = null;
let playing = null; // what listens to the player while a world is live
let resting = null; // a paused session of this tab, which a new world takes the place of
let hiddenTimer = null;

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
const missing = missingFeature(video, window);
if (missing) title.refuse(missing);
else await Promise.all([offerReturn(isReturn()), title.offerWorlds(wanted())]);

function wanted() {
  return { world: address.get("world"), start: number(address.get("start")) };
}

/** The way back into this tab's world; by itself after a reload or Back, if it is awake. */
async function offerReturn(isWanted) {
  const before = kept.read();
  const { isAlive, isAwake, news } = await lookAfter(before, api);
  if (player.state.name !== "idle") return; // the player was quicker
  if (!isAlive) kept.forget();
  resting = isAlive && !isAwake ? before.session : null;
  title.offerReturn(isAlive, news);
  if (isAwake && isWanted) goOn();
}

function goOn() {
  const { session, world: listing, count } = kept.read();
  world = listing;
  input = new InputState(world.buttons, count);
  player.rejoin(session);
}

/** A new world. A paused one makes room for it; a live one may be played in a copy of this tab. */
function begin() {
  if (resting) api.end(resting).catch(() => {}); // it ends by itself, later
  resting = null;
  const { start } = title.picker;
  world = title.picker.world ?? world;
  input = new InputState(world.buttons);
  document.body.classList.remove("dreamt");
  const seed = number(address.get("seed"));
  player.play({ world: world.name, start, ...(seed === null ? {} : { seed }) });
}

/** Over a reload: the session with its newest token, or nothing once it is over. */
function keep(session) {
  if (session) kept.keep(session, world, input.count);
  else kept.forget();
}

function onState(state) {
  document.body.dataset.state = state.name;
  element("title").inert = state.name !== "idle";
  playing?.close();
  playing = state.name === "live" && !picture.isBlocked ? takeControl() : null;
  if (state.name === "live") document.body.classList.add("dreamt");
  else picture.keepStill();
  if (["idle", "refused", "ended"].includes(state.name)) picture.stop();
  if (state.name === "idle") offerReturn(false);
  notice.update();
  overlay.show(screenFor(state, picture.isBlocked));
}

function takeControl() {
  element("hint").hidden = !hasCamera(world);
  const elements = { view: element("view"), pad: element("pad") };
  return new Playing(elements, input, world, { send, say: (hint) => notice.pass(hint) });
}

function send() {
  input.catchUp(player.stats.heardSeq); // where an earlier page could not say how far it came
  const action = input.take(performance.timeOrigin + performance.now());
  if (player.send(encodeAction(action))) player.stats.actionSent(action.seq, performance.now());
}

function act(id) {
  if (id === "retry" || id === "resume") player.retry();
  if (id === "again") begin();
  if (id === "tap") picture.play();
  if (id === "leave") leave();
}

function leave() {
  player.leave();
  element("play").focus();
}

/** The world begins anew where this dream began; the session stays. */
function reset() {
  if (player.reset()) notice.pass("Going back to where this dream began.");
}

function listen() {
  element("choice").addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  element("go-on").addEventListener("click", goOn);
  element("leave").addEventListener("click", leave);
  element("reset").addEventListener("click", reset);
  element("figures").addEventListener("click", () => hud.toggle());
  element("whole").addEventListener("click", toggleFullscreen);
  element("tools").addEventListener("click", (event) => {
    if (event.detail > 0) document.activeElement.blur(); // by mouse: Space is for the world again
  });
  document.addEventListener("keydown", onKeyDown);
  window.addEventListener("pagehide", rest);
  window.addEventListener("pageshow", ({ persisted }) => persisted && player.wake());
  document.addEventListener("visibilitychange", onVisibility);
  document.addEventListener("pointerlockchange", () => {
    document.body.classList.toggle("locked", document.pointerLockElement === element("view"));
  });
}

/** The page's own keys, while a world is played that does not use them itself. */
function onKeyDown(event) {
  if (player.state.name !== "live" || event.repeat) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (keysOf(world).some(({ code }) => code === event.code)) return;
  if (event.code === "KeyR") reset();
  if (event.code !== "F3") return;
  event.preventDefault(); // the browser's own search
  hud.toggle();
}

function rest() {
  if (player.session && kept.read()?.session.id === player.session.id) keep(player.session);
  player.rest();
}

function onVisibility() {
  clearTimeout(hiddenTimer);
  player.setVisible(!document.hidden);
  const pause = () => player.pause("This page was out of sight for a while.");
  if (document.hidden) hiddenTimer = setTimeout(pause, HIDDEN_PAUSE_MS);
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
}

/** A whole number from the address, or null. */
function number(text) {
  return /^\d+$/.test(text ?? "") ? Number(text) : null;
}
