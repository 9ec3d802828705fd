/** Mentions that only this device knows of: the server cannot read whom a message mentions. */

import type { UserMessage } from '../api/types';
import { plainPreview } from '../text/plain_preview';
import type { Alerts } from './alerts.svelte';
import type { Channels } from './channels.svelte';

/** What they are told to. */
export interface EncryptedMentionsContext {
  channels: Channels;
  alerts: Alerts;
}

/** Alerts the user to mentions that were found by decrypting. */
export class EncryptedMentions {
  readonly #context: EncryptedMentionsContext;

  constructor(context: EncryptedMentionsContext) {
    this.#context = context;
  }

  /** A message that came just now mentions the user. */
  note(message: UserMessage, body: string): void {
    const { channels, alerts } = this.#context;
    const channel = channels.get(message.channel_id);
    if (channel === undefined || message.seq <= channel.read_seq) return;
    channels.findMention(channel.id, message.id, message.seq);
    void alerts.arrive({
      id: message.id,
      kind: 'mention',
      community_id: channel.community_id,
      channel_id: channel.id,
      channel_name: channel.name,
      message_id: message.id,
      seq: message.seq,
      author: { name: message.author.display_name, avatar_url: null },
      preview: plainPreview(body),
      created_at: message.created_at,
      read_at: null,
    });
  }
}
