// Numbers as words of the page.

const whole = new Intl.NumberFormat("en");

export const count = (n) => whole.format(n);
export const images = (n) => `${count(n)} ${n === 1 ? "image" : "images"}`;
export const pictures = (n) => `${count(n)} ${n === 1 ? "picture" : "pictures"}`;
export const score = (value) => value.toFixed(3);
export const milliseconds = (ms) => (ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`);

/** "2 hours ago" for a time in ms since the epoch. */
export function ago(time) {
  const steps = [["minute", 60e3], ["hour", 3600e3], ["day", 86400e3]];
  const passed = Date.now() - time;
  const [unit, length] = [...steps].reverse().find(([, step]) => passed >= step) ?? [null, 1];
  if (!unit) return "just now";
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-Math.floor(passed / length), unit);
}
