/** Stands in for what the tabs of one browser share: locks and a channel. */

import type { Meeting } from '../tabs';

interface Held {
  name: string;
  mode: LockMode;
}

interface Waiting extends Held {
  grant: () => void;
}

/** A page that a test shows and hides. */
export class ScriptedPage extends EventTarget {
  visibilityState: DocumentVisibilityState;

  constructor(seen: boolean) {
    super();
    this.visibilityState = seen ? 'visible' : 'hidden';
  }

  look(seen: boolean): void {
    this.visibilityState = seen ? 'visible' : 'hidden';
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

/** One browser; each tab of it meets the others through `meet`. */
export class SharedBrowser {
  #held: Held[] = [];
  #waiting: Waiting[] = [];
  readonly #channels = new Set<Meeting['channel']>();

  meet(page: ScriptedPage, withLocks = true): Meeting {
    return {
      locks: withLocks ? (this.#locks() as unknown as NonNullable<Meeting['locks']>) : undefined,
      channel: this.#channel(),
      page: page as unknown as Meeting['page'],
    };
  }

  #locks() {
    return {
      query: async () => ({ held: [...this.#held], pending: [] }),
      request: (
        name: string,
        options: LockOptions,
        use: (lock: Held | null) => unknown,
      ): Promise<unknown> => this.#request(name, options, use),
    };
  }

  async #request(name: string, options: LockOptions, use: (lock: Held | null) => unknown) {
    const lock: Held = { name, mode: options.mode ?? 'exclusive' };
    await Promise.resolve();
    if (!this.#free(lock)) {
      if (options.ifAvailable) return use(null);
      await new Promise<void>((grant) => this.#waiting.push({ ...lock, grant }));
    }
    this.#held.push(lock);
    try {
      return await use(lock);
    } finally {
      this.#held = this.#held.filter((other) => other !== lock);
      const next = this.#waiting.find((other) => this.#free(other));
      this.#waiting = this.#waiting.filter((other) => other !== next);
      next?.grant();
    }
  }

  #free(lock: Held): boolean {
    return this.#held.every(
      (other) => other.name !== lock.name || (other.mode === 'shared' && lock.mode === 'shared'),
    );
  }

  #channel(): Meeting['channel'] {
    const channels = this.#channels;
    const channel: Meeting['channel'] = {
      onmessage: null,
      postMessage(data: unknown) {
        for (const other of channels) {
          if (other === channel) continue;
          queueMicrotask(() =>
            other.onmessage?.call(other as BroadcastChannel, new MessageEvent('message', { data })),
          );
        }
      },
      close: () => void channels.delete(channel),
    };
    channels.add(channel);
    return channel;
  }
}
