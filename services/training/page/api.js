// The training service as this page calls it: the operator's token, and problem details (RFC 9457).

const TIMEOUT_MS = 15_000;
const KEPT = "nextframe-operator-token"; // for this tab only

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
  recipes: () => call("recipes"),
  runs: async () => (await call("runs")).runs,
  curves: async (id) => (await call(`runs/${id}/curves`)).curves,
  log: (id) => call(`runs/${id}/log?lines=60`),
  recordings: async () => (await call("recordings")).recordings,
  submit: (order) => call("runs", order),
  cancel: (id) => call(`runs/${id}/cancel`, {}),
  resume: (id, overrides) => call(`runs/${id}/resume`, { overrides }),
  delete: (id) => call(`runs/${id}`, undefined, "DELETE"),
  worlds: async () => (await call("worlds")).worlds,
  canary: (world, digest, share) => call(`worlds/${world}/canary`, { digest, share }),
  promote: (world, digest) => call(`worlds/${world}/promote`, { digest }),
  rollBack: (world) => call(`worlds/${world}/rollback`, {}),
};

/** GET, or POST where there is a body, or another method. */
async function call(path, body, method = body === undefined ? "GET" : "POST") {
  const headers = { Authorization: `Bearer ${token.get()}`, "Content-Type": "application/json" };
  const options = { method, body: body === undefined ? undefined : JSON.stringify(body) };
  let response;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    response = await fetch(`v1/${path}`, { cache: "no-store", headers, signal, ...options });
  } catch {
    throw new Problem(0, "The training service does not answer.");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Problem(response.status, problem.detail || `It answered ${response.status}.`);
  }
  if (response.status === 204) return null;
  const isJson = response.headers.get("Content-Type").includes("json");
  return isJson ? response.json() : response.text();
}
