/** The channel that was last open in each community, and the community of the last one. */

import { store, stored } from './preferences.svelte';

const KEY = 'chatalot.last_channels';
/** How many communities are remembered. */
const CAPACITY = 500;

/** Remembers on this device where somebody was. */
export class LastPlaces {
  /** Channels by community, the last one at the end. */
  #channels = new Map<string, string>(read());

  /** Notes that a channel is open. */
  visit(communityId: string, channelId: string): void {
    if ([...this.#channels].at(-1)?.[1] === channelId) return;
    this.#channels.delete(communityId);
    this.#channels.set(communityId, channelId);
    store(KEY, JSON.stringify([...this.#channels].slice(-CAPACITY)));
  }

  /** The channel that was last open in a community. */
  channelIn(communityId: string): string | undefined {
    return this.#channels.get(communityId);
  }

  /** The community that was last open. */
  get communityId(): string | undefined {
    return [...this.#channels.keys()].at(-1);
  }
}

function read(): [string, string][] {
  try {
    const pairs: unknown = JSON.parse(stored(KEY) ?? '[]');
    if (!Array.isArray(pairs)) return [];
    return pairs.filter(
      (pair): pair is [string, string] =>
        Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string',
    );
  } catch {
    return [];
  }
}
