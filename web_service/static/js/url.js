// The address bar: ?catalogue, model and what asked.js writes say what is asked for, where and order what of it is shown and how;
// #r, at, d and tab hold rounds and labels.
// The labels stand after the #, so they are never sent to a server as part of an address and may be many.
//
// A round is "<parent><Model letter>" and its changes against the parent's labels: "P" right, "N" wrong, "U" cleared,
// each followed by ids, ascending, as differences in base 36 joined by "."; rounds are joined by "_".

import { readQuery, writeQuery } from "./asked.js";
import { RIGHT, WRONG, difference, patched } from "./round.js";

const MODELS = { A: "auto", B: "branch", E: "ensemble", L: "linear" };
const LETTERS = Object.fromEntries(Object.entries(MODELS).map(([letter, name]) => [name, letter]));
const LABELS = { P: RIGHT, N: WRONG, U: null };
const TABS = ["in", "out", "next", "check", "map", "figures"];
const SEGMENT = /^(?:([0-9a-z]+)([ABEL]))?((?:[PNU][0-9a-z.]+)*)$/;

export function encodeChanges(changes) {
  return Object.entries(LABELS)
    .map(([letter, label]) => {
      const ids = changes.filter(([, value]) => value === label).map(([id]) => id).sort((a, b) => a - b);
      return ids.length ? letter + ids.map((id, i) => (id - (ids[i - 1] ?? 0)).toString(36)).join(".") : "";
    })
    .join("");
}

export function decodeChanges(text) {
  return [...text.matchAll(/([PNU])([0-9a-z.]+)/g)].flatMap(([, letter, list]) => {
    let id = 0;
    return list.split(".").map((step) => [(id += parseInt(step, 36) || 0), LABELS[letter]]);
  });
}

/** What a person changed of a round's answer: "<round>c<cut>" and "o<box>.<box>" for boxes that are off. */
const encodeAdjusted = ({ number, off, cut }) =>
  `${number.toString(36)}${cut === null ? "" : `c${cut}`}${off.length ? `o${off.join(".")}` : ""}`;

function decodeAdjusted(text) {
  const found = [...text.matchAll(/(?:^|_)([0-9a-z]+?)(?:c(-?\d+(?:\.\d+)?))?(?:o([0-9a-f]{12}(?:\.[0-9a-f]{12})*))?(?=_|$)/g)];
  return new Map(found.map(([, number, cut, off]) => [parseInt(number, 36), { cut: cut === undefined ? null : Number(cut), off: off?.split(".") ?? [] }]));
}

/** Conditions on columns, as the API takes them: "column:value", one for each value. */
export const encodeWhere = (where) =>
  Object.entries(where).flatMap(([column, values]) => values.map((value) => `${column}:${value}`));

function decodeWhere(conditions) {
  const where = {};
  for (const condition of conditions) {
    const at = condition.indexOf(":");
    if (at > 0) (where[condition.slice(0, at)] ??= []).push(condition.slice(at + 1));
  }
  return where;
}

/** The address of what is shown: {catalogue, query, where, order, model, rounds, at, tab}. */
export function toAddress({ catalogue, query, where, order, model, rounds, at, tab }) {
  const search = new URLSearchParams();
  if (catalogue) search.set("catalogue", catalogue);
  if (query) writeQuery(search, query);
  for (const condition of encodeWhere(where ?? {})) search.append("where", condition);
  if (order === "alike") search.set("order", order);
  if (model && model !== "auto") search.set("model", model);

  const hash = new URLSearchParams();
  if (rounds?.length) {
    const encoded = rounds.slice(1).map((round) => {
      const changes = difference(rounds[round.parent].labels, round.labels);
      return round.parent.toString(36) + LETTERS[round.model] + encodeChanges(changes);
    });
    if (encoded.length) hash.set("r", encoded.join("_"));
    if (encoded.length && at !== rounds.length - 1) hash.set("at", at);
    const by = rounds.filter(({ off, cut }) => off.length || cut !== null).map(encodeAdjusted);
    if (by.length) hash.set("by", by.join("_"));
    const draft = encodeChanges(difference(rounds[at].labels, rounds[at].draft));
    if (draft) hash.set("d", draft);
    if (tab && tab !== "answer") hash.set("tab", tab);
  }
  const [query_, hash_] = [search.toString(), hash.toString()];
  return `${location.pathname}${query_ && "?" + query_}${hash_ && "#" + hash_}`;
}

/** What an address asks for; what cannot be read is left out. */
export function fromAddress(url = location) {
  const search = new URLSearchParams(url.search);
  const hash = new URLSearchParams(url.hash.slice(1));
  const rounds = [{ parent: null, model: "auto", labels: new Map(), off: [], cut: null }];
  const adjusted = decodeAdjusted(hash.get("by") ?? "");
  for (const segment of (hash.get("r") ?? "").split("_").filter(Boolean)) {
    const match = SEGMENT.exec(segment);
    const parent = rounds[parseInt(match?.[1] ?? "", 36)];
    if (!parent) break;
    const labels = patched(parent.labels, decodeChanges(match[3]));
    rounds.push({ parent: parseInt(match[1], 36), model: MODELS[match[2]], labels, off: [], cut: null, ...adjusted.get(rounds.length) });
  }
  const asked = Number(hash.get("at") ?? rounds.length - 1);
  const model = search.get("model");
  return {
    catalogue: search.get("catalogue"),
    query: readQuery(search),
    where: decodeWhere(search.getAll("where")),
    order: search.get("order") === "alike" ? "alike" : "best",
    model: model in LETTERS ? model : "auto",
    rounds,
    at: rounds[asked] ? asked : rounds.length - 1,
    draft: decodeChanges(SEGMENT.exec(hash.get("d") ?? "")?.[3] ?? ""),
    tab: TABS.includes(hash.get("tab")) ? hash.get("tab") : "answer",
  };
}
