import type { Message } from '../../api/types';
import type { MessageContent } from '../../state/message_content';

/** What a member wrote in a message, when it can be read here. */
export function bodyOf(content: MessageContent): string | undefined {
  return content.kind === 'user' && content.state === 'clear' ? content.body : undefined;
}

/** Whether a user wrote a message. */
export function isBy(message: Message, userId: string | undefined): boolean {
  return message.kind === 'user' && message.author.user_id === userId;
}

/** The last message of a user that can be edited, with what it says. */
export function lastOwnMessage(
  messages: readonly Message[],
  userId: string | undefined,
  contentOf: (message: Message) => MessageContent,
): { message: Message; body: string } | undefined {
  for (const message of messages.toReversed()) {
    const body = isBy(message, userId) ? bodyOf(contentOf(message)) : undefined;
    if (body !== undefined) return { message, body };
  }
  return undefined;
}
