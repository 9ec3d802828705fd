/** Who is in a channel. */

import type { Api } from '../api/http';
import type { User } from '../api/types';
import type { People } from './people.svelte';
import { RemoteList } from './remote_list.svelte';

/** The members of one channel, by name. */
export class ChannelMembers extends RemoteList<User> {
  readonly #api: Api;
  readonly #people: People;
  readonly #channelId: string;
  readonly #read: (members: readonly User[]) => void;

  /** `read` is told of whom the server names. */
  constructor(
    api: Api,
    people: People,
    channelId: string,
    read: (members: readonly User[]) => void,
  ) {
    super(() => api.get('/api/channels/{channel_id}/members', { path: { channel_id: channelId } }));
    this.#api = api;
    this.#people = people;
    this.#channelId = channelId;
    this.#read = read;
  }

  /** Puts a member of the community into the channel. */
  async add(userId: string): Promise<void> {
    await this.#api.put('/api/channels/{channel_id}/members/{user_id}', {
      path: { channel_id: this.#channelId, user_id: userId },
    });
    const user = this.#people.get(userId);
    if (user === undefined) return this.reload();
    this.change((list) =>
      [...list.filter((other) => other.id !== userId), user].sort(byDisplayName),
    );
  }

  /** Takes somebody out of the channel. */
  async remove(userId: string): Promise<void> {
    await this.#api.delete('/api/channels/{channel_id}/members/{user_id}', {
      path: { channel_id: this.#channelId, user_id: userId },
    });
    this.change((list) => list.filter((user) => user.id !== userId));
  }

  protected override adopt(read: readonly User[]): readonly User[] {
    this.#people.meet(read);
    this.#read(read);
    return [...read].sort(byDisplayName);
  }
}

function byDisplayName(a: User, b: User): number {
  return a.display_name.localeCompare(b.display_name);
}
