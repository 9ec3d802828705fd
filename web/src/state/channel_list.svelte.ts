/** The channels of one community. */

import type { Channel } from '../api/types';
import { RemoteList } from './remote_list.svelte';

/** The channels of one community that the user may see, in the order they were made. */
export class ChannelList extends RemoteList<Channel> {
  readonly #taken: (read: readonly Channel[], before: readonly Channel[]) => readonly Channel[];

  constructor(
    read: () => Promise<readonly Channel[]>,
    taken: (read: readonly Channel[], before: readonly Channel[]) => readonly Channel[],
  ) {
    super(read);
    this.#taken = taken;
  }

  /** Shows a channel that was made or found outside of a reading. */
  add(channel: Channel): void {
    if (this.list.some((other) => other.id === channel.id)) return;
    this.change((list) => [...list, channel]);
  }

  /** Shows a channel no more. */
  remove(channelId: string): void {
    this.change((list) => list.filter((channel) => channel.id !== channelId));
  }

  protected override adopt(read: readonly Channel[]): readonly Channel[] {
    return this.#taken(read, this.list);
  }
}
