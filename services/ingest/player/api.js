// The session service as this page calls it: HTTP and problem details (RFC 9457), nothing else.

const TIMEOUT_MS = 8000;
const OUR_PROBLEMS = "urn:nextframe:problem:"; // as in services/telemetry.py
const PASSING = [408, 409, 429]; // the same call may succeed later
const UNAUTHORISED = ["token-invalid", "token-foreign"];

/**
 * Why a call failed, in words for the player. `status` 0: nobody answered. `kind`: the name of one
 * of Nextframe's own problems; null for an answer of anything between (a proxy, a firewall).
 */
export class Problem extends Error {
  constructor({ status, detail, kind = null, retryAfterS = null }) {
    super(detail);
    this.status = status;
    this.kind = kind;
    this.retryAfterS = retryAfterS;
  }

  /** True when Nextframe itself said that the same call cannot succeed later. */
  get isFinal() {
    const isRefusal = this.status >= 400 && this.status < 500 && !PASSING.includes(this.status);
    return this.kind !== null && isRefusal;
  }

  /** True when only the token was refused: the session itself may well go on. */
  get isUnauthorised() {
    return UNAUTHORISED.includes(this.kind);
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
  const { status, headers } = response;
  const retryAfterS = secondsUntil(headers.get("Retry-After"));
  const isProblem = headers.get("Content-Type")?.startsWith("application/problem+json");
  const body = isProblem ? await response.json().catch(() => ({})) : {};
  const type = String(body.type ?? "");
  if (type.startsWith(OUR_PROBLEMS)) {
    const detail = body.detail || body.title || `The service answered ${status}.`;
    return new Problem({ status, detail, kind: type.slice(OUR_PROBLEMS.length), retryAfterS });
  }
  const detail = `Something between this page and the service answered ${status}.`;
  return new Problem({ status, detail, retryAfterS });
}

/** Retry-After in seconds from now, given as seconds or as a date; null without a usable one. */
export function secondsUntil(retryAfter, nowMs = Date.now()) {
  if (/^\d+$/.test(retryAfter ?? "")) return Number(retryAfter);
  const atMs = Date.parse(retryAfter ?? "");
  return Number.isNaN(atMs) ? null : Math.max(Math.ceil((atMs - nowMs) / 1000), 0);
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

  async end({ id, token }) {
    await call(this.#address(id), { method: "DELETE", token, keepalive: true });
  }

  #address(id) {
    return `${this.#url}/v1/sessions/${encodeURIComponent(id)}`;
  }
}
