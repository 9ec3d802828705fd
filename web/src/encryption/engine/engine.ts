/** The engine of encryption: the library, with what it needs of the server and of this browser. */

import {
  type CryptoEngine,
  type Decryption,
  type DeviceNews,
  type EncryptionDevice,
  type EncryptionRequest,
  EngineError,
  type EngineEvent,
  type EngineState,
  type Envelope,
  type RecoveryState,
  type SealedMessage,
  type SentMessage,
} from '../types';
import { Backup } from './backup';
import { DeviceStore } from './device_store';
import { Identifiers } from './identifiers';
import { Identities } from './identities';
import { Incoming } from './incoming';
import { type Exchange, KeyServer } from './key_server';
import { DeviceId, initAsync, OlmMachine, RequestType, StoreHandle, UserId } from './library';
import { MissingKeys } from './missing_keys';
import { OutgoingRequests } from './outgoing';
import { OwnIdentity } from './own_identity';
import { Reading } from './reading';
import { SECRETS } from './secret_storage';
import { Tracking } from './tracking';
import { Verifications } from './verifications';
import { Writing } from './writing';

/** What an engine needs of its surroundings. */
export interface EngineContext {
  /** The device whose engine this is to be. */
  userId: string;
  deviceId: string;
  exchange: Exchange;
  /** Tells what has changed. */
  tell(event: EngineEvent): void;
  /** Tells the server that messages to this device up to here are kept here. */
  acknowledge(upTo: number): void;
  /** Connects anew, so that the server tells again what it has no acknowledgement for. */
  reconnect(): void;
}

/** One device's encryption. Only one may be open for a device at a time. */
export class Engine implements CryptoEngine {
  readonly #context: EngineContext;
  readonly #machine: OlmMachine;
  readonly #names: Identifiers;
  readonly #store: DeviceStore;
  readonly #outgoing: OutgoingRequests;
  readonly #tracking: Tracking;
  readonly #backup: Backup;
  readonly #missing: MissingKeys;
  readonly #identity: OwnIdentity;
  readonly #identities: Identities;
  readonly #verifications: Verifications;
  readonly #incoming: Incoming;
  readonly #reading: Reading;
  readonly #writing: Writing;
  #recovery: RecoveryState = 'unknown';
  #closed = false;

