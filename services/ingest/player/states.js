// The states of a player and which may follow which. A state is a frozen object with a `name` and
// what its screen needs; an illegal step is a bug and throws.

/**
 * idle          the title screen
 * connecting    {step: "session" | "starting" | "picture" | "moving", trouble?: why it takes long}
 * waiting       {place: 0 = next, etaS: seconds or null}
 * live
 * paused        {reason}: the world is kept as a snapshot
 * reconnecting  {attempt, atMs, reason}: the same world, a new connection at that time
 * refused       {reason, untilMs: a time or null}: no session was to be had
 * ended         {reason}
 *
 * Times are of performance.now().
 */
const NEXT = {
  idle: ["connecting"],
  connecting: "connecting waiting live paused reconnecting refused ended idle".split(" "),
  waiting: ["waiting", "connecting", "live", "paused", "reconnecting", "ended", "idle"],
  live: ["connecting", "waiting", "paused", "reconnecting", "ended", "idle"],
  paused: ["connecting", "ended", "idle"],
  reconnecting: ["reconnecting", "connecting", "waiting", "live", "paused", "ended", "idle"],
  refused: ["connecting", "idle"],
  ended: ["connecting", "idle"],
};

export const IDLE = Object.freeze({ name: "idle" });

/** The state `to` after `from`; throws when it may not follow. */
export function next(from, to) {
  if (!NEXT[from.name].includes(to.name)) {
    throw new Error(`a player that is ${from.name} cannot become ${to.name}`);
  }
  return Object.freeze({ ...to });
}

/** True while a session is being played or prepared. */
export function isOpen(state) {
  return !["idle", "refused", "ended"].includes(state.name);
}

/**
 * The state that a session's status asks for. `live` is not among them: a player is live when a
 * frame is on the screen, which no status knows.
 * @param {{status: string, position?: number, eta_s?: number, reason?: string}} session
 */
export function stateForStatus({ status, position, eta_s: etaS, reason }) {
  switch (status) {
    case "queued":
      return { name: "waiting", place: position ?? 0, etaS: etaS ?? null };
    case "starting":
      return { name: "connecting", step: "starting" };
    case "live":
      return { name: "connecting", step: "picture" };
    case "paused":
      return { name: "paused", reason: reason ?? "" };
    case "ended":
      return { name: "ended", reason: reason ?? "" };
    default:
      throw new Error(`unknown session status ${JSON.stringify(status)}`);
  }
}

/**
 * The state that a session's status leads to; null where it changes nothing.
 * @param {object} state the state now
 * @param {boolean} isMoving the world is between two machines: the line is not its player's business
 */
export function afterStatus(status, { name, step }, isMoving) {
  const to = stateForStatus(status);
  switch (to.name) {
    case "paused": // our offer wakes a paused world, so until it is awake `paused` is old news
      return name === "live" ? to : null;
    case "waiting":
      return name === "paused" || (isMoving && to.place === 0) ? null : to;
    case "connecting":
      if (isMoving || ["live", "reconnecting", "paused"].includes(name)) return null;
      return to.step === step ? null : to; // with what is known of its trouble
    default:
      return to;
  }
}

const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 5000;

/** How long to wait before attempt 1, 2, 3...: doubling, with up to a quarter of jitter. */
export function backoffMs(attempt, random = Math.random) {
  const ms = Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
  return ms * (1 - random() / 4);
}
