/** The messages of a channel as somebody reads them. */

import { asProblem, type Problem } from '../api/http';
import type { Message } from '../api/types';
import { GREATEST_PAGE, MessagePages, type Page, PAGE, type PageRequest } from './message_pages';
import {
  append,
  cutNewest,
  cutOldest,
  EMPTY,
  firstSeq,
  holds,
  lastSeq,
  type MessageWindow,
  MOST_HELD,
  prepend,
  revise,
} from './message_window';
import type { Status } from './remote_list.svelte';
import { Revisions } from './revisions';

/** With this many unread messages they are all read at once, with something before them. */
const UNREAD_AT_ONCE = 120;
const BEFORE_UNREAD = 30;
/** How many messages wait while a page is being read. More are read again instead. */
const MOST_WAITING = 500;
/** How many pages are read to close a gap. A greater one is left open. */
const PAGES_TO_CLOSE_A_GAP = 5;

/** What a timeline needs of the rest. */
export interface TimelineContext {
  /** Finds out how far the channel goes and how far it was read; rejects if there is none. */
  find(channelId: string): Promise<{ last_seq: number; read_seq: number; joined: boolean }>;
  readPage(channelId: string, page: PageRequest): Promise<Page>;
  deleteMessage(channelId: string, messageId: string): Promise<void>;
  /** How far the user has read. */
  readSeq(channelId: string): number;
  /** The place of the channel's newest message, as far as is known. */
  head(channelId: string): number;
  /** How many messages the user has not read. */
  unread(channelId: string): number;
  /** The user has seen everything up to here. */
  markRead(channelId: string, seq: number): void;
  /** Somebody reads this timeline now. */
  opened(timeline: Timeline): void;
  /** Whether somebody reads this timeline now. */
  isOpen(timeline: Timeline): boolean;
}

/**
 * A contiguous window on a channel. It grows at both ends as somebody scrolls, takes in what
 * comes live while it touches the end of the channel, and lets its far end go when it is too
 * large.
 */
export class Timeline {
  readonly channelId: string;
  status = $state<Status>('loading');
  error = $state.raw<Problem | null>(null);
  loadingOlder = $state(false);
  loadingNewer = $state(false);
  /** Why older messages could not be read; `loadOlder` tries again. */
  olderError = $state.raw<Problem | null>(null);
  /** Why newer messages could not be read; `loadNewer` tries again. */
  newerError = $state.raw<Problem | null>(null);
  /** The place of the first message that was new when the channel was opened or looked at. */
  newFromSeq = $state<number | null>(null);

  #window = $state.raw<MessageWindow>(EMPTY);
  #atBottom = $state(true);
  readonly #context: TimelineContext;
  readonly #revisions = new Revisions();
  readonly #pages: MessagePages;
  /** Grows whenever the window is read anew, so that a page for an earlier one is not used. */
  #generation = 0;
  /** Messages that came while pages were being read, or behind a gap. */
  #waiting: Message[] = [];
  #filling = false;
  /** Whether what is held may be out of date, so that opening reads it anew. */
  #stale = true;
  /** What was displayed while nobody could see the page. */
  #displayedUnseen = 0;
  #openedAt: number | undefined;

