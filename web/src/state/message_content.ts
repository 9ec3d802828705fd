/** What a message says, as far as it can be shown. */

import type { Message, UserMessage } from '../api/types';
import type { Unreadable } from '../encryption/types';

/** What to show of an encrypted message. */
export type UserContent =
  | {
      state: 'clear';
      body: string;
      mentions: readonly string[];
      mentionsMe: boolean;
      /** The key came from the backup, which does not prove who wrote the message. */
      imported: boolean;
    }
  /** It was written before the user was in the channel, for those who were. */
  | { state: 'earlier' }
  | Unreadable;

/** What to show of a message. */
export type MessageContent =
  /** Markdown from outside. */
  | { kind: 'text'; text: string }
  /** It was deleted. */
  | { kind: 'deleted' }
  /** Markdown from a member, that only members can read. */
  | ({ kind: 'user' } & UserContent)
  /** It is of a kind that this version of the client does not know. */
  | { kind: 'unknown'; messageKind: string };

/** The one way from a message to what is shown of it; `read` says what encrypted ones hold. */
export function contentOf(
  message: Message,
  read: (message: UserMessage) => UserContent,
): MessageContent {
  if (message.deleted) return { kind: 'deleted' };
  switch (message.kind) {
    case 'webhook':
      return { kind: 'text', text: message.content ?? '' };
    case 'user':
      return { kind: 'user', ...read(message) };
    default:
      return { kind: 'unknown', messageKind: String((message as Message).kind) };
  }
}
