// What a saved search or a collection is, in words.

import { language, once, t } from "../words.js";

const days = once(() => new Intl.DateTimeFormat(language, { dateStyle: "medium" }));

/** "3 May 2026". */
export const day = (time) => days().format(new Date(time));

/** What was asked for: “a red boat” and “beach” without people. */
export function askedWords({ text, terms, without, image, image_id: picture }) {
  const parts = [text && t("quoted", { text })];
  if (image) parts.push(t("search.yourImage"));
  if (picture !== null && picture !== undefined) parts.push(t("search.picture", { id: String(picture) }));
  parts.push(...(terms ?? []).map(([term]) => t("quoted", { text: term })));
  const found = parts.filter(Boolean).join(t("search.and"));
  return [found, without?.length ? t("search.without", { what: without.join(", ") }) : ""].filter(Boolean).join(" ");
}

/** Which part of an answer was saved: "style = ink". */
export function whereWords({ where }) {
  return Object.entries(where ?? {})
    .map(([column, values]) => `${column === "@box" ? t("saved.box") : column.replaceAll("_", " ")} = ${values.map((value) => value || t("none")).join(t("or"))}`)
    .join(", ");
}

/** [{how: "first" | "and" | "or" | "not", id}, ...] of an expression that combine.js can show; null for another one. */
export function stepsOf(expression) {
  const [[kind, inner]] = Object.entries(expression);
  if (kind === "search") return [{ how: "first", id: inner }];
  if (!["and", "or"].includes(kind) || !inner.length) return null;
  const steps = inner.slice(1).map(({ search, not }) => ({ how: search ? kind : "not", id: search ?? (kind === "and" ? not?.search : undefined) }));
  const before = stepsOf(inner[0]);
  return before && steps.every(({ id }) => id !== undefined) ? [...before, ...steps] : null;
}

/** The expression that steps from the first to the last make. */
export function expressionOf([first, ...steps]) {
  return steps.reduce((made, { how, id }) => {
    const part = { search: id };
    return how === "not" ? { and: [made, { not: part }] } : { [how]: [made, part] };
  }, { search: first.id });
}

/** “boats” and in “ink” but not in “night”. */
export function expressionWords({ expression, parts }) {
  const named = (id) => t("quoted", { text: parts[id] ?? id });
  const steps = stepsOf(expression);
  if (!steps) return Object.keys(parts).map(named).join(", ");
  const joints = { first: "", and: t("combine.and"), or: t("combine.or"), not: t("combine.not") };
  return steps.map(({ how, id }) => `${joints[how]} ${named(id)}`.trim()).join(" ");
}
