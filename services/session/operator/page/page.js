// The operator's page: signs in, asks every two seconds, draws, and passes on what is clicked.

import { api, Problem, token } from "./api.js";
import { duration, el, short } from "./dom.js";
import { replicaCard } from "./replicas.js";

const ASK_MS = 2000;
const PAGE = 50;
const READ_MS = 8000;
const MOST = 200; // sessions on the page
const $ = (id) => document.getElementById(id);

let limit = PAGE;
let pictures = {}; // of worlds, by name
let shownUntil = 0; // a refusal stays for so long, although the next look succeeds
let drawn = {}; // what each place shows, so that a button under the pointer stays

async function ask() {
  if (!token.get() || document.hidden) return;
  try {
    const [status, replicas, sessions, blocks, worlds] = await Promise.all([
      api.status(), api.replicas(), api.sessions(limit), api.blocks(), api.worlds(),
    ]);
    pictures = Object.fromEntries(worlds.map((world) => [world.name, pictureOf(world)]));
    showStatus(status);
    showReplicas(replicas);
    showSessions(sessions);
    showBlocks(blocks);
    if (Date.now() > shownUntil) $("link").textContent = "";
  } catch (error) {
    failed(error);
  }
}

const pictureOf = (world) => world.preview || world.starts[0]?.image || "";

function showStatus(status) {
  const waiting = status.waiting.reduce((sum, { sessions }) => sum + sessions, 0);
  const lines = status.waiting.map(({ world, sessions }) => `${world} ${sessions}`).join(", ");
  const share = status.redis.used_bytes / status.redis.budget_bytes;
  draw("status", status, [
    tile("Playing", status.held, `${status.open} open, ${status.paused} paused`),
    tile("Waiting", waiting, lines || "nobody"),
    tile("Slots", `${status.used} / ${status.slots}`, "used of those offered"),
    tile("Replicas", status.replicas, `${status.draining} draining`),
    tile("Memory", `${Math.round(100 * share)} %`, "of Redis for worlds"),
  ]);
}

function tile(name, value, detail) {
  return el("div.tile", {}, el("dt", {}, name), el("dd", {}, String(value)), el("dd.quiet", {}, detail));
}

function showReplicas(replicas) {
  const cards = replicas.map((replica) =>
    replicaCard(replica, {
      drain: () => drain(replica),
      undrain: () => take(() => api.undrain(replica.id)),
    }),
  );
  draw("replicas", replicas, cards.length ? cards : [el("li.quiet", {}, "No replicas.")]);
}

/** The last replica of a version is drained only after a second question. */
async function drain(replica) {
  if (!confirm(`Drain ${short(replica.id)}? Its ${replica.used} worlds go on elsewhere.`)) return;
  await take(async () => {
    try {
      await api.drain(replica.id, false);
    } catch (error) {
      if (error.status !== 409 || !confirm(`${error.message}\n\nDrain anyway?`)) throw error;
      await api.drain(replica.id, true);
    }
  });
}

function showSessions({ sessions, next }) {
  const rows = sessions.map((session) => {
    const picture = pictures[session.world];
    const end = () => {
      const reason = prompt("What shall the player read?", "An operator ended your session.");
      return reason && take(() => api.end(session.id, reason));
    };
    return el(
      "tr",
      {},
      el("td", {}, picture ? el("img", { src: picture, alt: "", width: 64, height: 40 }) : null),
      el("td", { title: session.id }, short(session.id)),
      el(`td.${session.status}`, {}, session.status),
      el("td", {}, session.world),
      el("td", { title: session.replica_id ?? "" }, short(session.replica_id ?? "–")),
      el("td", {}, session.address ?? "–"),
      el("td.number", {}, duration(session.age_s)),
      el("td.number", {}, String(session.owners)),
      el(
        "td.acts",
        {},
        session.replica_id ? el("button", { onclick: () => take(() => api.move(session.id)) }, "Move") : null,
        el("button", { onclick: end }, "End"),
        session.address ? el("button", { onclick: () => offerBlock(session) }, "Block") : null,
      ),
    );
  });
  const none = el("tr", {}, el("td.quiet", { colSpan: 9 }, "No sessions."));
  draw("sessions", [sessions, pictures], rows.length ? rows : [none]);
  $("more").hidden = !next || limit >= MOST;
}

function offerBlock({ address }) {
  $("address").value = address;
  $("reason").focus();
}

function showBlocks(blocks) {
  const rows = blocks.map((block) =>
    el(
      "li",
      {},
      el("b", {}, block.address),
      ` until ${new Date(block.expires_at).toLocaleString()} `,
      el("span.quiet", {}, block.reason),
      el("button", { onclick: () => take(() => api.unblock(block.address)) }, "Take back"),
    ),
  );
  const shown = blocks.map(({ address, reason }) => [address, reason]);
  draw("blocks", shown, rows.length ? rows : [el("li.quiet", {}, "None.")]);
}

/** Draws a place anew only if what it shows has changed. */
function draw(id, content, children) {
  const key = JSON.stringify(content);
  if (drawn[id] === key) return;
  drawn[id] = key;
  $(id).replaceChildren(...children);
}

async function take(action) {
  try {
    await action();
    await ask();
  } catch (error) {
    failed(error);
  }
}

function failed(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) {
    token.forget();
    begin();
  }
  showProblem(error.message);
}

function showProblem(text) {
  $("link").textContent = text;
  shownUntil = Date.now() + READ_MS;
}

function begin() {
  $("console").hidden = $("leave").hidden = !token.get();
  $("sign-in").hidden = Boolean(token.get());
  drawn = {};
  if (token.get()) ask();
  else $("token").focus();
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token.keep($("token").value.trim());
  $("token").value = "";
  begin();
});
$("leave").addEventListener("click", () => {
  token.forget();
  begin();
});
$("more").addEventListener("click", () => {
  limit = Math.min(MOST, limit + PAGE);
  ask();
});
$("block").addEventListener("submit", (event) => {
  event.preventDefault();
  const order = {
    address: $("address").value.trim(),
    minutes: Number($("minutes").value),
    reason: $("reason").value,
    end_sessions: $("end-sessions").checked,
  };
  take(async () => {
    await api.block(order);
    $("address").value = $("reason").value = "";
    $("end-sessions").checked = false;
  });
});
document.addEventListener("visibilitychange", ask);
setInterval(ask, ASK_MS);
begin();
