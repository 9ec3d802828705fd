import { getContext, setContext } from 'svelte';

import type { Channel, Community } from '../../api/types';
import type { Client } from '../../state/client.svelte';

const KEY = Symbol('whereabouts');

/** Which channel somebody is in, and which community the frame shows around it. */
export class Whereabouts {
  readonly #client: Client;
  /** A community that was chosen and may have no channel to go to. */
  #chosen = $state<string>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** The channel of the address, if it is known. */
  get channel(): Channel | undefined {
    const { place } = this.#client.router;
    return place.kind === 'channel' ? this.#client.channels.get(place.channelId) : undefined;
  }

  /** The community of the channel, else the one chosen, else the one looked at last. */
  get community(): Community | undefined {
    const { communities } = this.#client;
    const chosen = this.channel?.community_id ?? this.#chosen;
    const id = chosen && communities.get(chosen) ? chosen : this.#client.lastPlaces.communityId;
    return id === undefined ? undefined : communities.get(id);
  }

  /** The channels of the community that the user is in, in the order of the sidebar. */
  get channels(): Channel[] {
    const { community } = this;
    if (!community) return [];
    return this.#client.channels.of(community.id).list.filter((channel) => channel.joined);
  }

  /** Shows a community, also when it has no channel to go to. */
  choose(communityId: string): void {
    this.#chosen = communityId;
  }

  /** Notes that the present channel is the one to come back to. */
  remember(): void {
    const { channel } = this;
    if (!channel) return;
    this.#chosen = channel.community_id;
    this.#client.lastPlaces.visit(channel.id);
  }
}

/** Gives the whereabouts to the components of the frame. */
export function provideWhereabouts(client: Client): Whereabouts {
  return setContext(KEY, new Whereabouts(client));
}

/** The whereabouts. Called while a component is being set up. */
export function useWhereabouts(): Whereabouts {
  return getContext<Whereabouts>(KEY);
}
