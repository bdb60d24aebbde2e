// Numbers and times in words. All that is shown goes through here, so that it looks the same everywhere.

export const nothing = "–";

const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const short = new Intl.NumberFormat("en", {notation: "compact", maximumSignificantDigits: 3});

export const count = (n) => (n === null || n === undefined ? nothing : whole.format(n));

// 8,214 or 1.2M: as long as it is short it is exact.
export const compact = (n) =>
  n === null || n === undefined ? nothing : Math.abs(n) < 10000 ? whole.format(n) : short.format(n);

export function rate(n) {
  if (n === null || n === undefined) return nothing;
  if (n > 0 && n < 10) return n.toFixed(n < 1 ? 2 : 1);
  return compact(Math.round(n));
}

export function bytes(n) {
  if (n === null || n === undefined) return nothing;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  let value = n;
  while (value >= 1024 && i < units.length - 1) {
    value /= 1024;
    ++i;
  }
  return `${i === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[i]}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return nothing;
  const s = Math.max(seconds, 0);
  if (s < 0.0005) return "0 ms";
  if (s < 1) return `${(s * 1000).toPrecision(s < 0.01 ? 2 : 3).replace(/\.?0+$/, (z) => (z.includes(".") ? "" : z))} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function ago(seconds) {
  return seconds === null || seconds === undefined ? nothing : `${duration(seconds)} ago`;
}

// Local time; the exact one, with its zone, is for a title.
export function clock(text) {
  if (!text) return nothing;
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return String(text);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday
    ? time.toLocaleTimeString("en-GB")
    : `${time.toLocaleDateString("en-CA")} ${time.toLocaleTimeString("en-GB")}`;
}

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export const percent = (part, all) => (all > 0 ? Math.min(100, Math.floor((part * 100) / all)) : 0);

export const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
