// What each state says to the player: what is going on, why, and what happens next. Pure text.

const STEPS = {
  session: "Asking for a world of your own.",
  starting: "A machine is reading the last few frames of the place you chose.",
  picture: "Your world is awake. Its first frame is on the way.",
  moving: "Your world is moving to another machine. It goes on where it stopped.",
};

/**
 * The screen over the picture, or null when there is none (the title, and the world itself).
 * @returns {{title: string, text: string, isBusy: boolean,
 *   actions: {id: "resume" | "again" | "leave", label: string}[]} | null} first action first
 */
export function screenFor(state) {
  switch (state.name) {
    case "connecting":
      return screen("Connecting", STEPS[state.step], true, [leave("Cancel")]);
    case "waiting":
      return screen(
        placeInLine(state.place),
        `Every place is taken just now. Yours is kept, and the world starts by itself. ${wait(state.etaS)}`,
        true,
        [leave("Leave the line")],
      );
    case "paused":
      return screen("Paused", `${sentence(state.reason)}Your world is kept as you left it.`, false, [
        { id: "resume", label: "Continue" },
        leave("Leave"),
      ]);
    case "reconnecting":
      return screen(
        "Reconnecting",
        `${sentence(state.reason)}Going back to the same world: attempt ${state.attempt}${soon(state.inMs)}.`,
        true,
        [leave("Leave")],
      );
    case "ended":
      return screen("This dream has ended", sentence(state.reason) + again(state.retryAfterS), false, [
        { id: "again", label: "Dream again" },
        leave("Choose another place"),
      ]);
    default:
      return null;
  }
}

function screen(title, text, isBusy, actions) {
  return { title, text: text.trim(), isBusy, actions };
}

function leave(label) {
  return { id: "leave", label };
}

/** 0 is next. */
export function placeInLine(place) {
  return place === 0 ? "You are next in line" : `${place} ahead of you in line`;
}

/** An honest wait in words; null means that nobody knows. */
export function wait(etaS) {
  if (etaS === null) return "How long is not known yet.";
  if (etaS < 15) return "A few seconds more.";
  if (etaS < 90) return `About ${Math.round(etaS / 10) * 10} seconds.`;
  return `About ${Math.round(etaS / 60)} minutes.`;
}

function soon(inMs) {
  return inMs < 1000 ? "" : ` in ${Math.round(inMs / 1000)} s`;
}

function again(retryAfterS) {
  return retryAfterS === null ? "" : `Try again in ${Math.ceil(retryAfterS)} s.`;
}

/** A reason as one sentence followed by a space; nothing when there is none. */
function sentence(reason) {
  if (!reason) return "";
  const text = reason.trim();
  const start = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? `${start} ` : `${start}. `;
}
