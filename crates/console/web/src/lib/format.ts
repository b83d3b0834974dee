/// Times, spans and sizes for people.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `just now`, `5 min ago`, `3 h ago`, `2 days ago`. */
export function ago(time: number, now: number): string {
  const past = now - time;
  if (past < MINUTE) {
    return "just now";
  }
  return `${span(past)} ago`;
}

/** `in 4 days`, `in 3 h`, `in less than a minute`. Days are counted as the API counts them: a begun one is one. */
export function until(time: number, now: number): string {
  const left = time - now;
  if (left < MINUTE) {
    return "in less than a minute";
  }
  return left > DAY ? `in ${daysLeft(time, now)} days` : `in ${span(left)}`;
}

/** Days until then, a begun one counted as one, never below 0. */
export function daysLeft(time: number, now: number): number {
  return Math.max(0, Math.ceil((time - now) / DAY));
}

function span(ms: number): string {
  if (ms < HOUR) {
    return `${Math.floor(ms / MINUTE)} min`;
  }
  if (ms < DAY) {
    return `${Math.floor(ms / HOUR)} h`;
  }
  const days = Math.floor(ms / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

export const longTime = (time: number) => dateTime.format(time);
export const dayAndTime = (time: number) => weekday.format(time);

/** `0.21 ms`, `12 ms`, `1.34 s`. */
export function duration(ms: number): string {
  if (ms < 1) {
    return `${ms.toFixed(2)} ms`;
  }
  if (ms < 10) {
    return `${ms.toFixed(1)} ms`;
  }
  return ms < SECOND ? `${Math.round(ms)} ms` : `${(ms / SECOND).toFixed(2)} s`;
}

/** `512 B`, `6.6 MiB`. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `14:02:07.118`, in this machine's zone. */
export function clockTime(time: number): string {
  const date = new Date(time);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
