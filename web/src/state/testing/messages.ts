/** Messages for tests. */

import type { Message, Notification } from '../../api/types';

/** The message at a place of a channel. */
export function message(seq: number, channelId = 'c1'): Message {
  return {
    id: `${channelId}-m${seq}`,
    channel_id: channelId,
    seq,
    kind: 'webhook',
    webhook_id: 'w1',
    author: { name: 'CI', avatar_url: null },
    content: `message ${seq}`,
    mentions: [],
    encrypted: false,
    created_at: '2026-06-04T13:34:30.789723+00:00',
  };
}

/** The messages from one place to another, both included. */
export function messages(from: number, to: number, channelId = 'c1'): Message[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) =>
    message(from + index, channelId),
  );
}

/** The places of messages. */
export function seqs(list: readonly Message[]): number[] {
  return list.map(({ seq }) => seq);
}

/** From one number to another, both included. */
export function range(from: number, to: number): number[] {
  return seqs(messages(from, to));
}

/** A mention of the user, by the message at a place. Ids are in order of `number`. */
export function mention(number: number, fields: Partial<Notification> = {}): Notification {
  return {
    id: `n${String(number).padStart(5, '0')}`,
    kind: 'mention',
    community_id: 'o1',
    channel_id: 'c1',
    channel_name: 'alerts',
    message_id: `c1-m${number}`,
    seq: number,
    author: { name: 'CI', avatar_url: null },
    preview: `message ${number}`,
    created_at: '2026-06-04T13:34:30.789723+00:00',
    read_at: null,
    ...fields,
  };
}
