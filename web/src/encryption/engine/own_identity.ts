/** The user's own identity: the keys by which they vouch for their devices and for others. */

import { EngineError, type RecoveryState } from '../types';
import type { Backup } from './backup';
import type { DeviceStore } from './device_store';
import type { Identifiers } from './identifiers';
import type { KeyServer } from './key_server';
import { DeviceId, type OlmMachine, OwnUserIdentity, UserId } from './library';
import type { LibraryRequest, OutgoingRequests } from './outgoing';
import {
  forgetRecoveryKey,
  hasRecoveryKey,
  type Opened,
  openSecrets,
  type Secrets,
  sealSecrets,
} from './secret_storage';
import type { Tracking } from './tracking';

/** What it needs of the rest. */
export interface OwnIdentityContext {
  machine: OlmMachine;
  names: Identifiers;
  store: DeviceStore;
  server: KeyServer;
  outgoing: OutgoingRequests;
  tracking: Tracking;
  backup: Backup;
}

/** Makes the identity, keeps its secrets, and brings them to new devices. */
export class OwnIdentity {
  readonly #context: OwnIdentityContext;
  #hasRecoveryKey: boolean | null = null;
  /**
   * Whether the server has an identity of the user. The store may have one that never got there,
   * because the password was wrong.
   */
  #published = false;
  /** Whether an identity was made here, and what belongs to it is still to be made. */
  #unfinished = false;
  #replaced = false;

  constructor(context: OwnIdentityContext) {
    this.#context = context;
  }

