import { signal } from "@preact/signals";

/** Ticks once a minute, so that "today" does not outlive the day. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 60_000);

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const dateFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const oldDateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
});
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const DAY_MS = 86_400_000;

/** Days since some day long ago, in local time; the same for two times of one day. */
export function dayNumber(time: number): number {
  return Math.floor((time - new Date(time).getTimezoneOffset() * 60_000) / DAY_MS);
}

export function clockTime(time: number): string {
  return clockFormat.format(time);
}

export function fullTime(time: number): string {
  return fullFormat.format(time);
}

/** As short as the age allows: for the list. */
export function briefTime(time: number): string {
  const days = dayNumber(now.value) - dayNumber(time);
  if (days <= 0) return clockFormat.format(time);
  if (days < 7) return weekdayFormat.format(time);
  return sameYear(time) ? dateFormat.format(time) : oldDateFormat.format(time);
}

/** For the line between two days. */
export function dayName(time: number): string {
  const days = dayNumber(now.value) - dayNumber(time);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return sameYear(time) ? dayFormat.format(time) : oldDateFormat.format(time);
}

function sameYear(time: number): boolean {
  return new Date(time).getFullYear() === new Date(now.value).getFullYear();
}
