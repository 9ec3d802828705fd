/** Which channels a connection watches, and from where it catches up. */

import type { ClientFrame, Watch } from './frames';

/** The most channels in one frame. */
export const MOST_IN_A_FRAME = 100;
/** The most channels on one connection. */
export const MOST_CHANNELS = 1_000;

/** What the subscriptions need. */
export interface SubscriptionsLink {
  /** Sends a frame; false when it cannot be sent now. */
  send(frame: ClientFrame): boolean;
  /** The last message that is held of a channel without a gap, if any are. */
  cursorOf(channelId: string): number | undefined;
}

/** Keeps the server's idea of what is watched equal to what the client wants to watch. */
export class Subscriptions {
  readonly #link: SubscriptionsLink;
  /** What is to be watched, the most important first. */
  #wanted: readonly string[] = [];
  /** What the connection was told to watch; whether a replay was asked for. */
  #asked = new Map<string, { replay: boolean }>();
  #epoch: string | null = null;
  #online = false;

  constructor(link: SubscriptionsLink) {
    this.#link = link;
  }

  /**
   * A connection is there. Says whether it speaks of another history of the database than the
   * positions do: then they mean nothing, and the caller has dropped what it held by the time
   * that it calls `resume`.
   */
  connected(epoch: string): boolean {
    const changed = this.#epoch !== null && this.#epoch !== epoch;
    this.#epoch = epoch;
    this.#asked.clear();
    return changed;
  }

  /** Asks for everything that is wanted. */
  resume(): void {
    this.#online = true;
    this.#update();
  }

  /** The connection is gone, and with it what it watched. */
  disconnected(): void {
    this.#online = false;
    this.#asked.clear();
  }

  /** Watches these channels and no others, as far as a connection can; the first come first. */
  want(channelIds: Iterable<string>): void {
    this.#wanted = [...new Set(channelIds)].slice(0, MOST_CHANNELS);
    if (this.#online) this.#update();
  }

  /** Watches a channel anew, from where it is held. */
  renew(channelId: string): void {
    if (!this.#online || !this.#wanted.includes(channelId)) return;
    this.#asked.delete(channelId);
    this.#update();
  }

  /** Whether the channel's messages that were missed follow its `subscribed`. */
  replays(channelId: string): boolean {
    return this.#asked.get(channelId)?.replay ?? false;
  }

  /** The server watches this channel no more, or never did. */
  dropped(channelId: string): void {
    this.#asked.delete(channelId);
    this.#wanted = this.#wanted.filter((id) => id !== channelId);
  }

  /** Forgets everything, for somebody else. */
  reset(): void {
    this.#wanted = [];
    this.#epoch = null;
    this.disconnected();
  }

  #update(): void {
    const wanted = new Set(this.#wanted);
    this.#inFrames(
      [...this.#asked.keys()].filter((id) => !wanted.has(id)),
      (channels) => ({ type: 'unsubscribe', channels }),
      (id) => this.#asked.delete(id),
    );
    this.#inFrames(
      this.#wanted.filter((id) => !this.#asked.has(id)).map((id) => this.#watch(id)),
      (channels) => ({
        type: 'subscribe',
        channels,
        ...(this.#epoch === null ? {} : { epoch: this.#epoch }),
      }),
      (watch) => this.#asked.set(watch.id, { replay: watch.after_seq !== undefined }),
    );
  }

  #watch(id: string): Watch {
    const cursor = this.#link.cursorOf(id);
    return cursor === undefined ? { id } : { id, after_seq: cursor };
  }

  #inFrames<T>(items: T[], frame: (part: T[]) => ClientFrame, sent: (item: T) => void): void {
    for (let start = 0; start < items.length; start += MOST_IN_A_FRAME) {
      const part = items.slice(start, start + MOST_IN_A_FRAME);
      if (!this.#link.send(frame(part))) return;
      part.forEach(sent);
    }
  }
}
