// The session service as this page calls it: HTTP and problem details (RFC 9457), nothing else.

const TIMEOUT_MS = 8000;

/** Why a call failed, in words for the player. `status` 0: nobody answered. */
export class Problem extends Error {
  constructor({ status, detail, retryAfterS = null }) {
    super(detail);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  /** True when the same call cannot succeed later: the session, or the right to it, is gone. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![408, 409, 429].includes(this.status);
  }
}

/** One HTTP call; throws a Problem on anything but a 2xx answer. */
export async function call(url, { token, ...options } = {}) {
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    response = await fetch(url, { cache: "no-store", signal, ...options, headers });
  } catch {
    throw new Problem({ status: 0, detail: "The service does not answer." });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const retryAfterS = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new Problem({
    status: response.status,
    detail: body.detail || body.title || `The service answered ${response.status}.`,
    retryAfterS: Number.isNaN(retryAfterS) ? null : retryAfterS,
  });
}

export class SessionApi {
  #url;

  /** @param {string} sessionUrl the session service's origin, from /config.json */
  constructor(sessionUrl) {
    this.#url = sessionUrl.replace(/\/$/, "");
  }

  /** Worlds on offer: [{name, fps, buttons, degrees_per_count, starts: [{index, name, image}]}] */
  async worlds() {
    return (await (await call(`${this.#url}/v1/worlds`)).json()).worlds;
  }

  /** A new session: {id, token, status, position?, whep_url, actions_url, ice_servers, ...} */
  async create(choice) {
    const response = await call(`${this.#url}/v1/sessions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(choice),
    });
    return response.json();
  }

  /** How the session is: {status, position?, eta_s?, reason?, token}, with a fresh token. */
  async read({ id, token }) {
    return (await call(this.#address(id), { token })).json();
  }

  /** Ends the session. `keepalive` lets the call outlive the page. */
  async end({ id, token }, { keepalive = false } = {}) {
    await call(this.#address(id), { method: "DELETE", token, keepalive });
  }

  #address(id) {
    return `${this.#url}/v1/sessions/${encodeURIComponent(id)}`;
  }
}
