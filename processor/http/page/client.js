// What is asked of the pod that served this page, and of no other host.
//
// The token is kept in sessionStorage: it outlives a reload, and ends with the tab. A cookie would be sent along by
// itself with whatever another site makes the browser ask; localStorage would leave the token on the machine.

const kToken = "once-token";
const kPatienceMs = 8000;

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
  get wantsToken() {
    return this.status === 401;
  }
  // The pod knows no such path: it is of another version than this page, or has that turned off.
  get isMissing() {
    return this.status === 404 || this.status === 501;
  }
}

export const token = {
  get: () => sessionStorage.getItem(kToken) ?? "",
  set: (value) => sessionStorage.setItem(kToken, value),
  forget: () => sessionStorage.removeItem(kToken),
};

async function explain(response) {
  try {
    const body = await response.json();
    if (typeof body.error === "string") return body.error;
  } catch {
    // Not all that answers is a pod.
  }
  return `the pod answered ${response.status}`;
}

export async function ask(path, {method = "GET", body, patienceMs = kPatienceMs} = {}) {
  const headers = {Accept: "application/json"};
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(patienceMs),
    });
  } catch (error) {
    const why = error.name === "TimeoutError" ? `has not answered within ${kPatienceMs / 1000} s` : "cannot be reached";
    throw new Refused(0, `the pod at ${location.host} ${why}`);
  }
  if (!response.ok) throw new Refused(response.status, await explain(response));
  return response.json();
}

const segment = (text) => encodeURIComponent(text);

export function aggregatePath(aggregate, key) {
  return `v1/aggregates/${segment(aggregate)}/${segment(key)}`;
}

export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
