/** How long to wait before connecting again. */

/** The longest pause between two attempts. */
export const LONGEST_PAUSE_MS = 30_000;
/** The first attempt after a loss comes within this time. */
const FIRST_PAUSE_MS = 500;
/** No pause is shorter, however the dice fall. */
const SHORTEST_PAUSE_MS = 50;
/** How far the doubling can go. */
const MOST_DOUBLINGS = 6;

/**
 * The pause before attempt number `attempt` (0 is the first after a loss): at random within a
 * span that doubles up to the longest, so that the clients of a server that restarts come back
 * spread out.
 */
export function pauseBefore(attempt: number, random: () => number = Math.random): number {
  const span = FIRST_PAUSE_MS * 2 ** Math.min(attempt, MOST_DOUBLINGS);
  return Math.max(SHORTEST_PAUSE_MS, random() * Math.min(span, LONGEST_PAUSE_MS));
}

/** What a closed connection asks for. */
export type Verdict =
  /** Connect again, after the usual pause. */
  | 'again'
  /** Connect again, but slowly: the server thinks that this client asks for too much. */
  | 'slowly'
  /** Its session is over: connect again only with another one. */
  | 'signed_out';

/** What a close code says about connecting again. */
export function verdictOn(code: number): Verdict {
  if (code >= 4500 && code <= 4999) return 'signed_out';
  const ours = code === 1002 || code === 1003 || code === 1007 || code === 1008 || code === 1009;
  return ours ? 'slowly' : 'again';
}
