/** What encrypted messages say, as far as it can be read here. */

import { SvelteMap } from 'svelte/reactivity';

import type { Message, UserMessage } from '../api/types';
import type { CryptoEngine, Decryption, Plaintext, SealedMessage } from '../encryption/types';
import type { UserContent } from './message_content';

/** How many messages are held: those of all timelines that are held, and some more. */
const MOST_HELD = 6_000;
/** How many messages are decrypted in one call, so that the first appear before the last. */
const TOGETHER = 20;

/** What waits for its key is tried again after this time: somebody may have backed it up. */
const LOOK_AGAIN_MS = 60_000;
/** How often that is done, before only news of keys count. */
const MOST_LOOKS = 30;
/** So long only its author's device can give the key to a message that comes live. */
const LIVE_MS = 60_000;

/** What reading needs of the rest. */
export interface ReadingsContext {
  /** The engine, loaded if need be. */
  engine(): Promise<CryptoEngine>;
  userId(): string;
  /** Since when the user is in a channel, if that is known. */
  joinedAt(channelId: string): string | null;
  /** This message mentions the user, and is read for the first time here. */
  mentioned(message: UserMessage, body: string): void;
}

interface Reading {
  /** Which version of the message was read. */
  editedAt: string | null;
  content: UserContent;
  /** What to try again when keys come; null once it was read, and is known to be its author's. */
  sealed: SealedMessage | null;
}

interface Fresh {
  message: UserMessage;
  /** Whether the user is to be told when it mentions them. */
  mayAlert: boolean;
  /** Until when it counts as live, in milliseconds since 1970. */
  liveUntil: number;
}

const DECRYPTING: UserContent = { state: 'waiting', reason: 'Decrypting…' };

