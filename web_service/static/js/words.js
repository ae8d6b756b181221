// The words of the page in the reader's language: the server puts one file of web_service/messages into the page.

const { messages } = JSON.parse(document.getElementById("boot").textContent);

export const language = document.documentElement.lang;
const plural = once(() => new Intl.PluralRules(language));
const numbers = once(() => new Intl.NumberFormat(language));

/** A function that makes a thing when it is first asked for: the formats of a language take a browser long to make. */
export function once(make) {
  let made = null;
  return () => (made ??= make());
}

/** A number as the language writes it. */
export const number = (value) => numbers().format(value);

/**
 * The message of a key with its {placeholders} filled in; numbers are written as the language does.
 * A message of several forms has them by the plural category of `values.n`.
 */
export function t(key, values = {}) {
  const message = messages[key] ?? key;
  const form = typeof message === "string" ? message : (message[plural().select(values.n)] ?? message.other);
  return form.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : String(values[name])));
}

/**
 * What a service said was wrong. They speak English: in another language fixed words say what kind of mistake it is, by
 * its code, and the service's own words, which know the detail, stand after them.
 */
export function serverWords(code, message) {
  const known = `server.${code}`;
  const words = t(known in messages ? known : "server.error");
  if (language === "en") return message || words;
  return message ? t("server.detail", { words, detail: message }) : words;
}
