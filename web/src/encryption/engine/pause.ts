/** How long something waits that the server did not take. */

import { asProblem } from '../../api/problem';
import { pauseBefore } from '../../protocol/backoff';

/** The first pause after the server has understood something, and does not want it. */
const FIRST_REFUSED_MS = 5_000;
/** The longest pause, also when the server asks for a longer one. */
export const LONGEST_PAUSE_MS = 15 * 60_000;
/** How far the doubling can go. */
const MOST_DOUBLINGS = 10;

/** The pause of one kind of thing, which grows with each failure. */
export class Pause {
  #failures = 0;
  #until = 0;
  #error: unknown;

  /** When it is over, in milliseconds since 1970. */
  get until(): number {
    return this.#until;
  }

  /** Why there is one. */
  get error(): unknown {
    return this.#error;
  }

  /**
   * Whether nothing is to be sent meanwhile: the server has answered. Where none was reached, the
   * network may be back at any time, and whatever comes in is a sign of that.
   */
  get lasts(): boolean {
    return Date.now() < this.#until && asProblem(this.#error).status > 0;
  }

  /**
   * Whether not even what somebody waits for may be sent meanwhile. It may be after a failure of
   * the server, which can be over at any time, too.
   */
  get forbids(): boolean {
    const { status } = asProblem(this.#error);
    return this.lasts && status < 500;
  }

  /** It was not taken. */
  begin(error: unknown): void {
    const { retryAfter } = asProblem(error);
    const asked = retryAfter === null ? 0 : retryAfter * 1_000;
    const usual = isRefusal(error)
      ? FIRST_REFUSED_MS * 2 ** Math.min(this.#failures, MOST_DOUBLINGS)
      : pauseBefore(this.#failures);
    this.#until = Date.now() + Math.min(Math.max(asked, usual), LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#error = error;
  }
}

/** Whether the server has understood something, and does not want it. */
export function isRefusal(error: unknown): boolean {
  const { status } = asProblem(error);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
