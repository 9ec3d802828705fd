/** The channel that was last open in each community, and the community of the last one. */

import type { Place, Router } from '../routing/router.svelte';
import type { Channels } from './channels.svelte';
import type { Communities } from './communities.svelte';
import { store, stored } from './preferences.svelte';

const KEY = 'chatalot.last_channels';
/** How many communities are remembered. */
const CAPACITY = 500;

/** What the places lie in. */
export interface LastPlacesContext {
  router: Router;
  communities: Communities;
  channels: Channels;
}

/** Remembers on this device where somebody was, and leads back there. */
export class LastPlaces {
  readonly #context: LastPlacesContext;
  /** Channels by community, the last one at the end. */
  #visited = new Map<string, string>(read());

  constructor(context: LastPlacesContext) {
    this.#context = context;
  }

  /** The community of the place, else the one that was last open, else the first. */
  get communityId(): string | undefined {
    const { channels, communities, router } = this.#context;
    const { place } = router;
    const here = place.kind === 'channel' ? channels.get(place.channelId) : undefined;
    if (here !== undefined) return here.community_id;
    const last = [...this.#visited.keys()].at(-1);
    const known = last !== undefined && communities.get(last) !== undefined;
    return known ? last : communities.list[0]?.id;
  }

  /** Where a community leads: the channel last open there, else the first that the user is in. */
  placeIn(communityId: string): Place | undefined {
    const joined = this.#context.channels.of(communityId).list.filter((channel) => channel.joined);
    const last = this.#visited.get(communityId);
    const channel = joined.find((other) => other.id === last) ?? joined[0];
    return channel && { kind: 'channel', channelId: channel.id };
  }

  /** Notes that a channel is open, to come back to it. */
  visit(channelId: string): void {
    const channel = this.#context.channels.get(channelId);
    if (!channel?.joined || [...this.#visited].at(-1)?.[1] === channelId) return;
    this.#visited.delete(channel.community_id);
    this.#visited.set(channel.community_id, channelId);
    store(KEY, JSON.stringify([...this.#visited].slice(-CAPACITY)));
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
