/** Telling the server how far each channel was read. */

import { asProblem } from '../api/http';

/** Reading on is told together, after this pause. */
const PAUSE_MS = 400;
/** A mark that could not be told is told again after this pause. */
const RETRY_MS = 10_000;

/** Sends the newest mark of each channel, and keeps what could not be sent. */
export class ReadMarks {
  readonly #send: (channelId: string, seq: number, leaving: boolean) => Promise<void>;
  readonly #waiting = new Map<string, number>();
  readonly #told = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (channelId: string, seq: number, leaving: boolean) => Promise<void>) {
    this.#send = send;
  }

  /** Notes that a channel was read up to a place. A mark never goes back. */
  mark(channelId: string, seq: number): void {
    const known = Math.max(this.#waiting.get(channelId) ?? 0, this.#told.get(channelId) ?? 0);
    if (seq <= known) return;
    this.#waiting.set(channelId, seq);
    this.#schedule(PAUSE_MS);
  }

  /** Tells now what waits; with `leaving` in a way that outlives the page. */
  async flush(leaving = false): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const marks = [...this.#waiting];
    this.#waiting.clear();
    await Promise.all(marks.map(([channelId, seq]) => this.#tell(channelId, seq, leaving)));
  }

  /** Forgets everything: somebody else is signed in. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
    this.#told.clear();
  }

  async #tell(channelId: string, seq: number, leaving: boolean): Promise<void> {
    try {
      await this.#send(channelId, seq, leaving);
      this.#told.set(channelId, Math.max(seq, this.#told.get(channelId) ?? 0));
    } catch (error) {
      // Refused is refused: the channel is gone, or the session is.
      const { status } = asProblem(error);
      if (status >= 400 && status < 500 && status !== 429) return;
      if ((this.#waiting.get(channelId) ?? 0) < seq) this.#waiting.set(channelId, seq);
      this.#schedule(RETRY_MS);
    }
  }

  #schedule(pause: number): void {
    this.#timer ??= setTimeout(() => void this.flush(), pause);
  }
}
