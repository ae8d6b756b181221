// What this device remembers: searches with their labels, uploaded query images, choices of view.
// Storage may be full, blocked or from another version: the page then works without it.

const RECENT = "clip-branches.recent";
const QUERIES = "clip-branches.queries";
const UPLOADS = "clip-branches.uploads";
const VIEW = "clip-branches.view";
const KEPT_SEARCHES = 24;
const KEPT_UPLOADS = 4;
const KEPT_QUERIES = 20;

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** Labelled searches, newest first: {work, key, address, words, catalogue, right, wrong, rounds, time}. */
export const recentSearches = () => read(RECENT, []).filter((entry) => entry?.work && entry.key && entry.address);

export function rememberSearch(entry) {
  const others = recentSearches().filter(({ work }) => work !== entry.work);
  write(RECENT, [{ ...entry, time: Date.now() }, ...others].slice(0, KEPT_SEARCHES));
}

/** Words searched for before, newest first. */
export const recentQueries = () => read(QUERIES, []).filter((text) => typeof text === "string");

export function rememberQuery(text) {
  if (text) write(QUERIES, [text, ...recentQueries().filter((other) => other !== text)].slice(0, KEPT_QUERIES));
}

/** Keeps an uploaded query image (base64) under its key, so that a reload can ask the same again. */
export function rememberUpload(key, base64) {
  let kept = [[key, base64], ...read(UPLOADS, []).filter(([other]) => other !== key)].slice(0, KEPT_UPLOADS);
  while (kept.length && !write(UPLOADS, kept)) kept = kept.slice(0, -1);
}

export const uploadOf = (key) => read(UPLOADS, []).find(([other]) => other === key)?.[1] ?? null;

export const viewChoices = () => ({ captions: false, size: 1, together: true, ...read(VIEW, {}) });
export const rememberView = (choices) => write(VIEW, { ...viewChoices(), ...choices });
