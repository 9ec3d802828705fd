import type { Message } from '../../api/types';
import { visibleName } from '../../text/names';

/** Who a message is shown to come from. */
export interface Sender {
  /** The same for messages that may stand under one name: one source, one name, one picture. */
  key: string;
  name: string;
  avatarUrl: string | null;
  /**
   * Who it is: a webhook, whose messages carry the badge, or a member, whose are end-to-end
   * encrypted.
   */
  kind: 'webhook' | 'member' | 'unknown';
}

/** Who sent a message. Of a kind that is not known, only that is said. */
export function senderOf(message: Message): Sender {
  switch (message.kind) {
    case 'webhook': {
      const { name, avatar_url: avatar } = message.author;
      return {
        key: JSON.stringify([message.webhook_id, name, avatar]),
        name: visibleName(name, 'Webhook'),
        avatarUrl: avatar ?? null,
        kind: 'webhook',
      };
    }
    case 'user':
      return memberAsSender(message.author.user_id, message.author.display_name);
    default: {
      const { kind } = message as { kind: unknown };
      const key = `kind ${String(kind)}`;
      return { key, name: 'Unknown sender', avatarUrl: null, kind: 'unknown' };
    }
  }
}

/** A member as the sender of what they wrote. */
export function memberAsSender(userId: string, displayName: string): Sender {
  const name = visibleName(displayName, 'Member');
  return { key: `member ${userId}`, name, avatarUrl: null, kind: 'member' };
}
