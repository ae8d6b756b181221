// Numbers and times as words of the page.

import { language, number, once, t } from "./words.js";

const thousandths = once(() => new Intl.NumberFormat(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 }));
const tenths = once(() => new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }));
const passed = once(() => new Intl.RelativeTimeFormat(language, { numeric: "auto" }));
const STEPS = [["day", 86400e3], ["hour", 3600e3], ["minute", 60e3]];

const shares = once(() => new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }));
const three = once(() => new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }));

export const count = number;
export const percent = (share) => shares().format(share);
export const short = (value) => three().format(value);
export const images = (n) => t("images", { n });
export const pictures = (n) => t("pictures", { n });
export const score = (value) => thousandths().format(value);
export const milliseconds = (ms) =>
  ms < 1000 ? t("time.ms", { n: Math.max(1, Math.round(ms)) }) : t("time.s", { seconds: tenths().format(ms / 1000) });

/** "2 hours ago" for a time in ms since the epoch. */
export function ago(time) {
  const since = Date.now() - time;
  const [unit, length] = STEPS.find(([, step]) => since >= step) ?? [null, 1];
  return unit ? passed().format(-Math.floor(since / length), unit) : t("time.now");
}
