// What each state says to the player: what is going on, why, and what happens next. Pure text.

const STEPS = {
  session: "Asking for a world of your own.",
  starting: "A machine is reading the last few frames of the place you chose.",
  picture: "Your world is awake. Its first frame is on the way.",
  moving: "Your world is moving to another machine. It goes on where it stopped.",
};
const BLOCKED =
  "This browser plays no video before you tap. Your world is awake and waits for you.";

/**
 * The screen over the picture, or null when there is none (the title, and the world itself).
 * @param {object} state of `states.js`
 * @param {boolean} isBlocked the browser wants a tap before it plays the video
 * @returns {{title: string, text: string, isBusy: boolean,
 *   actions: {id: "resume" | "again" | "retry" | "tap" | "leave", label: string}[],
 *   countdown?: {untilMs: number, before: string, then: string, holdsBack: boolean}} | null}
 *   first action first; `countdown`: to a moment of performance.now(), the first action waits for
 *   it where it `holdsBack`
 */
export function screenFor(state, isBlocked = false) {
  if (isBlocked && ["connecting", "live"].includes(state.name)) {
    return screen("Tap to play", BLOCKED, false, [{ id: "tap", label: "Play" }, leave("Cancel")]);
  }
  return SCREENS[state.name]?.(state) ?? null;
}

const SCREENS = {
  connecting({ step, trouble }) {
    if (!trouble) return screen("Connecting", STEPS[step], true, [leave("Cancel")]);
    const retry = { id: "retry", label: "Connect again" };
    return screen("No picture yet", sentence(trouble), false, [retry, leave("Leave")]);
  },
  waiting({ place, etaS }) {
    const text = `Every place is taken just now. Yours is kept, and the world starts by itself. ${wait(etaS)}`;
    return screen(queuePosition(place), text, true, [leave("Leave the line")]);
  },
  paused({ reason }) {
    const text = `${sentence(reason)}Your world is kept as you left it.`;
    const actions = [{ id: "resume", label: "Continue" }, leave("End this dream")];
    return screen("Paused", text, false, actions);
  },
  reconnecting({ reason, attempt, atMs }) {
    const text = `${sentence(reason)}Going back to the same world: attempt ${attempt}.`;
    const actions = [{ id: "retry", label: "Try now" }, leave("Leave")];
    const words = { before: "Next attempt in", then: "Trying.", holdsBack: false };
    return { ...screen("Reconnecting", text, true, actions), countdown: { untilMs: atMs, ...words } };
  },
  refused({ reason, untilMs }) {
    const actions = [{ id: "again", label: "Try again" }, leave("Choose another place")];
    const refusal = screen("Not now", sentence(reason), false, actions);
    if (untilMs === null) return refusal;
    const words = { before: "You can try again in", then: "You can try again now.", holdsBack: true };
    return { ...refusal, countdown: { untilMs, ...words } };
  },
  ended({ reason }) {
    const actions = [{ id: "again", label: "Dream again" }, leave("Choose another place")];
    return screen("This dream has ended", sentence(reason), false, actions);
  },
};

function screen(title, text, isBusy, actions) {
  return { title, text: text.trim(), isBusy, actions };
}

function leave(label) {
  return { id: "leave", label };
}

/** 0 is next. */
export function queuePosition(place) {
  return place === 0 ? "You are next in line" : `${place} ahead of you in line`;
}

/** An honest wait in words; null means that nobody knows. */
export function wait(etaS) {
  if (etaS === null) return "How long is not known yet.";
  if (etaS < 15) return "A few seconds more.";
  if (etaS < 90) return `About ${Math.round(etaS / 10) * 10} seconds.`;
  return `About ${Math.round(etaS / 60)} minutes.`;
}

/** A reason as one sentence followed by a space; nothing when there is none. */
function sentence(reason) {
  if (!reason) return "";
  const text = reason.trim();
  const start = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? `${start} ` : `${start}. `;
}
