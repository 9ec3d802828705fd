/** What happened to messages after they were written: deletions and edits. */

import type { Message } from '../api/types';

/** How many are remembered; the oldest are forgotten first. */
const CAPACITY = 1_000;

/**
 * Remembers revisions, because a page that was read before one can arrive after it, and would
 * bring back what was taken away.
 */
export class Revisions {
  readonly #byMessage = new Map<string, 'deleted' | Message>();

  /** A message was deleted. */
  delete(messageId: string): void {
    this.#remember(messageId, 'deleted');
  }

  /** A message was edited. */
  edit(message: Message): void {
    if (this.#byMessage.get(message.id) !== 'deleted') this.#remember(message.id, message);
  }

  /** The message as it is after all that is known to have happened to it. */
  latest = (message: Message): Message => {
    const revision = this.#byMessage.get(message.id);
    if (revision === undefined || message.deleted) return message;
    return revision === 'deleted' ? withoutContent(message) : revision;
  };

  /** Forgets everything. */
  clear(): void {
    this.#byMessage.clear();
  }

  #remember(messageId: string, revision: 'deleted' | Message): void {
    this.#byMessage.delete(messageId);
    this.#byMessage.set(messageId, revision);
    for (const oldest of this.#byMessage.keys()) {
      if (this.#byMessage.size <= CAPACITY) break;
      this.#byMessage.delete(oldest);
    }
  }
}

/** What is left of a message that was deleted: its place, and who wrote it when. */
function withoutContent(message: Message): Message {
  return message.kind === 'webhook'
    ? { ...message, deleted: true, content: null, mentions: [] }
    : { ...message, deleted: true, envelope: null };
}
