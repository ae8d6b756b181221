// The HTTP API under this page's own origin; every failure is an ApiError.

import { encodeWhere } from "./url.js";
import { serverWords, t } from "./words.js";

const ROOT = new URL("api/", document.baseURI);
const TIMEOUT_MS = 60_000;

export class ApiError extends Error {
  constructor(message, { status = 0, code = "network", field = null } = {}) {
    super(message);
    Object.assign(this, { name: "ApiError", status, code, field });
  }

  /** True when the same request may well succeed in a moment. */
  get passing() {
    return this.code === "network" || this.code === "service_unavailable" || [502, 504].includes(this.status);
  }
}

/** The answer to what head/ask.js has asked for already, if it is this; once, as it may not be true for ever. */
function asked(address, body) {
  const key = Symbol.for("clip-branches.asked");
  const { path = null, body: sent = null, response = null } = globalThis[key] ?? {};
  if (path !== address || sent !== body) return null;
  delete globalThis[key];
  return response;
}

/** To the login page, and back here with all that the address says: the session has ended. */
function logIn() {
  const page = location.href.slice(document.baseURI.replace(/[^/]*([?#].*)?$/, "").length).split("#")[0];
  location.assign(`login?next=${encodeURIComponent(page.startsWith("saved") ? page : `./${page}`)}${location.hash}`);
}

/** The JSON that a path below /api/ answers with; `body` is posted there, or sent by another `method`. */
export async function call(path, { body = null, method = "POST", signal = null } = {}) {
  const signals = [AbortSignal.timeout(TIMEOUT_MS), signal].filter(Boolean);
  const options = { signal: AbortSignal.any(signals), headers: { Accept: "application/json" } };
  if (body !== null) {
    options.method = method;
    options.headers["Content-Type"] = "application/json";
    if (document.documentElement.dataset.csrf) options.headers["X-CSRF-Token"] = document.documentElement.dataset.csrf;
    options.body = JSON.stringify(body);
  }
  let response, content;
  try {
    response = await (asked(new URL(path, ROOT).href, options.body) ?? fetch(new URL(path, ROOT), options));
    content = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (response && error.name === "SyntaxError") {
      throw new ApiError(t("error.unreadable"), { status: response.status });
    }
    throw new ApiError(t("error.unreachable"));
  }
  if (response.status === 401) logIn();
  if (!response.ok) {
    const { message = null, code = "error", field = null } = content.error ?? {};
    throw new ApiError(serverWords(code, message), { status: response.status, code, field });
  }
  return content;
}

const at = (catalogue) => `catalogues/${encodeURIComponent(catalogue)}`;
const conditions = (where, name = "where") => encodeWhere(where).map((one) => `&${name}=${encodeURIComponent(one)}`).join("");
const page = (offset, limit) => `offset=${offset}&limit=${limit}`;

export const api = {
  ready: async () => (await fetch(new URL("../readyz", ROOT))).ok,
  catalogues: (signal) => call("catalogues", { signal }),
  search: (catalogue, request, signal) => call(`${at(catalogue)}/search`, { body: request, signal }),
  results: (catalogue, set, offset, limit, where = {}, order = "best") =>
    call(`${at(catalogue)}/results/${set}?${page(offset, limit)}${conditions(where)}${order === "best" ? "" : `&order=${order}`}`),
  alike: (catalogue, set, ids) => call(`${at(catalogue)}/results/${set}/alike?ids=${ids.join(",")}`),
  map: (catalogue, set, where, signal) => call(`${at(catalogue)}/results/${set}/map?${conditions(where).slice(1)}`, { signal }),
  figures: (catalogue, set, where, signal) => call(`${at(catalogue)}/results/${set}/figures?${conditions(where).slice(1)}`, { signal }),
  facets: (catalogue, set, where, find, signal) =>
    call(`${at(catalogue)}/results/${set}/facets?${(conditions(where) + conditions(find, "find")).slice(1)}`, { signal }),
  why: (catalogue, set, id, signal) => call(`${at(catalogue)}/results/${set}/items/${id}`, { signal }),
  cuts: (catalogue, set) => call(`${at(catalogue)}/results/${set}/cuts`),
  suggest: (catalogue, request, signal) => call(`${at(catalogue)}/suggest`, { body: request, signal }),
  ids: (catalogue, set, where) => call(`${at(catalogue)}/results/${set}/ids?${conditions(where).slice(1)}`),
  sample: (catalogue, set, offset, limit) => call(`${at(catalogue)}/results/${set}/check?${page(offset, limit)}`),
  check: (catalogue, set, judged, signal) => call(`${at(catalogue)}/results/${set}/check`, { body: { judged }, signal }),
  file: (catalogue, set, format, where) =>
    new URL(`${at(catalogue)}/results/${set}/export?format=${format}${conditions(where)}`, ROOT).href,
  changes: (catalogue, set, since, offset, limit) =>
    call(`${at(catalogue)}/results/${set}/changes?since=${since}&${page(offset, limit)}`),
  items: (catalogue, ids) => call(`${at(catalogue)}/items?ids=${ids.join(",")}`),
  image: (catalogue, id, width) => new URL(`${at(catalogue)}/items/${id}/image?width=${width}`, ROOT).href,
};

/** The thumbnail width to ask for, so that `size` CSS pixels look sharp and few widths fill the caches. */
export function widthFor(size) {
  const wanted = size * Math.min(2, window.devicePixelRatio || 1);
  return [160, 320, 640, 1280].find((width) => width >= wanted * 0.87) ?? 1280;
}
