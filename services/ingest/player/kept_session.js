// The session of this tab, kept over a reload and over Back: the tab's own storage, which no other
// tab sees and which ends with it.

const KEY = "nextframe.session";

export class KeptSession {
  #storage;

  /** @param {() => Storage} storage may throw: browsers can forbid it, and then nothing is kept */
  constructor(storage = () => sessionStorage) {
    this.#storage = storage;
  }

  /** What was kept last: {session, world, count}; null when there is nothing of use. */
  read() {
    try {
      const kept = JSON.parse(this.#storage().getItem(KEY));
      return kept?.session?.id && kept.session.token && kept.world?.buttons ? kept : null;
    } catch {
      return null;
    }
  }

  /**
   * @param {object} session as the service gave it, with its newest token
   * @param {object} world its listing; its starts' images are not kept
   * @param {{seq: number, x: number, y: number}} count of the input: the world goes on counting
   */
  keep(session, world, count) {
    const kept = { session, world: { ...world, starts: [] }, count };
    try {
      this.#storage().setItem(KEY, JSON.stringify(kept));
    } catch {
      // Without storage a reload begins anew; playing does not need it.
    }
  }

  forget() {
    try {
      this.#storage().removeItem(KEY);
    } catch {
      // Nothing was kept.
    }
  }
}
