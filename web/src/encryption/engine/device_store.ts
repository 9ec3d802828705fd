/**
 * What this browser keeps of a device: the key of the library's store, whom keys were given to,
 * and what was read. One database for each device, beside the two of the library.
 */

import { type DBSchema, type IDBPDatabase, openDB } from 'idb';

import { noteStore, storeName } from '../stored_devices';
import { EngineError } from '../types';

/** How many messages are remembered against replays. The oldest are forgotten first. */
const MOST_REMEMBERED = 50_000;
/** How many are forgotten together, so that it is not done for each message. */
const FORGET_AT_ONCE = 1_000;
/** How long opening may take; it waits behind the attempt of another page that is held up. */
const OPENING_MS = 30_000;

/** Whom the keys of a channel were given to last. */
export interface Shared {
  membersVersion: number;
  memberIds: string[];
  /** When it did not reach a device whose mailbox was full, in milliseconds since 1970. */
  unreachedAt?: number;
}

/** Up to where this device knows all changes of users' devices. */
export interface DeviceListsPlace {
  position: number;
  /** The history that it is a place in. */
  epoch: string;
}

/** A message that was read. */
export interface Remembered {
  messageId: string;
  seq: number;
}

interface Schema extends DBSchema {
  keys: { key: string; value: CryptoKey };
  shared: { key: string; value: Shared };
  places: { key: string; value: DeviceListsPlace };
  /** The user's own identity, which vouched for this device, by its public key. */
  identity: { key: string; value: string };
  /** By channel, author and transaction. `order` grows, for forgetting the oldest. */
  remembered: { key: string; value: Remembered & { order: number }; indexes: { order: number } };
}

/** The databases of one device. */
export class DeviceStore {
  /** The name of the library's store. */
  readonly name: string;
  readonly #database: IDBPDatabase<Schema>;
  #remembered: number;
  #order = 0;

  private constructor(name: string, database: IDBPDatabase<Schema>, remembered: number) {
    this.name = name;
    this.#database = database;
    this.#remembered = remembered;
  }

  /** Opens the store of a device, and makes it if there is none. */
  static async open(userId: string, deviceId: string): Promise<DeviceStore> {
    const name = storeName(userId, deviceId);
    noteStore(name);
    const database = await openDatabase(name);
    const store = new DeviceStore(name, database, await database.count('remembered'));
    const newest = await database
      .transaction('remembered')
      .store.index('order')
      .openCursor(null, 'prev');
    store.#order = newest?.value.order ?? 0;
    return store;
  }

  /**
   * The key that the library's store is encrypted with. It is derived from one that the browser
   * holds and gives to nobody, not even to this page: a copy of the databases alone, by a script
   * that ran here or a backup of their contents, does not open the store. Somebody who has the
   * whole profile of the browser can.
   */
  async libraryKey(): Promise<Uint8Array> {
    const known = await this.#database.get('keys', 'library');
    const key = known ?? (await this.#makeKey());
    const name = new TextEncoder().encode(this.name);
    return new Uint8Array(await crypto.subtle.sign('HMAC', key, name));
  }

  /** Whom the keys of a channel were given to last. */
  shared(channelId: string): Promise<Shared | undefined> {
    return this.#database.get('shared', channelId);
  }

  async noteShared(channelId: string, shared: Shared): Promise<void> {
    await this.#database.put('shared', shared, channelId);
  }

  /** Up to where this device knows all changes of users' devices. */
  deviceListsPlace(): Promise<DeviceListsPlace | undefined> {
    return this.#database.get('places', 'device_lists');
  }

  async noteDeviceListsPlace(place: DeviceListsPlace): Promise<void> {
    await this.#database.put('places', place, 'device_lists');
  }

  /** The identity that vouched for this device last. */
  ownIdentity(): Promise<string | undefined> {
    return this.#database.get('identity', 'own');
  }

  async noteOwnIdentity(publicKey: string): Promise<void> {
    await this.#database.put('identity', publicKey, 'own');
  }

  /**
   * The message that something stands in first; that is `message` when it is new. The other one is
   * what was taken for it until now, if it was read before.
   */
  async remember(
    key: string,
    message: Remembered,
  ): Promise<{ original: Remembered; repeat: Remembered | null }> {
    const transaction = this.#database.transaction('remembered', 'readwrite');
    const known = await transaction.store.get(key);
    // The earlier one is the original, in whichever order they are read.
    if (known !== undefined && known.seq <= message.seq) {
      await transaction.done;
      return { original: known, repeat: null };
    }
    this.#order += 1;
    if (known === undefined) this.#remembered += 1;
    await transaction.store.put({ ...message, order: this.#order }, key);
    await transaction.done;
    if (this.#remembered > MOST_REMEMBERED) await this.#forgetOldest();
    const another = known !== undefined && known.messageId !== message.messageId;
    return { original: message, repeat: another ? known : null };
  }

  close(): void {
    this.#database.close();
  }

  async #makeKey(): Promise<CryptoKey> {
    const algorithm: HmacKeyGenParams = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.generateKey(algorithm, false, ['sign']);
    await this.#database.put('keys', key, 'library');
    return key;
  }

  async #forgetOldest(): Promise<void> {
    const transaction = this.#database.transaction('remembered', 'readwrite');
    let cursor = await transaction.store.index('order').openCursor();
    for (let count = 0; cursor !== null && count < FORGET_AT_ONCE; count += 1) {
      await cursor.delete();
      this.#remembered -= 1;
      cursor = await cursor.continue();
    }
    await transaction.done;
  }
}

/**
 * Opens the database. An earlier version of this page may keep it open, or a later one have made
 * it: neither is waited for, because whoever opens an engine keeps all other tabs waiting.
 */
async function openDatabase(name: string): Promise<IDBPDatabase<Schema>> {
  let late: ReturnType<typeof setTimeout> | undefined;
  let given = false;
  let refuse = () => {};
  const refused = new Promise<never>((_, reject) => {
    refuse = () => reject(otherTabs());
    late = setTimeout(refuse, OPENING_MS);
  });
  const opened = openDB<Schema>(name, 2, {
    upgrade,
    blocked: () => refuse(),
    // A later version of this page needs the database, or the device is none any more.
    blocking: (_, __, event) => (event.target as IDBDatabase).close(),
  });
  try {
    const database = await Promise.race([opened, refused]);
    given = true;
    return database;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'VersionError') throw otherTabs();
    throw error;
  } finally {
    clearTimeout(late);
    // What is opened after all, once nobody waits for it, is not to be in anybody's way.
    if (!given) void opened.then((database) => database.close()).catch(() => {});
  }
}

function upgrade(database: IDBPDatabase<Schema>, version: number): void {
  // In the first version a place did not say in which history it is.
  if (version === 1) database.deleteObjectStore('places');
  database.createObjectStore('places');
  database.createObjectStore('identity');
  if (version === 1) return;
  database.createObjectStore('keys');
  database.createObjectStore('shared');
  database.createObjectStore('remembered').createIndex('order', 'order');
}

function otherTabs(): EngineError {
  return new EngineError(
    'engine',
    'Another version of this page uses the keys of this device. Close or reload the other tabs of this page, then reload this one.',
  );
}
