/** What the server tells this device, taken into the library's store. */

import {
  DecryptionSettings,
  DeviceLists,
  type OlmMachine,
  type ProcessedToDeviceEvent,
  TrustRequirement,
  UserId,
} from './library';
import { pauseBefore } from '../../protocol/backoff';
import type { DeviceNews } from '../types';
import type { DeviceStore } from './device_store';
import type { KeyServer } from './key_server';

/**
 * What the library is told of the one-time keys on the server when the server has said nothing:
 * hearing of none it would make more, each time.
 */
const ENOUGH_ONE_TIME_KEYS = { signed_curve25519: 50 };

/**
 * Of these the sender is to be known when they come: who asks to be verified is ignored otherwise,
 * and a key is believed by who vouched then for the device that sent it. Later it may be gone.
 */
const SENDER_MATTERS: ReadonlySet<string> = new Set([
  'm.key.verification.request',
  'm.room.encrypted',
]);

/** What becomes of it. */
export interface IncomingContext {
  machine: OlmMachine;
  server: KeyServer;
  store: DeviceStore;
  /** What was told up to here is in the store: the server need not keep it any more. */
  acknowledge(upTo: number): void;
  /** Something has changed for these users, by their full names; null if it may be anybody. */
  seen(users: string[] | null): void;
  /** Learns the devices of users, by their full names. */
  know(users: string[]): Promise<void>;
  /** These messages to this device were read. */
  received(events: ProcessedToDeviceEvent[]): Promise<void>;
  /** It may have given rise to requests. */
  changed(): void;
  failed(error: unknown): void;
  /** Connects anew, so that the server tells again what it has no acknowledgement for. */
  reconnect(): void;
}

/** Takes news in, in the order in which they came. */
export class Incoming {
  readonly #context: IncomingContext;
  #taking: Promise<void> = Promise.resolve();
  /** The place of the newest message that is in the store. */
  #taken = 0;
  /**
   * Whether news of this connection could not be taken in. An acknowledgement of what came after
   * them would be one of them, too.
   */
  #missing = false;
  /** How often that was so, one time after the other. */
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(context: IncomingContext) {
    this.#context = context;
  }

  /** Takes news in, after those that came before. */
  take(news: DeviceNews): Promise<void> {
    this.#taking = this.#taking.then(() => this.#takeNext(news));
    return this.#taking;
  }

  /** Resolves once everything that was told so far is taken in. */
  settled(): Promise<void> {
    return this.#taking;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #takeNext(news: DeviceNews): Promise<void> {
    if (this.#closed) return;
    if (news.position !== undefined) this.#beginAnew();
    // They come again with the next connection, together with what is missing.
    const { events, ...rest } = news;
    try {
      await this.#take(this.#missing ? rest : news);
      if (!this.#missing && events !== undefined) this.#failures = 0;
    } catch (error) {
      this.#context.failed(error);
      this.#askAgain();
    }
  }

  /** A new connection: its messages begin after the last acknowledgement. */
  #beginAnew(): void {
    this.#missing = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askAgain(): void {
    this.#missing = true;
    if (this.#closed || this.#timer !== undefined) return;
    const pause = pauseBefore(this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#context.reconnect();
    }, pause);
  }

  async #take(news: DeviceNews): Promise<void> {
    const { machine, store } = this.#context;
    const known = await store.deviceListsPlace();
    const { position, epoch = known?.epoch ?? '' } = news;
    const restored = known !== undefined && known.epoch !== epoch;
    // The places of a history that is no more say nothing in this one.
    if (restored) this.#taken = 0;
    const since = restored ? 0 : known?.position;
    const missed = position !== undefined || news.limited ? await this.#missed(since) : [];
    const changed = [...(news.changed ?? []), ...missed];
    this.#context.seen(changed);
    // The server sends again what it has no acknowledgement for.
    const fresh = (news.events ?? []).filter(({ id }) => id > this.#taken);
    const events = fresh.map(({ type, sender, content }) => ({ type, sender, content }));
    const senders = fresh
      .filter(({ type }) => SENDER_MATTERS.has(type))
      .map(({ sender }) => sender);
    if (senders.length > 0) await this.#context.know([...new Set(senders)]);
    const processed = await machine.receiveSyncChanges(
      JSON.stringify(events),
      new DeviceLists(
        changed.map((user) => new UserId(user)),
        (news.left ?? []).map((user) => new UserId(user)),
      ),
      new Map(Object.entries(news.oneTimeKeys ?? ENOUGH_ONE_TIME_KEYS)),
      // The library knows itself when it last made one.
      new Set(news.unusedFallbackKeys ?? []),
      // Keys are taken from devices that nobody vouches for yet: whether what they open is
      // believed is asked for each message.
      new DecryptionSettings(TrustRequirement.Untrusted),
    );
    if (position !== undefined) await store.noteDeviceListsPlace({ position, epoch });
    const last = news.events?.at(-1)?.id ?? 0;
    this.#taken = Math.max(this.#taken, last);
    if (last > 0) this.#context.acknowledge(last);
    await this.#context.received(processed);
    this.#context.changed();
  }

  /** Users whose devices changed while nobody told this device. */
  async #missed(since: number | undefined): Promise<string[]> {
    const { machine, server } = this.#context;
    try {
      if (since !== undefined) return await server.changes(since);
    } catch {
      // It is not known who they are: then it may be anybody.
    }
    this.#context.seen(null);
    await machine.markAllTrackedUsersAsDirty();
    return [];
  }
}
