/** Reading a channel in pages. */

import type { Message } from '../api/types';
import { append, firstSeq, lastSeq, type MessageWindow, revise } from './message_window';

/** How many messages a page has that is read because somebody scrolls. */
export const PAGE = 50;
/** The greatest page that the server gives. */
export const GREATEST_PAGE = 200;

/** A part of a channel to read: around a cursor, or the newest. */
export interface PageRequest {
  before?: number;
  after?: number;
  limit: number;
}

/** A page, in ascending order, and whether there are more in the direction of the request. */
export interface Page {
  messages: Message[];
  has_more: boolean;
}

/** Reads pages of one channel, each message as it is after all that happened to it. */
export class MessagePages {
  readonly #read: (request: PageRequest) => Promise<Page>;
  readonly #latest: (message: Message) => Message;

  constructor(
    read: (request: PageRequest) => Promise<Page>,
    latest: (message: Message) => Message,
  ) {
    this.#read = read;
    this.#latest = latest;
  }

  /** One page. */
  async page(request: PageRequest): Promise<Page> {
    const limit = Math.min(GREATEST_PAGE, request.limit);
    const page = await this.#read({ ...request, limit });
    // What happened while the page was under way counts, too.
    return { ...page, messages: page.messages.map(this.#latest) };
  }

  /** The end of the channel. */
  async end(limit = PAGE): Promise<MessageWindow> {
    const page = await this.page({ limit });
    return { messages: page.messages, hasOlder: page.has_more, hasNewer: false };
  }

  /** What surrounds a place. */
  async around(seq: number): Promise<MessageWindow> {
    const [older, newer] = await Promise.all([
      this.page({ before: seq + 1, limit: PAGE }),
      this.page({ after: seq, limit: PAGE }),
    ]);
    const before = { messages: older.messages, hasOlder: older.has_more, hasNewer: false };
    return { ...append(before, newer.messages).window, hasNewer: newer.has_more };
  }

  /** Reads what a window holds again; each page answers what to make of the window then. */
  async *again(window: MessageWindow): AsyncGenerator<(held: MessageWindow) => MessageWindow> {
    const last = lastSeq(window);
    let after = firstSeq(window) - 1;
    while (after >= 0 && after < last) {
      const { messages } = await this.page({ after, limit: GREATEST_PAGE });
      const end = messages.at(-1);
      if (end === undefined) return;
      const fresh = new Map(messages.map((message) => [message.id, message]));
      yield (held) => revise(held, (message) => withChanges(message, fresh.get(message.id)));
      after = end.seq;
    }
  }
}

/** The held message itself where nothing changed, so that it is not drawn again. */
function withChanges(held: Message, fresh: Message | undefined): Message {
  if (fresh === undefined || JSON.stringify(fresh) === JSON.stringify(held)) return held;
  return fresh;
}