  private constructor(
    context: EngineContext,
    machine: OlmMachine,
    names: Identifiers,
    store: DeviceStore,
    outgoing: OutgoingRequests,
    tracking: Tracking,
    server: KeyServer,
  ) {
    this.#context = context;
    this.#machine = machine;
    this.#names = names;
    this.#store = store;
    this.#outgoing = outgoing;
    this.#tracking = tracking;
    this.#backup = new Backup({
      machine,
      server,
      outgoing,
      another: () => this.#missing.forget(),
      changed: () => this.#show(),
    });
    this.#missing = new MissingKeys(machine, names, server, this.#backup);
    const own = { machine, names, store, server, outgoing, tracking, backup: this.#backup };
    this.#identity = new OwnIdentity(own);
    this.#identities = new Identities(machine, names, () => this.#show());
    this.#verifications = new Verifications({
      machine,
      names,
      outgoing,
      changed: () => this.#show(),
      verified: () => void this.#lookAgain().catch(() => {}),
    });
    this.#incoming = new Incoming({
      machine,
      server,
      store,
      acknowledge: (upTo) => context.acknowledge(upTo),
      seen: (users) => (users === null ? outgoing.hidden.showAll() : outgoing.hidden.show(users)),
      know: (users) => tracking.knowIfPossible(users.map((user) => names.userIdIn(user))),
      received: (events) => this.#verifications.received(events),
      changed: () => outgoing.flushSoon(),
      failed: () => outgoing.flushSoon(),
      reconnect: () => context.reconnect(),
    });
    const recovery = () => this.#recovery;
    this.#reading = new Reading({
      machine,
      names,
      store,
      recovery,
      repeated: (messageId) => context.tell({ type: 'repeat', messageId }),
      missing: (channelId, sessionId) => this.#missing.fetch(channelId, sessionId),
    });
    const identities = this.#identities;
    this.#writing = new Writing({
      machine,
      names,
      store,
      outgoing,
      incoming: this.#incoming,
      tracking,
      identities,
      recovery,
    });
  }

  /**
   * Opens the engine of a device, and publishes its keys if need be. When the server takes this
   * browser for another device, somebody has signed in meanwhile, and no store is touched.
   */
  static async open(context: EngineContext): Promise<Engine> {
    const server = new KeyServer(context.exchange);
    const [who] = await Promise.all([server.whoAmI(), initAsync()]);
    const names = new Identifiers(who.user_id, who.device_id);
    if (names.userId !== context.userId || names.deviceId !== context.deviceId) {
      throw new EngineError('engine', 'Somebody has signed in anew. Reload this page.');
    }
    const store = await DeviceStore.open(names.userId, names.deviceId);
    // A store that stays open after a failure would be in the way of other tabs.
    let opened: { close(): void } = store;
    try {
      const handle = await StoreHandle.openWithKey(store.name, await store.libraryKey(), SILENT);
      const machine = await OlmMachine.initFromStore(
        new UserId(who.user_id),
        new DeviceId(who.device_id),
        handle,
        SILENT,
      );
      opened = { close: () => [machine, store].forEach((part) => part.close()) };
      const outgoing = new OutgoingRequests(machine, server);
      const tracking = await Tracking.begin(machine, names, outgoing);
      const engine = new Engine(context, machine, names, store, outgoing, tracking, server);
      opened = engine;
      await engine.#start();
      return engine;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  /** What the server tells this device. */
  receive(news: DeviceNews): Promise<void> {
    return this.#incoming.take(news);
  }

  async state(): Promise<EngineState> {
    return this.#state;
  }

  encrypt(request: EncryptionRequest): Promise<Envelope> {
    return this.#writing.encrypt(request).finally(() => {
      this.#backup.uploadSoon();
      this.#outgoing.flushSoon();
    });
  }

  noteSent(message: SentMessage): Promise<void> {
    return this.#reading.noteSent(message);
  }

  async decrypt(messages: SealedMessage[]): Promise<Decryption[]> {
    const authors = [...new Set(messages.map(({ authorId }) => authorId))];
    await this.#tracking.knowIfPossible(authors);
    // It may have changed while another page was open, or none.
    await this.#identities.unacknowledged(authors);
    const decrypted = new Map<SealedMessage, Decryption>();
    // What stands first is read first: what says the same after it is a repeat.
    for (const message of messages.toSorted((a, b) => a.seq - b.seq)) {
      decrypted.set(message, await this.#reading.decrypt(message));
    }
    this.#outgoing.flushSoon();
    return messages.flatMap((message) => decrypted.get(message) ?? []);
  }

  track(userIds: string[]): Promise<void> {
    return this.#tracking.know(userIds);
  }

  async bootstrap(password: string, replace: boolean): Promise<void> {
    try {
      await this.#identity.bootstrap(password, replace);
    } catch (error) {
      // Part of it may be in place, so that less is to be repeated.
      await this.#look().catch(() => {});
      throw error;
    }
    await this.#look();
  }

  async makeRecoveryKey(beginAnew = false): Promise<string> {
    try {
      return await this.#identity.makeRecoveryKey(beginAnew);
    } finally {
      // Also when it fails: there may be another backup, which no recovery key opens yet.
      await this.#lookAgain().catch(() => {});
    }
  }

  async unlock(recoveryKey: string): Promise<void> {
    await this.#identity.unlock(recoveryKey);
    await this.#lookAgain();
  }

  async devices(userId: string): Promise<EncryptionDevice[]> {
    await this.#tracking.know([userId]);
    const own = userId === this.#names.userId;
    const devices = await this.#machine.getUserDevices(new UserId(this.#names.user(userId)));
    return devices.devices().map((device) => {
      const id = device.deviceId.toString();
      const here = own && id === this.#names.deviceId;
      const verified = own ? device.isCrossSignedByOwner() : device.isVerified();
      return { id, name: device.displayName ?? '', verified, own, here };
    });
  }

  async requestVerification(userId: string, deviceId: string | null): Promise<void> {
    await this.#tracking.know([userId]);
    await this.#verifications.request(userId, deviceId);
  }

  acceptVerification(): Promise<void> {
    return this.#verifications.accept();
  }

  confirmVerification(): Promise<void> {
    return this.#verifications.confirm();
  }

  cancelVerification(mismatch: boolean): Promise<void> {
    return this.#verifications.cancel(mismatch);
  }

  async acknowledgeIdentity(userId: string): Promise<void> {
    await this.#identities.acknowledge(userId);
    this.#context.tell({ type: 'devices', userIds: [userId] });
  }

  /** Lets the store go, for another tab or for removing it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#incoming.close();
    this.#outgoing.close();
    this.#backup.close();
    this.#missing.close();
    this.#machine.close();
    this.#store.close();
  }

  get #state(): EngineState {
    return {
      recovery: this.#recovery,
      identityReplaced: this.#identity.replaced,
      backup: this.#backup.state,
      verification: this.#verifications.progress,
      identityChanges: this.#identities.changes,
    };
  }

  async #start(): Promise<void> {
    const { tell } = this.#context;
    this.#machine.registerRoomKeyUpdatedCallback(async (keys) => {
      tell({ type: 'keys', sessionIds: keys.map(({ sessionId }) => sessionId) });
      this.#backup.uploadSoon();
    });
    this.#machine.registerRoomKeysWithheldCallback(async (keys) => {
      tell({ type: 'keys', sessionIds: keys.map(({ sessionId }) => sessionId) });
    });
    this.#machine.registerDevicesUpdatedCallback(async (users) => {
      const userIds = users.map((user) => this.#names.userIdIn(user));
      tell({ type: 'devices', userIds });
      // Another device may vouch for this one by now. The library holds its locks while it calls.
      if (userIds.includes(this.#names.userId)) {
        queueMicrotask(() => void this.#look().catch(() => {}));
      }
    });
    this.#machine.registerUserIdentityUpdatedCallback(async (user) => {
      const userId = this.#names.userIdIn(user.toString());
      // Asked in a moment: the library holds its locks while it calls.
      queueMicrotask(() => void this.#identityUpdated(userId).catch(() => {}));
    });
    this.#machine.registerReceiveSecretCallback(async (name, value) => {
      if (name === SECRETS.backup)
        setTimeout(() => void this.#backupKeyCame(value).catch(() => {}));
    });
    // With no news: makes the fallback key, and what else is due.
    await this.#incoming.take({});
    // Without keys of its own on the server a device is none.
    await this.#outgoing.flush(RequestType.KeysUpload, RequestType.KeysQuery);
    await this.#identity.ask();
    this.#recovery = await this.#identity.recovery();
    await this.#backup.resume(isVouchedFor(this.#recovery));
  }

  async #identityUpdated(userId: string): Promise<void> {
    if (this.#closed) return;
    if (userId === this.#names.userId) {
      await this.#identity.ask();
      await this.#lookAgain();
    } else await this.#identities.updated(userId);
  }

  /** Another device of the user has sent the key of the backup. */
  async #backupKeyCame(value: string): Promise<void> {
    if (this.#closed || !(await this.#backup.unlock(value))) return;
    await this.#machine.deleteSecretsFromInbox(SECRETS.backup);
    this.#context.tell({ type: 'keys', sessionIds: null });
  }

  /** What this device may do could have changed, also by another device of the user. */
  #lookAgain(): Promise<void> {
    this.#identity.forget();
    return this.#look();
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    const before = this.#recovery;
    this.#recovery = await this.#identity.recovery();
    this.#show();
    // What could not be read for want of a secret may be read now.
    if (before !== this.#recovery) this.#context.tell({ type: 'keys', sessionIds: null });
    this.#outgoing.flushSoon();
    // That it is not known what became of the backup keeps nothing else from being done.
    if (!isVouchedFor(before) && isVouchedFor(this.#recovery)) {
      await this.#backup.vouchedFor().catch(() => {});
    }
  }

  #show(): void {
    if (!this.#closed) this.#context.tell({ type: 'state', state: this.#state });
  }
}

function isVouchedFor(recovery: RecoveryState): boolean {
  return recovery === 'set_up' || recovery === 'unlocked';
}

/** The library speaks of keys' ids and users; nothing of that belongs on a console. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
