/** The invites of a community. */

import type { Api } from '../api/http';
import type { Invite } from '../api/types';
import { RemoteList } from './remote_list.svelte';

/** What an invite allows. */
export interface InviteTerms {
  max_uses?: number;
  expires_in_seconds?: number;
}

/** The invites of one community that work. */
export class InviteList extends RemoteList<Invite> {
  readonly #api: Api;
  readonly #communityId: string;

  constructor(api: Api, communityId: string) {
    super(() =>
      api.get('/api/communities/{community_id}/invites', {
        path: { community_id: communityId },
      }),
    );
    this.#api = api;
    this.#communityId = communityId;
  }

  /** Makes an invite. */
  async create(terms: InviteTerms = {}): Promise<Invite> {
    const invite = await this.#api.post('/api/communities/{community_id}/invites', {
      path: { community_id: this.#communityId },
      body: terms,
    });
    this.change((list) => [invite, ...list]);
    return invite;
  }

  /** Ends an invite. */
  async revoke(code: string): Promise<void> {
    await this.#api.delete('/api/invites/{code}', { path: { code } });
    this.change((list) => list.filter((invite) => invite.code !== code));
  }
}