  constructor(channelId: string, context: TimelineContext) {
    this.channelId = channelId;
    this.#context = context;
    this.#pages = new MessagePages(
      (request) => context.readPage(channelId, request),
      this.#revisions.latest,
    );
  }

  /** The messages held, in order. */
  get messages(): readonly Message[] {
    return this.#window.messages;
  }

  get hasOlder(): boolean {
    return this.#window.hasOlder;
  }

  get hasNewer(): boolean {
    return this.#window.hasNewer;
  }

  /** How many messages have arrived that nobody has seen, while the end is out of sight. */
  get newBelow(): number {
    const inSight = this.#atBottom && !this.#window.hasNewer;
    return inSight ? 0 : this.#context.unread(this.channelId);
  }

  /**
   * Shows the channel: at a message, else at the first unread one, else at the end. What is held
   * is shown at once when it covers that place.
   */
  open = async (atSeq?: number): Promise<void> => {
    this.#context.opened(this);
    this.#openedAt = atSeq;
    const generation = (this.#generation += 1);
    this.olderError = null;
    this.newerError = null;
    if (this.status === 'error') this.status = 'loading';
    try {
      const { last_seq, read_seq, joined } = await this.#context.find(this.channelId);
      if (generation !== this.#generation) return;
      const unread = joined ? Math.max(0, last_seq - read_seq) : 0;
      this.newFromSeq = unread > 0 ? read_seq + 1 : null;
      this.#atBottom = atSeq === undefined && unread === 0;
      if (this.#covers(atSeq, unread, read_seq)) return this.#arrived();
      this.status = 'loading';
      const window = await this.#readAt(atSeq, unread, read_seq);
      if (generation === this.#generation) this.#show(window);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.error = asProblem(error);
      this.status = 'error';
    }
  };

  /** Reads the same place again, after an error. */
  reload = (): Promise<void> => {
    this.#stale = true;
    return this.open(this.#openedAt);
  };

  /** Reads the page before the first message held. */
  loadOlder = async (): Promise<void> => {
    if (this.status !== 'ready' || !this.hasOlder || this.loadingOlder) return;
    const generation = this.#generation;
    this.loadingOlder = true;
    this.olderError = null;
    try {
      const page = await this.#pages.page({ before: firstSeq(this.#window), limit: PAGE });
      if (generation !== this.#generation) return;
      this.#window = cutNewest(prepend(this.#window, page.messages, page.has_more));
    } catch (error) {
      if (generation === this.#generation) this.olderError = asProblem(error);
    } finally {
      this.loadingOlder = false;
    }
  };

  /** Reads the page after the last message held. */
  loadNewer = async (): Promise<void> => {
    if (this.status !== 'ready' || !this.hasNewer || this.loadingNewer) return;
    const generation = this.#generation;
    this.loadingNewer = true;
    this.newerError = null;
    try {
      const page = await this.#pages.page({ after: lastSeq(this.#window), limit: PAGE });
      if (generation !== this.#generation) return;
      const { window } = append(this.#window, page.messages);
      this.#window = cutOldest({ ...window, hasNewer: page.has_more });
      this.#catchUp();
    } catch (error) {
      if (generation === this.#generation) this.newerError = asProblem(error);
    } finally {
      this.loadingNewer = false;
    }
  };

  /** Shows the end of the channel. */
  jumpToLatest = async (): Promise<void> => {
    this.#openedAt = undefined;
    if (this.status !== 'ready' || this.hasNewer) await this.#readNewest();
    if (this.newerError === null) this.#atBottom = true;
  };

  /** Whether the last message held is in sight. */
  setAtBottom = (atBottom: boolean): void => {
    this.#atBottom = atBottom;
  };

  /** Everything up to this place has been on the screen. It counts once the page is seen. */
  displayed = (seq: number): void => {
    if (document.visibilityState !== 'visible') {
      this.#displayedUnseen = Math.max(this.#displayedUnseen, seq);
      return;
    }
    if (seq > this.#context.readSeq(this.channelId)) this.#context.markRead(this.channelId, seq);
  };

  /** Somebody looks at the page again. */
  seen(): void {
    const seq = this.#displayedUnseen;
    this.#displayedUnseen = 0;
    if (seq > 0) this.displayed(seq);
  }

  /** Deletes a message. */
  delete = async (messageId: string): Promise<void> => {
    await this.#context.deleteMessage(this.channelId, messageId);
    this.deleted(messageId);
  };

  /** The last message that is held without a gap; nothing when the end is not held. */
  get cursor(): number | undefined {
    const follows = this.status === 'ready' && !this.#stale && !this.#window.hasNewer;
    return follows ? lastSeq(this.#window) : undefined;
  }

  /** Messages came live, or by a replay. */
  receive(messages: readonly Message[]): void {
    if (this.status === 'error') return;
    if (this.status === 'loading' || this.loadingNewer || this.#filling) {
      this.#waiting = [...this.#waiting, ...messages].slice(-MOST_WAITING);
      return;
    }
    if (!this.#window.hasNewer) this.#append(messages);
  }

  /** The channel is watched, and its newest message was at `head` then. */
  watched(head: number): void {
    const cursor = this.cursor;
    if (cursor !== undefined && head > cursor) void this.#fill();
  }

  /** What was missed is not replayed; the channel's newest message is at `head`. */
  missed(head: number): void {
    if (head < lastSeq(this.#window)) return this.restart();
    if (!this.#context.isOpen(this)) this.#stale = true;
    else if (this.#atBottom) void this.#readNewest();
    else this.#window = { ...this.#window, hasNewer: true };
  }

  /** The server has another history now: nothing that is held means anything. */
  restart(): void {
    this.#generation += 1;
    this.#window = EMPTY;
    this.#waiting = [];
    this.#revisions.clear();
    this.#stale = true;
    this.status = 'loading';
    if (this.#context.isOpen(this)) void this.open();
  }

  /** The connection is back. Deletions while it was away are not told again: they are read. */
  reconnected(): void {
    this.#revisions.clear();
    if (!this.#context.isOpen(this)) this.#stale = true;
    else if (this.status === 'error') void this.reload();
    else if (this.status === 'ready') void this.#reread();
  }

  /** A message was deleted. */
  deleted(messageId: string): void {
    this.#revisions.delete(messageId);
    this.#revise();
  }

  /** A message was edited. */
  edited(message: Message): void {
    this.#revisions.edit(message);
    this.#revise();
  }

  #covers(atSeq: number | undefined, unread: number, readSeq: number): boolean {
    if (this.status !== 'ready' || this.#stale) return false;
    if (atSeq !== undefined) return holds(this.#window, atSeq);
    if (unread > 0) return holds(this.#window, readSeq + 1);
    return !this.#window.hasNewer;
  }

  #arrived(): void {
    this.error = null;
    this.status = 'ready';
  }

  #readAt(atSeq: number | undefined, unread: number, readSeq: number): Promise<MessageWindow> {
    if (atSeq !== undefined) return this.#pages.around(atSeq);
    if (unread > UNREAD_AT_ONCE) return this.#pages.around(readSeq);
    return this.#pages.end(Math.max(PAGE, unread + BEFORE_UNREAD));
  }

  async #readNewest(): Promise<void> {
    const generation = (this.#generation += 1);
    this.loadingNewer = true;
    this.newerError = null;
    try {
      const window = await this.#pages.end();
      if (generation === this.#generation) this.#show(window);
    } catch (error) {
      if (generation !== this.#generation) return;
      if (this.status === 'ready') {
        this.newerError = asProblem(error);
        this.#window = { ...this.#window, hasNewer: true };
      } else {
        this.error = asProblem(error);
        this.status = 'error';
      }
    } finally {
      this.loadingNewer = false;
    }
  }

  #show(window: MessageWindow): void {
    this.#window = window;
    this.#stale = false;
    this.#revise();
    this.#arrived();
    this.#catchUp();
  }

  /** Takes in what came while a page was being read, and reads what is still missing. */
  #catchUp(): void {
    this.#takeWaiting();
    this.watched(this.#context.head(this.channelId));
  }

  #takeWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0 && !this.#window.hasNewer) this.#append(waiting);
  }

  #append(messages: readonly Message[]): void {
    const before = lastSeq(this.#window);
    const { window, detached } = append(this.#window, messages.map(this.#revisions.latest));
    if (window !== this.#window) {
      const tooLarge = window.messages.length > MOST_HELD;
      // What somebody reads further up does not move: then the end is let go instead.
      this.#window =
        tooLarge && !this.#atBottom ? { ...this.#window, hasNewer: true } : cutOldest(window);
      this.#drawNewLine(before + 1);
    }
    if (detached.length > 0 && !this.#window.hasNewer) {
      this.#waiting = detached.slice(-MOST_WAITING);
      void this.#fill();
    }
  }

  /** Messages that nobody sees come under a line, unless they are under one already. */
  #drawNewLine(seq: number): void {
    const read = this.#context.readSeq(this.channelId);
    if (this.newFromSeq !== null && this.newFromSeq > read) return;
    if (this.#atBottom && document.visibilityState === 'visible') return;
    this.newFromSeq = seq;
  }

  /** Reads what is missing between what is held and what came. */
  async #fill(): Promise<void> {
    if (this.#filling) return;
    const generation = this.#generation;
    const before = lastSeq(this.#window);
    this.#filling = true;
    const closed = await this.#readMissing(generation);
    this.#filling = false;
    if (generation !== this.#generation) {
      // The window was read anew meanwhile, and what came for it has waited.
      if (this.status === 'ready') this.#catchUp();
      return;
    }
    const progress = lastSeq(this.#window) > before || this.#waiting.length === 0;
    if (closed && progress) return this.#takeWaiting();
    // Too much is missing, or it cannot be read now: somebody who wants it scrolls there.
    this.#waiting = [];
    this.#window = { ...this.#window, hasNewer: true };
  }

  /** Reads on from what is held; says whether that reached the end of the channel. */
  async #readMissing(generation: number): Promise<boolean> {
    try {
      for (let pages = 0; pages < PAGES_TO_CLOSE_A_GAP; pages += 1) {
        const page = await this.#pages.page({ after: lastSeq(this.#window), limit: GREATEST_PAGE });
        if (generation !== this.#generation) return false;
        this.#append(page.messages);
        if (!page.has_more) return true;
      }
    } catch (error) {
      if (generation === this.#generation) this.newerError = asProblem(error);
    }
    return false;
  }

  /** Reads what is held again, and takes over what happened to it. */
  async #reread(): Promise<void> {
    const generation = this.#generation;
    try {
      for await (const revised of this.#pages.again(this.#window)) {
        if (generation !== this.#generation) return;
        this.#window = revised(this.#window);
      }
    } catch {
      // What is shown may lack a deletion until the channel is opened again.
      this.#stale = true;
    }
  }

  #revise(): void {
    this.#window = revise(this.#window, this.#revisions.latest);
  }
}
