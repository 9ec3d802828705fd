/** The webhooks of a channel. */

import type { Api } from '../api/http';
import type { CreatedWebhook, Webhook } from '../api/types';
import { RemoteList, withItem } from './remote_list.svelte';

/** What to change of a webhook; what is absent stays. */
export interface WebhookChange {
  name?: string;
  /** The new picture; null for none. */
  avatar_url?: string | null;
  active?: boolean;
}

/** The webhooks of one channel. Their secrets are not kept: only `create` answers one. */
export class WebhookList extends RemoteList<Webhook> {
  readonly #api: Api;
  readonly #channelId: string;

  constructor(api: Api, channelId: string) {
    super(() =>
      api.get('/api/channels/{channel_id}/webhooks', { path: { channel_id: channelId } }),
    );
    this.#api = api;
    this.#channelId = channelId;
  }

  /** Makes a webhook. The answer holds its URL, which cannot be read again. */
  async create(name: string, avatarUrl?: string): Promise<CreatedWebhook> {
    const created = await this.#api.post('/api/channels/{channel_id}/webhooks', {
      path: { channel_id: this.#channelId },
      body: avatarUrl ? { name, avatar_url: avatarUrl } : { name },
    });
    const { token: _token, url: _url, ...webhook } = created;
    this.change((list) => [...list, webhook]);
    return created;
  }

  /** Renames it, changes its picture, switches it on or off. */
  async update(id: string, change: WebhookChange): Promise<void> {
    const webhook = await this.#api.patch('/api/webhooks/{webhook_id}', {
      path: { webhook_id: id },
      body: change,
    });
    this.change((list) => withItem(list, webhook, (other) => other.id === id));
  }

  /** Deletes it: its URL stops working at once, its messages stay. */
  async delete(id: string): Promise<void> {
    await this.#api.delete('/api/webhooks/{webhook_id}', { path: { webhook_id: id } });
    this.change((list) => list.filter((webhook) => webhook.id !== id));
  }
}
