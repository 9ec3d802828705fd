/** Who is in a community, and as what. */

import type { Api } from '../api/http';
import type { Member, Role } from '../api/types';
import type { People } from './people.svelte';
import { RemoteList } from './remote_list.svelte';

const RANK: Record<Role, number> = { owner: 0, admin: 1, member: 2 };

/** The members of one community: owner, admins, members, each by name. */
export class MemberList extends RemoteList<Member> {
  readonly #api: Api;
  readonly #people: People;
  readonly #communityId: string;
  readonly #roleChanged: () => void;

  constructor(api: Api, people: People, communityId: string, roleChanged: () => void) {
    super(() =>
      api.get('/api/communities/{community_id}/members', {
        path: { community_id: communityId },
      }),
    );
    this.#api = api;
    this.#people = people;
    this.#communityId = communityId;
    this.#roleChanged = roleChanged;
  }

  /** Changes a member's role; `owner` hands the community over. */
  async setRole(userId: string, role: Role): Promise<void> {
    const changed = await this.#api.patch('/api/communities/{community_id}/members/{user_id}', {
      path: { community_id: this.#communityId, user_id: userId },
      body: { role },
    });
    this.change((list) =>
      list.map((member) => (member.user.id === userId ? changed : member)).sort(byRankAndName),
    );
    if (role !== 'owner') return;
    // The former owner has another role now, too.
    this.#roleChanged();
    await this.reload();
  }

  /** Removes a member from the community. */
  async remove(userId: string): Promise<void> {
    await this.#api.delete('/api/communities/{community_id}/members/{user_id}', {
      path: { community_id: this.#communityId, user_id: userId },
    });
    this.change((list) => list.filter((member) => member.user.id !== userId));
  }

  protected override adopt(read: readonly Member[]): readonly Member[] {
    this.#people.meet(read.map((member) => member.user));
    return [...read].sort(byRankAndName);
  }
}

function byRankAndName(a: Member, b: Member): number {
  return RANK[a.role] - RANK[b.role] || a.user.display_name.localeCompare(b.user.display_name);
}
