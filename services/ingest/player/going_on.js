// What became of the world that this tab has played before: it goes on, it can be gone on with, or
// it is over. Knows no document.

import { Problem } from "./api.js";

const EXPIRED = "Your last world is over: it was left for too long.";

/**
 * Asks after a kept session.
 * @param {{session: object, world: object, count: object} | null} kept of `KeptSession`
 * @param {import("./api.js").SessionApi} api
 * @returns {Promise<{isAlive: boolean, isAwake: boolean, news: string}>} `isAwake`: nobody has to
 *   wait to go on; `news`: for the player
 */
export async function lookAfter(kept, api) {
  if (!kept) return { isAlive: false, isAwake: false, news: "" };
  try {
    const { status, reason, token } = await api.read(kept.session);
    kept.session.token = token ?? kept.session.token;
    if (status === "ended") return over(reason ? `Your last world has ended. ${reason}` : EXPIRED);
    return { isAlive: true, isAwake: status !== "paused", news: "" };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.isFinal) return over(EXPIRED);
    return { isAlive: true, isAwake: false, news: "" }; // nobody knows: going on will say it
  }
}

function over(news) {
  return { isAlive: false, isAwake: false, news };
}

/** Whether this page came by a reload or by Back or Forward: the player did not mean to begin anew. */
export function isReturn() {
  const [navigation] = performance.getEntriesByType("navigation");
  return ["reload", "back_forward"].includes(navigation?.type);
}
