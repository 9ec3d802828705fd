/** Between the connection of this tab and the engine of encryption that all tabs share. */

import type { OpeningContext } from '../encryption/open_engine';
import type { SharedEngine } from '../encryption/shared_engine';
import { hasStore, removeStores, storeName, storeNames } from '../encryption/stored_devices';
import {
  type CryptoEngine,
  type DeviceNews,
  EngineError,
  type EngineEvent,
} from '../encryption/types';
import type { ClientFrame, DeviceFrame, Hello } from '../protocol/frames';

/** News that wait for an engine at most. Of more, it is told anew once it is there. */
export const MAX_WAITING = 200;
/** With fewer one-time keys than this on the server, more are brought, needed here or not. */
const FEW_ONE_TIME_KEYS = 10;

/** What the link needs of the rest. */
export interface EncryptionLinkContext {
  exchange(method: string, path: string, body?: string): Promise<string>;
  send(frame: ClientFrame): boolean;
  reconnect(): void;
  /** The device has something to do although nobody here waits for it. */
  wanted(): void;
  /** This browser is another device than before: what was opened is not to be used any more. */
  otherDevice(): void;
  /** Makes the engine that all tabs share. */
  share(context: OpeningContext): Promise<SharedEngine>;
}

/** The device of a sign-in. */
interface Device {
  userId: string;
  deviceId: string;
}

/** The device that is signed in, and its share of the engine. */
export class EncryptionLink {
  readonly #context: EncryptionLinkContext;
  #shared: SharedEngine | null = null;
  /** The same while it is being made, so that all who ask meanwhile get one. */
  #sharing: Promise<SharedEngine> | null = null;
  /** Grows when what was shared is over, so that what is still being made for it is let go. */
  #generation = 0;
  #device: Device | null = null;
  /** Stores that were there when the user signed in: none of a later sign-in is among them. */
  #stores: readonly string[] = [];
  #waiting: DeviceNews[] = [];
  /** Whether more came than may wait. */
  #missed = false;
  #onEvent: (event: EngineEvent) => void = () => {};

  constructor(context: EncryptionLinkContext) {
    this.#context = context;
  }

  /** Somebody is signed in. */
  begin(): void {
    this.#stores = storeNames();
  }

  /** A new connection of this tab. */
  greeted(hello: Hello): void {
    const { user_id: userId, session_id: deviceId } = hello;
    const before = this.#device;
    this.#device = { userId, deviceId };
    // Somebody signed out and in again in another tab, and this one heard nothing of it.
    if (before !== null && (before.userId !== userId || before.deviceId !== deviceId)) {
      this.#close();
      this.#context.otherDevice();
    }
    this.#shared?.connected();
    this.#forgetWaiting();
    const { device_lists_position: position, epoch } = hello;
    if (position === undefined) return;
    this.#hand({ position, epoch });
    // Nobody can write to a device that has published no keys.
    if (!hasStore(storeName(userId, deviceId))) this.#context.wanted();
  }

  /** The server tells the device something. */
  receive(frame: DeviceFrame): void {
    switch (frame.type) {
      case 'to_device':
        this.#hand({ events: frame.events });
        return this.#context.wanted();
      case 'device_lists':
        return this.#hand({
          changed: frame.changed,
          left: frame.left,
          limited: frame.limited ?? false,
        });
      case 'one_time_keys': {
        this.#hand({
          oneTimeKeys: frame.counts,
          unusedFallbackKeys: frame.unused_fallback_key_types,
        });
        const few = Object.values(frame.counts).some((count) => count < FEW_ONE_TIME_KEYS);
        if (few) this.#context.wanted();
      }
    }
  }

  /** Opens the engine, in this tab or by way of another one. */
  async open(onEvent: (event: EngineEvent) => void): Promise<CryptoEngine> {
    this.#onEvent = onEvent;
    const shared = await (this.#sharing ??= this.#share());
    await shared.open();
    return shared.engine;
  }

  /**
   * The session is over: its keys are removed from this browser. Those of a session that another
   * tab has begun meanwhile stay.
   */
  end(): void {
    this.#close();
    const own = this.#device && storeName(this.#device.userId, this.#device.deviceId);
    const ended = own === null ? this.#stores : [...this.#stores, own];
    void removeStores([...new Set(ended)]).catch(() => {});
    this.#stores = [];
    this.#device = null;
    this.#forgetWaiting();
    this.#onEvent = () => {};
  }

  /** The page is being closed: another tab may have the keys. */
  close(): void {
    this.#close();
  }

  #close(): void {
    this.#generation += 1;
    this.#shared?.close();
    this.#shared = null;
    this.#sharing = null;
  }

  #hand(news: DeviceNews): void {
    if (this.#shared !== null) return this.#shared.receive(news);
    if (this.#missed) return;
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(news);
    else {
      this.#waiting = [];
      this.#missed = true;
    }
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#missed = false;
  }

  /** Hands over what waited; nothing of what was dropped is acknowledged, so it comes again. */
  #handOver(shared: SharedEngine): void {
    for (const news of this.#waiting.splice(0)) shared.receive(news);
    // Until then whose devices changed is asked for, for what is written at once.
    if (this.#missed) {
      shared.receive({ limited: true });
      this.#context.reconnect();
    }
    this.#missed = false;
  }

  async #share(): Promise<SharedEngine> {
    const generation = this.#generation;
    try {
      const shared = await this.#makeShared();
      if (generation === this.#generation) {
        this.#handOver(shared);
        return (this.#shared = shared);
      }
      shared.close();
    } catch (error) {
      if (generation === this.#generation) this.#sharing = null;
      throw error;
    }
    throw closed();
  }

  async #makeShared(): Promise<SharedEngine> {
    const generation = this.#generation;
    const asked = this.#device === null ? await this.#askWhoIAm() : null;
    // A greeting that came meanwhile says it as well.
    const device = this.#device ?? asked;
    if (device === null || generation !== this.#generation) throw closed();
    this.#device = device;
    const { exchange, reconnect, send } = this.#context;
    return this.#context.share({
      ...device,
      exchange,
      onEvent: (event) => this.#onEvent(event),
      acknowledge: (upTo) => void send({ type: 'to_device_ack', up_to: upTo }),
      reconnect,
    });
  }

  /** Without a connection the server can still be asked. */
  async #askWhoIAm(): Promise<Device> {
    const text = await this.#context.exchange('GET', '/api/e2ee/whoami');
    const { user_id, device_id } = JSON.parse(text) as { user_id: string; device_id: string };
    return { userId: user_id.slice(1, user_id.indexOf(':')), deviceId: device_id };
  }
}

function closed(): EngineError {
  return new EngineError('engine', 'Encryption was closed: somebody signed out.');
}
