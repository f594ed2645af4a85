// The session service as this page calls it: the operator's token, and problem details (RFC 9457).

const TIMEOUT_MS = 15_000;
const KEPT = "nextframe-session-operator-token"; // for this tab only

/** Why a call failed, in words for the operator. `status` 0: nobody answered. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEPT),
  keep: (value) => sessionStorage.setItem(KEPT, value),
  forget: () => sessionStorage.removeItem(KEPT),
};

export const api = {
  status: () => call("operator/status"),
  replicas: async () => (await call("operator/replicas?limit=200")).replicas,
  sessions: (limit) => call(`operator/sessions?limit=${limit}`),
  blocks: async () => (await call("operator/blocks?limit=200")).blocks,
  worlds: async () => (await call("worlds")).worlds,
  drain: (id, anyway) => call(`operator/replicas/${id}/drain`, { anyway }),
  undrain: (id) => call(`operator/replicas/${id}/undrain`, {}),
  move: (id) => call(`operator/sessions/${id}/move`, {}),
  end: (id, reason) => call(`operator/sessions/${id}/end`, { reason }),
  block: (order) => call("operator/blocks", order),
  unblock: (address) => call(`operator/blocks/${address}`, undefined, "DELETE"),
};

/** GET, or POST where there is a body, or another method. */
async function call(path, body, method = body === undefined ? "GET" : "POST") {
  const headers = { Authorization: `Bearer ${token.get()}`, "Content-Type": "application/json" };
  const options = { method, body: body === undefined ? undefined : JSON.stringify(body) };
  let response;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    response = await fetch(`/v1/${path}`, { cache: "no-store", headers, signal, ...options });
  } catch {
    throw new Problem(0, "The session service does not answer.");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Problem(response.status, problem.detail || `It answered ${response.status}.`);
  }
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}
