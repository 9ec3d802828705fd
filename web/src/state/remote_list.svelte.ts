/** A list that the server keeps and the client shows. */

import { asProblem, type Problem } from '../api/http';
import { Coalesced } from './coalesced';

/** How far a list is. */
export type Status = 'loading' | 'ready' | 'error';

/** How often a list is read again at once because it changed here while it was being read. */
const REREADS = 2;

/**
 * The base of every list. `status` is `error` only while there is nothing to show; when a later
 * reading fails, the list stays as it was and `error` says why it may be out of date.
 */
export class RemoteList<T> {
  status = $state<Status>('loading');
  error = $state.raw<Problem | null>(null);
  list = $state.raw<readonly T[]>([]);

  readonly #read: () => Promise<readonly T[]>;
  readonly #reading = new Coalesced(() => this.#load());
  /** Grows with each change made here, so that a reading from before it is not believed. */
  #changes = 0;

  constructor(read: () => Promise<readonly T[]>) {
    this.#read = read;
  }

  /** Reads the list again. Never rejects: what went wrong is in `error`. */
  reload = (): Promise<void> => {
    if (this.status === 'error') this.status = 'loading';
    return this.#reading.run();
  };

  /** Takes over a change that the server has confirmed. */
  protected change(next: (list: readonly T[]) => readonly T[]): void {
    this.#changes += 1;
    this.list = next(this.list);
  }

  /** What a list makes of what was read, before it shows it. */
  protected adopt(read: readonly T[]): readonly T[] {
    return read;
  }

  async #load(): Promise<void> {
    try {
      this.list = this.adopt(await this.#readUnchanged());
      this.error = null;
      this.status = 'ready';
    } catch (error) {
      this.error = asProblem(error);
      if (this.status !== 'ready') this.status = 'error';
    }
  }

  async #readUnchanged(): Promise<readonly T[]> {
    for (let rereads = 0; ; rereads += 1) {
      const before = this.#changes;
      const read = await this.#read();
      if (before === this.#changes || rereads >= REREADS) return read;
    }
  }
}

/** The list with `item` in the place of what has its key, or at the end. */
export function withItem<T>(list: readonly T[], item: T, same: (other: T) => boolean): T[] {
  return list.some(same) ? list.map((other) => (same(other) ? item : other)) : [...list, item];
}
