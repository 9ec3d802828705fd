/** A channel with members, and what they wrote, for tests of screens. */

import type { Message, User } from '../../api/types';
import { ME } from '../../state/testing/scripted_server';
import { envelopeOf } from './scripted_engine';

/** The channel that the members are in. */
export const CHANNEL = '00000000-0000-7000-8000-000000000002';

export const BOB: User = { ...ME, id: 'bob', username: 'bob', display_name: 'Bob Miller' };
export const ZOE: User = { ...ME, id: 'zoe', username: 'zoe', display_name: 'Zoë' };

/** A message that a member wrote, as it comes from the server; its id is `m` and its place. */
export function written(
  seq: number,
  body: string,
  author: User = ME,
  mentions: string[] = [],
  fields: { deleted?: boolean; edited_at?: string } = {},
): Message {
  return {
    id: `m${seq}`,
    channel_id: CHANNEL,
    seq,
    kind: 'user',
    author: {
      user_id: author.id,
      username: author.username,
      display_name: author.display_name,
      device_id: 'device',
    },
    encrypted: true,
    envelope: envelopeOf(CHANNEL, body, { mentions }),
    created_at: '2026-06-04T13:34:30.789723+00:00',
    ...fields,
  };
}
