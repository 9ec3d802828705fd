/** What was written and is not in its channel yet, kept over the end of the page. */

import { store, stored } from './preferences.svelte';

/**
 * It is kept in the browser's storage, in the clear like drafts and for the same reason, and is
 * erased with them.
 */
const PREFIX = 'chatalot.unsent.';
/** The lock of a tab, which says that the tab is there and sends what it keeps. */
const LOCK = 'chatalot:unsent:';
/** How many messages are kept. What is beyond lasts as long as the page. */
const MOST_KEPT = 100;
/** How long all of them together may be, in UTF-16 units: browsers give a page a few megabytes. */
const MOST_KEPT_TOGETHER = 1024 * 1024;

/** A message that is not in its channel yet. */
export interface UnsentMessage {
  channelId: string;
  /** By what the server knows it: sent a second time, it is not written a second time. */
  txnId: string;
  body: string;
  mentions: readonly string[];
  /** When it was written. */
  createdAt: string;
}

interface Kept extends UnsentMessage {
  userId: string;
  /** The tab that sends it. */
  keeper: string;
}

/** The unsent messages of the user who is signed in, each kept by the tab that sends it. */
export class UnsentMessages {
  readonly #userId: () => string;
  readonly #locks: Pick<LockManager, 'request'> | undefined;
  readonly #keeper: string = crypto.randomUUID();
  /** Tabs that this one takes over from when they are closed. */
  readonly #succeeded = new Set<string>();
  readonly #leave = new AbortController();
  #holding = false;

  constructor(
    userId: () => string,
    locks: Pick<LockManager, 'request'> | undefined = navigator.locks,
  ) {
    this.#userId = userId;
    this.#locks = locks;
  }

  /** Keeps a message until it is dropped. Says whether it could be kept. */
  keep(message: UnsentMessage): boolean {
    const others = kept().filter(({ txnId }) => txnId !== message.txnId);
    const text = JSON.stringify({ ...message, userId: this.#userId(), keeper: this.#keeper });
    const size = others.reduce((sum, other) => sum + JSON.stringify(other).length, text.length);
    if (others.length >= MOST_KEPT || size > MOST_KEPT_TOGETHER) return false;
    this.#hold();
    store(PREFIX + message.txnId, text);
    return stored(PREFIX + message.txnId) === text;
  }

  /** It is in its channel, or was given up. */
  drop(txnId: string): void {
    store(PREFIX + txnId, null);
  }

  /**
   * Takes over what other tabs left when they were closed, now or later. What a tab that is open
   * has written is its own to send.
   */
  takeOver(take: (message: UnsentMessage) => void): void {
    const userId = this.#userId();
    for (const { keeper } of kept()) {
      if (keeper === this.#keeper || this.#succeeded.has(keeper)) continue;
      this.#succeeded.add(keeper);
      const inherit = () => {
        if (this.#userId() === userId) this.#inherit(keeper, take);
      };
      const { signal } = this.#leave;
      this.#locks?.request(LOCK + keeper, { signal }, inherit).catch(() => {});
    }
  }

  /** Erases what a user left: their session is over. */
  clear(userId: string): void {
    for (const message of kept()) if (message.userId === userId) this.drop(message.txnId);
    this.#succeeded.clear();
  }

  /** Erases what others left: this user is signed in, so their sessions are over. */
  clearOthers(userId: string): void {
    for (const message of kept()) if (message.userId !== userId) this.drop(message.txnId);
  }

  /** The page is closed: another tab may take over. */
  close(): void {
    this.#leave.abort();
  }

  #inherit(keeper: string, take: (message: UnsentMessage) => void): void {
    const userId = this.#userId();
    const left = kept().filter((other) => other.keeper === keeper && other.userId === userId);
    for (const { channelId, txnId, body, mentions, createdAt } of left) {
      const message = { channelId, txnId, body, mentions, createdAt };
      this.keep(message);
      take(message);
    }
  }

  /** Says to the other tabs, for as long as the page is open, that this one is there. */
  #hold(): void {
    if (this.#holding) return;
    this.#holding = true;
    const { signal } = this.#leave;
    const closed = () =>
      new Promise<void>((close) => {
        if (signal.aborted) close();
        signal.addEventListener('abort', () => close());
      });
    this.#locks?.request(LOCK + this.#keeper, { mode: 'exclusive' }, closed).catch(() => {});
  }
}

/** Everything that is kept, in the order of writing. */
function kept(): Kept[] {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    const messages = keys.flatMap((key) => parsed(stored(key)) ?? []);
    return messages.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  } catch {
    return [];
  }
}

function parsed(text: string | null): Kept | null {
  try {
    const message = JSON.parse(text ?? 'null') as Partial<Kept> | null;
    const { channelId, txnId, body, createdAt, userId, keeper } = message ?? {};
    const texts = [channelId, txnId, body, createdAt, userId, keeper];
    const mentions = message?.mentions;
    const ids = Array.isArray(mentions) && mentions.every((id) => typeof id === 'string');
    return ids && texts.every((each) => typeof each === 'string') ? (message as Kept) : null;
  } catch {
    return null;
  }
}