  /** How this device stands to the identity, as far as the store knows. */
  async recovery(): Promise<RecoveryState> {
    const identity = await this.#identity();
    if (!this.#published || identity === undefined) return 'none';
    if (!(await this.#isVouchedFor(identity))) return 'locked';
    this.#hasRecoveryKey ??= await hasRecoveryKey(
      this.#context.server,
      await this.#opened(identity),
    );
    return this.#hasRecoveryKey ? 'unlocked' : 'set_up';
  }

  /** Whether the identity was another one when it vouched for this device, as of `recovery`. */
  get replaced(): boolean {
    return this.#replaced;
  }

  /** Asks the server for the identity as it is now. */
  async ask(): Promise<void> {
    const { machine, names, outgoing, tracking } = this.#context;
    await tracking.know([names.userId]);
    const user = names.user(names.userId);
    const answer = await outgoing.send(machine.queryKeysForUsers([new UserId(user)]));
    const { device_keys, master_keys } = JSON.parse(answer) as Partial<
      Record<'device_keys' | 'master_keys', Record<string, unknown>>
    >;
    // Without an answer it is not known whether there is an identity, which is not to be replaced.
    if (device_keys === undefined) {
      throw new EngineError(
        'engine',
        'Your account has more devices than the server shows at once. Sign out sessions that you do not use any more, and try again.',
      );
    }
    this.#published = master_keys?.[user] !== undefined;
  }

  /**
   * Makes an identity and a backup where they are missing. When it comes to no end it can be
   * repeated: an identity that it has made is not made once more.
   */
  async bootstrap(password: string, replace: boolean): Promise<void> {
    await this.ask();
    const identity = await this.#identity();
    const vouchedFor = identity !== undefined && (await this.#isVouchedFor(identity));
    if (this.#published && vouchedFor && this.#unfinished) return this.#finish();
    if (!this.#published || replace) {
      await this.#make(password);
      return this.#finish();
    }
    if (!vouchedFor) {
      throw new EngineError(
        'locked',
        'This account has an identity already: unlock this device with the recovery key, or replace the identity.',
      );
    }
    await this.#context.backup.begin(false);
  }

  /**
   * Makes a new recovery key and seals the secrets with it. `beginAnew` says that the user knows of
   * no key of the backup that this device has lost.
   */
  async makeRecoveryKey(beginAnew: boolean): Promise<string> {
    const { machine, server, backup } = this.#context;
    const identity = await this.#identity();
    const keys = await machine.exportCrossSigningKeys();
    const { masterKey, self_signing_key: selfSigning, userSigningKey } = keys ?? {};
    const mayReplace = Boolean(masterKey && selfSigning && userSigningKey);
    const givenUp = beginAnew && (backup.state === 'lost' || backup.state === 'keyless');
    // One of an identity before is left when replacing it did not come to its end.
    const useless = givenUp || backup.state === 'full' || (await backup.isAlien());
    await backup.begin(mayReplace && useless);
    const backupKey = await backup.key();
    if (!identity || !masterKey || !selfSigning || !userSigningKey || !backupKey) {
      throw new EngineError(
        'locked',
        'This device does not have the secrets that a recovery key protects. Unlock it first, or make the recovery key on another device of yours.',
      );
    }
    const secrets: Secrets = {
      master: masterKey,
      selfSigning,
      userSigning: userSigningKey,
      backup: backupKey,
    };
    const recoveryKey = await sealSecrets(server, await this.#opened(identity), secrets);
    this.#hasRecoveryKey = true;
    await backup.deleteLeft();
    return recoveryKey;
  }

  /** Takes the secrets that the recovery key opens, and vouches for this device with them. */
  async unlock(recoveryKey: string): Promise<void> {
    const { machine, server, outgoing, names, backup } = this.#context;
    const secrets = await openSecrets(server, recoveryKey);
    await this.ask();
    const { master, selfSigning, userSigning } = secrets;
    const status = await machine.importCrossSigningKeys(master, selfSigning, userSigning);
    if (!status.hasMaster || !status.hasSelfSigning || !status.hasUserSigning) {
      throw new EngineError(
        'wrong_recovery_key',
        'The secrets that this recovery key opens do not belong to the identity that the server shows for this account.',
      );
    }
    const device = await machine.getDevice(
      new UserId(names.user(names.userId)),
      new DeviceId(names.deviceId),
    );
    if (device === undefined) throw new EngineError('engine', 'This device is not known yet.');
    await outgoing.send(await device.verify());
    this.#hasRecoveryKey = true;
    await this.ask();
    if (secrets.backup !== undefined) await backup.unlock(secrets.backup);
  }

  /** Reads again whether there is a recovery key: another device may have made one. */
  forget(): void {
    this.#hasRecoveryKey = null;
  }

  async #make(password: string): Promise<void> {
    const { outgoing, tracking } = this.#context;
    try {
      // Hearing of the identity before, the library would forget the secrets of the new one.
      await outgoing.withoutQueries(() => this.#publish(password, this.#published));
    } catch (error) {
      // What the server has counts; keys that do not belong to it are forgotten.
      await tracking.renew();
      outgoing.flushSoon();
      throw error;
    }
    this.#unfinished = true;
    this.#hasRecoveryKey = false;
  }

  /** What an identity that was made here needs besides. */
  async #finish(): Promise<void> {
    const { server, tracking, backup } = this.#context;
    // It opens the secrets of the identity before, which are of no use any more. A new one takes
    // its place in any case, so nothing depends on this.
    await forgetRecoveryKey(server).catch(() => {});
    await tracking.renew();
    await this.ask();
    await backup.begin(true);
    // Nothing opens it any more.
    await backup.deleteLeft();
    this.#unfinished = false;
  }

  /** Makes an identity, and brings it to the server. */
  async #publish(password: string, replace: boolean): Promise<void> {
    const { machine, server, outgoing } = this.#context;
    const requests = await machine.bootstrapCrossSigning(replace);
    // The device's own keys have to be there before somebody vouches for them.
    const uploadKeys = requests.uploadKeysRequest as LibraryRequest | undefined;
    if (uploadKeys !== undefined && uploadKeys !== null) await outgoing.send(uploadKeys);
    await server.uploadSigningKeys(requests.uploadSigningKeysRequest.body, password);
    await outgoing.send(requests.uploadSignaturesRequest);
  }

  /** What a recovery key has to open. */
  async #opened(identity: OwnUserIdentity): Promise<Opened> {
    const newest = await this.#context.server.backup();
    return { identity: publicKeyOf(identity), backup: newest?.auth_data.public_key };
  }

  async #identity(): Promise<OwnUserIdentity | undefined> {
    const { machine, names } = this.#context;
    const identity = await machine.getIdentity(new UserId(names.user(names.userId)));
    return identity instanceof OwnUserIdentity ? identity : undefined;
  }

  /**
   * Whether an identity that this device knows to be the user's vouches for it. That it does so is
   * not enough: whoever replaces the identity can have the new one sign all devices. It has to be
   * made, unlocked or verified here, which is noted, so that a later one is told apart.
   */
  async #isVouchedFor(identity: OwnUserIdentity): Promise<boolean> {
    const { store } = this.#context;
    const publicKey = publicKeyOf(identity);
    const signed = await this.#isSigned();
    let vouchedBy = await store.ownIdentity();
    if (signed && vouchedBy !== publicKey && identity.isVerified()) {
      await store.noteOwnIdentity(publicKey);
      vouchedBy = publicKey;
    }
    this.#replaced = vouchedBy !== undefined && vouchedBy !== publicKey;
    return signed && vouchedBy === publicKey;
  }

  async #isSigned(): Promise<boolean> {
    const { machine, names } = this.#context;
    const device = await machine.getDevice(
      new UserId(names.user(names.userId)),
      new DeviceId(names.deviceId),
    );
    return device?.isCrossSignedByOwner() ?? false;
  }
}

function publicKeyOf(identity: OwnUserIdentity): string {
  const { keys } = JSON.parse(identity.masterKey) as { keys: Record<string, string> };
  return Object.values(keys)[0] ?? '';
}
