/** Frames on their way out, no faster than the server takes them. */

import type { ClientFrame } from './frames';

/** The server allows 20 a second and 100 saved up, pings of WebSocket included. */
const PER_SECOND = 15;
const BURST = 80;
/** More than this never waits: what is beyond is refused, and the caller keeps it. */
const MOST_WAITING = 200;

/** Sends frames in order, as many at once and a second as the server allows. */
export class Outbox {
  readonly #transmit: (text: string) => void;
  readonly #now: () => number;
  #waiting: string[] = [];
  #allowance = BURST;
  #counted: number;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(transmit: (text: string) => void, now: () => number = () => performance.now()) {
    this.#transmit = transmit;
    this.#now = now;
    this.#counted = now();
  }

  /** Sends a frame now or soon. False when too many wait already. */
  send(frame: ClientFrame): boolean {
    if (this.#waiting.length >= MOST_WAITING) return false;
    this.#waiting.push(JSON.stringify(frame));
    this.#drain();
    return true;
  }

  /** Forgets what waits: its connection is gone. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
  }

  #drain(): void {
    if (this.#timer !== null) return;
    const now = this.#now();
    this.#allowance = Math.min(
      BURST,
      this.#allowance + ((now - this.#counted) / 1000) * PER_SECOND,
    );
    this.#counted = now;
    while (this.#allowance >= 1) {
      const frame = this.#waiting.shift();
      if (frame === undefined) return;
      this.#allowance -= 1;
      this.#transmit(frame);
    }
    if (this.#waiting.length === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#drain();
      },
      ((1 - this.#allowance) / PER_SECOND) * 1000,
    );
  }
}
