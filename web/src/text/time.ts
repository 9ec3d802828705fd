// The client speaks English, so its dates do too; hours are counted to 24 everywhere.
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short' });
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
const dayOfYear = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const full = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});

/** The hour and minute: "09:41". */
export function clockTime(time: Date): string {
  return clock.format(time);
}

/** The hour today, "09:41"; with the day this week, "Mon 09:41"; else the date, "4 Jun 2026". */
export function shortTime(time: Date, today: Date): string {
  const days = daysBetween(time, today);
  if (days === 0) return clock.format(time);
  return days > 0 && days < 7 ? `${weekday.format(time)} ${clock.format(time)}` : date.format(time);
}

/** Everything there is to say about a moment: shown on hover. */
export function fullTime(time: Date): string {
  return full.format(time);
}

/** What stands above the messages of a day: "Today", "Yesterday", "Monday 1 June". */
export function dayName(time: Date, today: Date): string {
  const days = daysBetween(time, today);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return (time.getFullYear() === today.getFullYear() ? day : dayOfYear).format(time);
}

/** Whether two moments are on one day where the reader is. */
export function sameDay(one: Date, other: Date): boolean {
  return daysBetween(one, other) === 0;
}

/** Counts midnights, not hours: a day has 23 or 25 of these when the clocks change. */
function daysBetween(earlier: Date, later: Date): number {
  const midnight = (time: Date) =>
    Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) / 86_400_000;
  return midnight(later) - midnight(earlier);
}
