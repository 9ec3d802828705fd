/** The tabs of one browser, acting as one. */

import type { Notification } from '../api/types';

/** What tabs tell each other. */
export type TabMessage =
  /** This alert is being shown by one of them. */
  | { type: 'claimed'; alert: string }
  /** An alert reached a tab that nobody sees, for one that is seen to show. */
  | { type: 'alert'; notification: Notification }
  /** Who is signed in has changed; null for nobody. */
  | { type: 'session'; userId: string | null };

/** The parts of the browser that tabs meet by. Pages that are not secure have no locks. */
export interface Meeting {
  locks: Pick<LockManager, 'request' | 'query'> | undefined;
  channel: Pick<BroadcastChannel, 'postMessage' | 'close' | 'onmessage'>;
  /** The page of this tab. */
  page: Pick<Document, 'visibilityState' | 'addEventListener'>;
}

const CHANNEL = 'chatalot';
const SEEN_LOCK = 'chatalot:seen';
const LEADER_LOCK = 'chatalot:leader';
/** How long a claim is kept from the other tabs by the lock; the message outlasts it. */
const CLAIM_MS = 10_000;
/** Without locks, a tab that is not seen waits for another one's claim, at most so long. */
const COURTESY_MS = 1_000;

/** This tab among the others. */
export class Tabs {
  /** Called with what other tabs say. */
  onMessage: (message: TabMessage) => void = () => {};

  readonly #meeting: Meeting;
  readonly #leave = new AbortController();
  /** Ends the pauses that this tab is in. */
  readonly #pauses = new Set<() => void>();
  #leads = false;
  /** Gives back the lock that says that this tab is seen. */
  #unsee: (() => void) | null = null;

  constructor(meeting: Meeting = browserMeeting()) {
    this.#meeting = meeting;
    meeting.channel.onmessage = (event) => this.onMessage(event.data as TabMessage);
    const { signal } = this.#leave;
    meeting.page.addEventListener('visibilitychange', () => this.#look(), { signal });
    this.#look();
    this.#stand();
  }

  /** Whether people can see this tab. */
  get seen(): boolean {
    return this.#meeting.page.visibilityState === 'visible';
  }

  /** Tells the other tabs. */
  tell(message: TabMessage): void {
    this.#meeting.channel.postMessage(message);
  }

  /** Whether people can see some tab. */
  async someSeen(): Promise<boolean> {
    if (this.seen || this.#meeting.locks === undefined) return this.seen;
    const { held } = await this.#meeting.locks.query();
    return (held ?? []).some((lock) => lock.name === SEEN_LOCK);
  }

  /** Whether this is the one tab that acts when none is seen. Without locks every tab is. */
  get leads(): boolean {
    return this.#leads || this.#meeting.locks === undefined;
  }

  /** Takes something for this tab alone; false when another tab has it. */
  async claim(name: string): Promise<boolean> {
    const { locks } = this.#meeting;
    if (locks === undefined) {
      // The first to say so has it; who is seen goes first.
      if (!this.seen) await this.#pause(COURTESY_MS * (0.3 + 0.7 * Math.random()));
      return true;
    }
    return new Promise((resolve, reject) => {
      locks
        .request(`chatalot:claim:${name}`, { ifAvailable: true }, async (lock) => {
          resolve(lock !== null);
          if (lock !== null) await this.#pause(CLAIM_MS);
        })
        .catch(reject);
    });
  }

  /** Leaves the others alone. */
  close(): void {
    this.#leave.abort();
    this.#unsee?.();
    for (const end of this.#pauses) end();
    this.#meeting.channel.close();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.add(end);
    });
  }

  /** Holds a lock, shared with the other seen tabs, while this one is seen. */
  #look(): void {
    if (!this.seen) {
      this.#unsee?.();
      this.#unsee = null;
      return;
    }
    if (this.#unsee !== null) return;
    const unseen = new Promise<void>((resolve) => (this.#unsee = resolve));
    this.#hold(SEEN_LOCK, 'shared', unseen);
  }

  /** Waits for its turn to lead, and leads until it is closed. */
  #stand(): void {
    const closed = new Promise<void>((resolve) =>
      this.#leave.signal.addEventListener('abort', () => resolve()),
    );
    this.#hold(LEADER_LOCK, 'exclusive', closed, () => (this.#leads = true));
  }

  #hold(name: string, mode: LockMode, until: Promise<void>, held?: () => void): void {
    const { locks } = this.#meeting;
    const { signal } = this.#leave;
    locks
      ?.request(name, { mode, signal }, () => {
        held?.();
        return until;
      })
      // A tab that is closed while it waits does not get its turn.
      .catch(() => undefined);
  }
}

function browserMeeting(): Meeting {
  return { locks: navigator.locks, channel: new BroadcastChannel(CHANNEL), page: document };
}
