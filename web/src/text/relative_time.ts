/** Distances in time, in words: "5 minutes ago", "in 3 days". */

const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** Each unit with its length in seconds, and up to how many seconds it is the one to use. */
const UNITS = [
  { unit: 'minute', seconds: 60, below: 3600 },
  { unit: 'hour', seconds: 3600, below: 86_400 },
  { unit: 'day', seconds: 86_400, below: 30 * 86_400 },
  { unit: 'month', seconds: 30 * 86_400, below: 365 * 86_400 },
  { unit: 'year', seconds: 365 * 86_400, below: Infinity },
] as const;

/** How far the time `then` (RFC 3339) is from `now` (milliseconds), in whole units: those that
 * have passed, or the nearest to those that are to come. */
export function relativeTime(then: string, now: number = Date.now()): string {
  const distance = (Date.parse(then) - now) / 1000;
  if (Number.isNaN(distance)) return '';
  const length = Math.abs(distance);
  if (length < 60) return distance > 0 ? 'in less than a minute' : 'just now';
  for (const { unit, seconds, below } of UNITS) {
    if (length < below) {
      const units = distance / seconds;
      return words.format(distance > 0 ? Math.round(units) : Math.trunc(units), unit);
    }
  }
  return '';
}
