import type { Message } from '../../api/types';
import { visibleName } from '../../text/names';

/** Who a message is shown to come from. */
export interface Sender {
  /** The same for messages that may stand under one name: one source, one name, one picture. */
  key: string;
  name: string;
  avatarUrl: string | null;
  /** Whether it came through a webhook, and so carries the badge. */
  webhook: boolean;
}

/** Who sent a message. Of a kind that is not known, only that is said. */
export function senderOf(message: Message): Sender {
  if (message.kind !== 'webhook') {
    const { kind } = message as { kind: unknown };
    return { key: `kind ${String(kind)}`, name: 'Unknown sender', avatarUrl: null, webhook: false };
  }
  const { name, avatar_url: avatar } = message.author;
  return {
    key: JSON.stringify([message.webhook_id, name, avatar]),
    name: visibleName(name, 'Webhook'),
    avatarUrl: avatar ?? null,
    webhook: true,
  };
}
