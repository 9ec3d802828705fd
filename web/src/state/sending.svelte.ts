/** What the user writes, on its way into a channel. */

import { asProblem, Problem } from '../api/problem';
import type { Message, User, UserMessage } from '../api/types';
import type { CryptoEngine, Envelope, Plaintext } from '../encryption/types';
import { pauseBefore } from '../protocol/backoff';
import { encryptionProblem } from './encryption_problem';
import type { UnsentMessage, UnsentMessages } from './unsent';

/** How often a message is encrypted anew because the members changed meanwhile. */
const MOST_ENCRYPTIONS = 5;
/** How often a call is made in all when no answer comes, or one that says to try again. */
const MOST_CALLS = 4;
/** A server that wants a longer pause than this is not waited for; the user is told instead. */
const LONGEST_WAIT_SECONDS = 10;

/** The members of a channel, and which state of them that is. */
export interface MembersState {
  version: number;
  ids: string[];
}

/** Where a message that was sent is. */
export interface Posted {
  message_id: string;
  seq: number;
  created_at: string;
}

/** What sending needs of the rest. */
export interface SendingContext {
  engine(): Promise<CryptoEngine>;
  /** The members as far as they are known; `again` when that was out of date. */
  members(channelId: string, again: boolean): Promise<MembersState>;
  post(channelId: string, txnId: string, version: number, envelope: Envelope): Promise<Posted>;
  replace(
    channelId: string,
    messageId: string,
    version: number,
    envelope: Envelope,
  ): Promise<Message>;
  /** Keeps what is on its way over the end of the page. */
  unsent: Pick<UnsentMessages, 'keep' | 'drop'>;
  /** Who writes. */
  author(): User | null;
  /** A message is in the channel. */
  sent(message: UserMessage, plaintext: Plaintext): void;
  /** A message has another text. */
  edited(message: UserMessage, plaintext: Plaintext): void;
}

/** A message that is not in the channel yet. */
export class Outgoing {
  /** By what the server knows it when it is sent again. */
  readonly txnId: string;
  readonly body: string;
  readonly mentions: readonly string[];
  /** The message that this is a new text of; null for a new message. */
  readonly replaces: string | null;
  state = $state<'encrypting' | 'sending' | 'failed'>('encrypting');
  /** Why it failed. `error.code` may also be one of `EngineErrorCode`. */
  error = $state.raw<Problem | null>(null);
  readonly #sending: Sending;

  constructor(
    sending: Sending,
    { txnId, body, mentions }: Pick<UnsentMessage, 'txnId' | 'body' | 'mentions'>,
    replaces: string | null = null,
  ) {
    this.txnId = txnId;
    this.body = body;
    this.mentions = mentions;
    this.replaces = replaces;
    this.#sending = sending;
  }

  /** Tries again, after a failure. */
  retry = (): void => {
    if (this.state !== 'failed') return;
    this.state = 'encrypting';
    this.error = null;
    this.#sending.work();
  };

  /** Gives it up; it is not sent any more. */
  discard = (): void => this.#sending.remove(this);
}

/** The messages of one channel that are on their way, in the order of writing. */
export class Sending {
  queue = $state.raw<readonly Outgoing[]>([]);

  readonly #channelId: string;
  readonly #context: SendingContext;
  /** Messages that would be lost with the page: there was no room to keep them. */
  readonly #fleeting = new Set<Outgoing>();
  #working = false;

  constructor(channelId: string, context: SendingContext) {
    this.#channelId = channelId;
    this.#context = context;
  }

  /** Shows the message at once and sends it; what goes wrong is with it in `queue`. */
  send(body: string, mentions: readonly string[] = []): void {
    const createdAt = new Date().toISOString();
    const message = { channelId: this.#channelId, txnId: newTxnId(), body, mentions, createdAt };
    const outgoing = new Outgoing(this, message);
    if (!this.#context.unsent.keep(message)) this.#fleeting.add(outgoing);
    this.queue = [...this.queue, outgoing];
    // What did not reach the server was written before it, and goes before it.
    this.connected();
    this.work();
  }

  /** Shows a message again that was not sent before its page was closed; the user decides. */
  restore(message: UnsentMessage): void {
    if (this.queue.some(({ txnId }) => txnId === message.txnId)) return;
    const outgoing = new Outgoing(this, message);
    outgoing.state = 'failed';
    outgoing.error = new Problem(0, 'page_closed', 'Not sent', 'The page was closed before.');
    this.queue = [...this.queue, outgoing];
  }

  /** Whether closing the page now would lose or stop something. */
  get underway(): boolean {
    return this.queue.some((each) => each.state !== 'failed' || this.#fleeting.has(each));
  }

  /** Gives a message of one's own another text. Rejects when that fails. */
  async edit(messageId: string, body: string, mentions: readonly string[] = []): Promise<void> {
    const outgoing = new Outgoing(this, { txnId: newTxnId(), body, mentions }, messageId);
    try {
      await this.#deliver(outgoing);
    } catch (error) {
      throw encryptionProblem(error);
    }
  }

  /** The connection is back: what failed for want of one is tried again. */
  connected(): void {
    for (const outgoing of this.queue) {
      if (outgoing.error?.code === 'network') outgoing.retry();
    }
  }

  /** Takes a message out of the queue. */
  remove(outgoing: Outgoing): void {
    this.#context.unsent.drop(outgoing.txnId);
    this.#fleeting.delete(outgoing);
    this.queue = this.queue.filter((other) => other !== outgoing);
  }

  /** Sends what waits, one after the other, so that the order of writing is kept. */
  work(): void {
    if (this.#working) return;
    this.#working = true;
    void this.#work();
  }

  async #work(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      try {
        await this.#deliver(next);
        this.remove(next);
      } catch (error) {
        this.#failed(next, encryptionProblem(error));
      }
    }
    this.#working = false;
  }

  #next(): Outgoing | undefined {
    return this.queue.find(({ state }) => state !== 'failed');
  }

