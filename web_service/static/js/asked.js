// What is asked, as parts of the address: q, image, upload, and, not; "but", "less", "also", "own" and "look" say how an
// image is to be changed, and each "step" holds a query that led here, written in the same way.

const MOST_STEPS = 20;
const MIDDLE = 0.5;

/** A term with its weight, as a person may write it too: "beach^2". */
export const encodeTerm = ({ text, weight }) => (weight === 1 ? text : `${text}^${weight}`);

const held = (weight) => Math.min(10, Math.max(0.1, Number(weight ?? 1)));

export function decodeTerm(written) {
  const [, text, weight] = /^(.*?)(?:\^(\d+(?:\.\d+)?))?$/s.exec(written.trim());
  return { text: text.trim(), weight: held(weight) };
}

/** Writes a query into `search`, the parameters of an address. */
export function writeQuery(search, query) {
  if (query.text) search.set("q", query.text);
  if (query.imageId !== null && query.imageId !== undefined) search.set("image", query.imageId);
  if (query.upload) search.set("upload", query.upload);
  for (const term of query.terms ?? []) search.append("and", encodeTerm(term));
  for (const text of query.without ?? []) search.append("not", text);
  if (query.compose) writeCompose(search, query.compose);
  for (const step of (query.steps ?? []).slice(-MOST_STEPS)) {
    const own = new URLSearchParams();
    writeQuery(own, { ...step, steps: [] });
    search.append("step", own);
  }
}

function writeCompose(search, { texts, less, images, own, balance }) {
  for (const term of texts) search.append("but", encodeTerm(term));
  if (!texts.length) search.set("but", "");
  for (const term of less) search.append("less", encodeTerm(term));
  for (const { id, weight } of images) search.append("also", encodeTerm({ text: String(id), weight }));
  if (own !== 1) search.set("own", own);
  if (balance !== MIDDLE) search.set("look", balance);
}

/** The query in the parameters of an address; what cannot be read is left out. */
export function readQuery(search) {
  const image = search.get("image");
  const query = {
    text: (search.get("q") ?? "").trim(),
    imageId: /^\d{1,16}$/.test(image ?? "") ? Number(image) : null,
    upload: search.get("upload"),
    terms: terms(search, "and"),
    without: search.getAll("not").map((text) => text.trim()).filter(Boolean),
    compose: null,
    steps: search.getAll("step").slice(-MOST_STEPS).map((step) => readQuery(new URLSearchParams(step))),
  };
  if (search.has("but") && (query.imageId !== null || query.upload)) query.compose = readCompose(search);
  return query;
}

function readCompose(search) {
  const also = terms(search, "also").filter(({ text }) => /^\d{1,16}$/.test(text));
  const balance = Number(search.get("look") ?? MIDDLE);
  return {
    texts: terms(search, "but"),
    less: terms(search, "less"),
    images: also.map(({ text, weight }) => ({ id: Number(text), weight })),
    own: held(search.get("own") || 1) || 1,
    balance: balance >= 0 && balance <= 1 ? balance : MIDDLE,
  };
}

const terms = (search, name) => search.getAll(name).map(decodeTerm).filter(({ text }) => text);

/** A change of an image that changes nothing yet. */
export const UNCHANGED = { texts: [], less: [], images: [], own: 1, balance: MIDDLE };

/** A composition as a search request takes it, or null where nothing is to be changed. */
export function composeRequest({ texts, less, images, own, balance }) {
  if (!texts.length && !less.length && !images.length) return null;
  return { texts, without: less, images, weight: own, balance };
}
