/** The communities that the user is in. */

import type { Api } from '../api/http';
import type { Community, InvitePreview } from '../api/types';
import { InviteList } from './invites.svelte';
import { MemberList } from './members.svelte';
import type { People } from './people.svelte';
import { Recent } from './recent';
import { RemoteList, withItem } from './remote_list.svelte';
import { unobserved } from './unobserved.svelte';

/** How many communities' members and invites are held. */
const LISTS_HELD = 20;

/** What the communities are told about and tell. */
export interface CommunitiesContext {
  api: Api;
  people: People;
  /** The id of who is signed in. */
  userId(): string;
  /** Does something by which the user leaves a community. */
  byUser(communityId: string, act: () => Promise<void>): Promise<void>;
  /** The user is not in this community any more. */
  gone(communityId: string): void;
}

/** The user's communities. */
export class Communities extends RemoteList<Community> {
  readonly #context: CommunitiesContext;
  readonly #members = new Recent<MemberList>(LISTS_HELD);
  readonly #invites = new Recent<InviteList>(LISTS_HELD);

  constructor(context: CommunitiesContext) {
    super(() => context.api.get('/api/communities'));
    this.#context = context;
  }

  get(id: string): Community | undefined {
    return this.list.find((community) => community.id === id);
  }

  /** Makes a community; the user owns it, and it has a first channel. */
  async create(name: string): Promise<Community> {
    const community = await this.#context.api.post('/api/communities', { body: { name } });
    this.#put(community);
    return community;
  }

  async rename(id: string, name: string): Promise<void> {
    const community = await this.#context.api.patch('/api/communities/{community_id}', {
      path: { community_id: id },
      body: { name },
    });
    this.#put(community);
  }

  /** Deletes a community with everything in it. */
  delete(id: string): Promise<void> {
    return this.#context.byUser(id, async () => {
      await this.#context.api.delete('/api/communities/{community_id}', {
        path: { community_id: id },
      });
      this.#remove(id);
    });
  }

  leave(id: string): Promise<void> {
    return this.#context.byUser(id, async () => {
      await this.#context.api.delete('/api/communities/{community_id}/members/{user_id}', {
        path: { community_id: id, user_id: this.#context.userId() },
      });
      this.#remove(id);
    });
  }

  /** The members of a community. */
  members(id: string): MemberList {
    return this.#members.get(id, () => {
      const { api, people } = this.#context;
      const list = unobserved(() => new MemberList(api, people, id, () => void this.reload()));
      queueMicrotask(list.reload);
      return list;
    });
  }

  /** The invites of a community, for its admins. */
  invites(id: string): InviteList {
    return this.#invites.get(id, () => {
      const list = unobserved(() => new InviteList(this.#context.api, id));
      queueMicrotask(list.reload);
      return list;
    });
  }

  /** Where an invite leads. No session is needed. */
  lookUpInvite(code: string): Promise<InvitePreview> {
    return this.#context.api.get('/api/invites/{code}', { path: { code } });
  }

  /** Joins the community of an invite. */
  async acceptInvite(code: string): Promise<Community> {
    const community = await this.#context.api.post('/api/invites/{code}/accept', {
      path: { code },
    });
    this.#put(community);
    return community;
  }

  /** Reads the members again, of one community or of all, where they are held. */
  reloadMembers(id?: string): void {
    for (const [communityId, list] of this.#members.entries()) {
      if (id === undefined || id === communityId) void list.reload();
    }
  }

  /** Forgets everything: somebody else is signed in. */
  reset(): void {
    this.#members.clear();
    this.#invites.clear();
    this.status = 'loading';
    this.error = null;
    this.change(() => []);
  }

  protected override adopt(read: readonly Community[]): readonly Community[] {
    const left = this.list.filter((known) => !read.some((other) => other.id === known.id));
    for (const community of left) this.#forget(community.id);
    return read;
  }

  #put(community: Community): void {
    this.change((list) => withItem(list, community, (other) => other.id === community.id));
  }

  #remove(id: string): void {
    this.change((list) => list.filter((community) => community.id !== id));
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#members.delete(id);
    this.#invites.delete(id);
    this.#context.gone(id);
  }
}