  /** Without a connection what follows fails with it: it is not to get there before it. */
  #failed(outgoing: Outgoing, error: Problem): void {
    const from = this.queue.indexOf(outgoing);
    const following = error.code === 'network' && from >= 0 ? this.queue.slice(from + 1) : [];
    for (const each of [outgoing, ...following]) {
      if (each.state === 'failed') continue;
      each.error = error;
      each.state = 'failed';
    }
  }

  async #deliver(outgoing: Outgoing): Promise<void> {
    const plaintext = this.#plaintext(outgoing);
    for (let attempt = 1; ; attempt += 1) {
      outgoing.state = 'encrypting';
      const members = await this.#context.members(this.#channelId, attempt > 1);
      const engine = await this.#context.engine();
      const { version } = members;
      const request = { plaintext, memberIds: members.ids, membersVersion: version };
      const envelope = await engine.encrypt(request);
      // Given up meanwhile.
      if (outgoing.replaces === null && !this.queue.includes(outgoing)) return;
      outgoing.state = 'sending';
      try {
        return await this.#post(outgoing, plaintext, version, envelope);
      } catch (error) {
        // Somebody joined or left meanwhile. It is encrypted for those who are there now.
        const changed = asProblem(error).code === 'members_changed';
        if (!changed || attempt >= MOST_ENCRYPTIONS) throw error;
      }
    }
  }

  async #post(
    outgoing: Outgoing,
    plaintext: Plaintext,
    version: number,
    envelope: Envelope,
  ): Promise<void> {
    const { replaces, txnId } = outgoing;
    const channelId = this.#channelId;
    const { author, post, replace, sent, edited } = this.#context;
    if (replaces === null) {
      const posted = await repeatedly(() => post(channelId, txnId, version, envelope));
      const user = author();
      if (user !== null) sent(this.#message(user, posted, envelope), plaintext);
    } else {
      const message = await repeatedly(() => replace(channelId, replaces, version, envelope));
      if (message.kind === 'user') edited(message, plaintext);
    }
  }

  /** What the server tells everybody of it, so that it stands where it belongs at once. */
  #message(user: User, posted: Posted, envelope: Envelope): UserMessage {
    const { id: user_id, username, display_name } = user;
    return {
      id: posted.message_id,
      channel_id: this.#channelId,
      seq: posted.seq,
      kind: 'user',
      author: { user_id, username, display_name, device_id: envelope.device_id },
      encrypted: true,
      envelope,
      created_at: posted.created_at,
    };
  }

  #plaintext({ txnId, body, mentions, replaces }: Outgoing): Plaintext {
    const plaintext: Plaintext = {
      channel_id: this.#channelId,
      txn_id: txnId,
      body,
      format: 'markdown',
      mentions: [...mentions],
    };
    return replaces === null ? plaintext : { ...plaintext, replaces };
  }
}

function newTxnId(): string {
  return crypto.randomUUID();
}

/** Makes a call again when its answer got lost, or said to: a repeat does it once only. */
async function repeatedly<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const pause = pauseAfter(asProblem(error), attempt);
      if (pause === null || attempt + 1 >= MOST_CALLS) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** How many milliseconds to wait before the next call; null when it would be for nothing. */
function pauseAfter({ status, retryAfter }: Problem, attempt: number): number | null {
  if (retryAfter !== null && retryAfter > LONGEST_WAIT_SECONDS) return null;
  if (![0, 429, 502, 503, 504].includes(status)) return null;
  return Math.max((retryAfter ?? 0) * 1000, pauseBefore(attempt));
}