/** Reads encrypted messages when somebody looks at them, and again when their keys come. */
export class Readings {
  readonly #context: ReadingsContext;
  readonly #read = new SvelteMap<string, Reading>();
  /** Messages to decrypt, by their ids. */
  readonly #queue = new Map<string, UserMessage>();
  /** Messages and edits that came live and were not read yet, by the ids of the messages. */
  readonly #fresh = new Map<string, Fresh>();
  #working = false;
  #generation = 0;
  #looks = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: ReadingsContext) {
    this.#context = context;
  }

  /** What to show of a message. It is decrypted soon, if it was not. */
  contentOf(message: UserMessage): UserContent {
    const reading = this.#read.get(message.id);
    if (reading?.editedAt === editedAtOf(message)) return reading.content;
    this.#enqueue(message);
    // Until an edit is decrypted, what it replaces is shown.
    return reading?.content ?? DECRYPTING;
  }

  /** Messages came live: they are read, because they may mention the user. */
  arrived(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind !== 'user' || this.#read.has(message.id)) continue;
      const byUser = message.author.user_id === this.#context.userId();
      this.#markFresh(message, !byUser);
    }
  }

  /** A message that may be shown was given another text just now. */
  edited(message: Message): void {
    if (message.kind !== 'user') return;
    const read = this.#read.get(message.id);
    const fresh = this.#fresh.get(message.id);
    if (read === undefined && fresh === undefined) return;
    // It was written here, or is read already.
    if (read !== undefined && (read.editedAt ?? '') >= (editedAtOf(message) ?? '')) return;
    this.#markFresh(message, fresh?.mayAlert ?? false);
  }

  /** The user has just written this here: it need not be decrypted. */
  wrote(messageId: string, editedAt: string | null, plaintext: Plaintext): void {
    const content = this.#clear(plaintext, false);
    this.#fresh.delete(messageId);
    this.#keep(messageId, { editedAt, content, sealed: null });
  }

  /** Keys came; null if it is not known of which sessions. */
  keysCame(sessionIds: readonly string[] | null): void {
    this.#again(
      ({ state }, { envelope }) =>
        state !== 'refused' && (sessionIds?.includes(envelope.session_id) ?? true),
    );
  }

  /** The devices of users have changed: what was refused may be known to be true now. */
  devicesChanged(userIds: readonly string[]): void {
    this.#again(({ state }, { authorId }) => state !== 'clear' && userIds.includes(authorId));
  }

  /** What was read turns out to repeat a message that stands before it. */
  isRepeat(messageId: string): void {
    const reading = this.#read.get(messageId);
    if (reading === undefined) return;
    const content: UserContent = { state: 'refused', reason: 'It repeats an earlier message.' };
    this.#read.set(messageId, { ...reading, content, sealed: null });
  }

  /** Forgets everything: somebody else is signed in. */
  clear(): void {
    this.#generation += 1;
    this.#read.clear();
    this.#queue.clear();
    this.#fresh.clear();
    this.#working = false;
    this.#looks = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Until it is read, or has waited for a while, only its author's own key opens it. */
  #markFresh(message: UserMessage, mayAlert: boolean): void {
    if (message.deleted) return;
    this.#fresh.set(message.id, { message, mayAlert, liveUntil: Date.now() + LIVE_MS });
    // However often others were looked at: it counts as live only until it is looked at again.
    this.#looks = 0;
    this.#enqueue(message);
  }

  #again(which: (content: UserContent, sealed: SealedMessage) => boolean): void {
    const again: SealedMessage[] = [];
    for (const { content, sealed } of this.#read.values()) {
      if (sealed !== null && which(content, sealed)) again.push(sealed);
    }
    if (again.length > 0) void this.#decryptAll(again);
  }

  #enqueue(message: UserMessage): void {
    this.#queue.set(message.id, message);
    if (this.#working) return;
    this.#working = true;
    // Not now: somebody is being drawn who asks.
    queueMicrotask(() => void this.#work());
  }

  async #work(): Promise<void> {
    const generation = this.#generation;
    const messages = [...this.#queue.values()];
    // Those looked at last are on the screen.
    const sealed = messages.reverse().flatMap((message) => sealedOf(message) ?? []);
    this.#queue.clear();
    await this.#decryptAll(sealed);
    // What is asked for since somebody else signed in has a run of its own.
    if (generation !== this.#generation) return;
    this.#working = false;
    if (this.#queue.size > 0) {
      this.#working = true;
      void this.#work();
    }
  }

  async #decryptAll(sealed: readonly SealedMessage[]): Promise<void> {
    const generation = this.#generation;
    for (let start = 0; start < sealed.length; start += TOGETHER) {
      const part = sealed
        .slice(start, start + TOGETHER)
        .map((message) => ({ ...message, live: this.#isLive(message) }));
      let decryptions: Decryption[];
      try {
        decryptions = await (await this.#context.engine()).decrypt(part);
      } catch {
        // The engine says what is wrong with it. Once it is there, they are tried again.
        decryptions = part.map(() => ({ state: 'waiting', reason: 'Encryption is not ready.' }));
      }
      if (generation !== this.#generation) return;
      for (const [index, message] of part.entries()) {
        const decryption = decryptions[index];
        if (decryption !== undefined) this.#take(message, decryption);
      }
    }
  }

  #take(sealed: SealedMessage, decryption: Decryption): void {
    const known = this.#read.get(sealed.id);
    // An older version, decrypted late, does not take the place of a newer one.
    if ((sealed.editedAt ?? '') < (known?.editedAt ?? '')) return;
    // It was read meanwhile, or written here.
    if (known?.sealed === null && known.editedAt === sealed.editedAt) return;
    const content = this.#contentOf(sealed, decryption);
    const clear = content.state === 'clear';
    // The author's own key may come yet, which proves what one from the backup does not.
    const again = content.state === 'clear' && !content.imported ? null : sealed;
    this.#keep(sealed.id, { editedAt: sealed.editedAt, content, sealed: again });
    if (clear) this.#looks = 0;
    else if (content.state === 'waiting') this.#lookAgainLater();
    const fresh = this.#fresh.get(sealed.id);
    if (fresh === undefined) return;
    // Authors give no keys to a device that nobody vouches for: the backup has them.
    if (content.state === 'locked') fresh.liveUntil = 0;
    // With a key from the backup it is not proven who wrote it: that disturbs nobody.
    if (content.state !== 'clear' || content.imported) return;
    const { message, mayAlert } = fresh;
    fresh.mayAlert = false;
    if (isOf(sealed, fresh)) this.#fresh.delete(sealed.id);
    if (mayAlert && content.mentionsMe) this.#context.mentioned(message, content.body);
  }

  #isLive(sealed: SealedMessage): boolean {
    const fresh = this.#fresh.get(sealed.id);
    return fresh !== undefined && isOf(sealed, fresh) && Date.now() < fresh.liveUntil;
  }

  #lookAgainLater(): void {
    if (this.#looks >= MOST_LOOKS) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#looks += 1;
      this.#again(({ state }) => state === 'waiting');
    }, LOOK_AGAIN_MS);
  }

  #contentOf(sealed: SealedMessage, decryption: Decryption): UserContent {
    if (decryption.state === 'clear') {
      return this.#clear(decryption.plaintext, decryption.imported);
    }
    const joinedAt = Date.parse(this.#context.joinedAt(sealed.channelId) ?? '');
    const earlier = Date.parse(sealed.editedAt ?? sealed.createdAt) < joinedAt;
    return decryption.state === 'waiting' && earlier ? { state: 'earlier' } : decryption;
  }

  #clear({ body, mentions }: Plaintext, imported: boolean): UserContent {
    const mentionsMe = mentions.includes(this.#context.userId());
    return { state: 'clear', body, mentions, mentionsMe, imported };
  }

  #keep(messageId: string, reading: Reading): void {
    this.#read.set(messageId, reading);
    for (const oldest of this.#read.keys()) {
      if (this.#read.size <= MOST_HELD) break;
      this.#read.delete(oldest);
      this.#fresh.delete(oldest);
    }
  }
}

/** The message as it is decrypted; nothing if it was deleted. */
function sealedOf(message: UserMessage): SealedMessage | undefined {
  if (!message.envelope) return undefined;
  return {
    id: message.id,
    channelId: message.channel_id,
    seq: message.seq,
    authorId: message.author.user_id,
    deviceId: message.author.device_id,
    createdAt: message.created_at,
    editedAt: editedAtOf(message),
    envelope: message.envelope,
  };
}

/** Whether this is the version that came live, or a later one. */
function isOf({ editedAt }: SealedMessage, { message }: Fresh): boolean {
  return (editedAt ?? '') >= (editedAtOf(message) ?? '');
}

function editedAtOf(message: UserMessage): string | null {
  return message.edited_at ?? null;
}
