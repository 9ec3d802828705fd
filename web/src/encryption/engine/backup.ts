/** The backup of the keys, by which a new device reads what was written before it. */

import { asProblem } from '../../api/problem';
import { type BackupState, EngineError } from '../types';
import type { BackupVersion, KeyServer } from './key_server';
import { BackupDecryptionKey, type OlmMachine } from './library';
import type { OutgoingRequests } from './outgoing';
import { Pause } from './pause';

const ALGORITHM = 'm.megolm_backup.v1.curve25519-aes-sha2';

/** What it needs of the rest. */
export interface BackupContext {
  machine: OlmMachine;
  server: KeyServer;
  outgoing: OutgoingRequests;
  /** There is another backup to look for keys in. */
  another(): void;
  /** Its state is another one. */
  changed(): void;
}

/** Keeps the keys of this device in the backup. */
export class Backup {
  readonly #context: BackupContext;
  readonly #machine: OlmMachine;
  readonly #server: KeyServer;
  #version: string | null = null;
  /** Versions in whose place another was begun. */
  #left: string[] = [];
  #state: BackupState = 'ok';
  #uploading: Promise<void> | null = null;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = new Pause();
  #closed = false;

  constructor(context: BackupContext) {
    this.#context = context;
    this.#machine = context.machine;
    this.#server = context.server;
  }

  /** Whether the keys get into it. */
  get state(): BackupState {
    return this.#state;
  }

  /**
   * Goes on with the backup that this device has the key of. When another one is the newest, that
   * is a loss only to a device that somebody vouches for: others are to get its key.
   */
  async resume(vouchedFor: boolean): Promise<void> {
    const { decryptionKey, backupVersion } = await this.#machine.getBackupKeys();
    if (decryptionKey === undefined && !vouchedFor) return;
    const newest = await this.#server.backup();
    const publicKey = decryptionKey?.megolmV1PublicKey.publicKeyBase64;
    const known = newest !== null && newest.version === backupVersion;
    if (known && publicKey !== undefined && isOf(newest, publicKey)) {
      await this.#machine.enableBackupV1(publicKey, newest.version);
      this.#version = newest.version;
      this.uploadSoon();
    } else if (vouchedFor && newest !== null && decryptionKey === undefined) this.#show('keyless');
    else if (vouchedFor) await this.#lose();
  }

  /** Somebody vouches for this device since a moment ago: it is to have the key of the backup. */
  async vouchedFor(): Promise<void> {
    const newest = await this.#server.backup();
    const { decryptionKey } = await this.#machine.getBackupKeys();
    // The key may have come meanwhile. Where there is no backup, one is perhaps being made.
    if (this.#version !== null || newest === null) return;
    this.#show(decryptionKey === undefined ? 'keyless' : 'lost');
  }

  /**
   * Begins a backup where there is none; `replace` begins anew in any case. The one before stays
   * until `deleteLeft`, since the recovery key opens that one until there is another.
   */
  async begin(replace: boolean): Promise<void> {
    if (this.#version !== null && !replace) return;
    const old = await this.#server.backup();
    // One whose key this device lacks holds history that is not to be lost.
    if (old !== null && !replace) return;
    const key = BackupDecryptionKey.createRandomKey();
    const { publicKeyBase64 } = key.megolmV1PublicKey;
    const authData = { public_key: publicKeyBase64 };
    const signatures = await this.#machine.sign(JSON.stringify(authData));
    const version = await this.#server.createBackup(ALGORITHM, {
      ...authData,
      signatures: JSON.parse(signatures.asJSON()) as object,
    });
    if (old !== null) this.#left.push(old.version);
    await this.#use(key, publicKeyBase64, version);
  }

  /** Deletes those in whose place another was begun. The new one counts also when they stay. */
  async deleteLeft(): Promise<void> {
    for (const version of this.#left.splice(0)) {
      await this.#server.deleteBackup(version).catch(() => {});
    }
  }

  /**
   * Whether there is a backup that neither the user's identity nor a device that it vouches for
   * has made, so that no device of theirs can have its key. One that this device merely has not
   * got the key of yet holds history, and is none of these.
   */
  async isAlien(): Promise<boolean> {
    if (this.#version !== null) return false;
    const newest = await this.#server.backup();
    if (newest === null) return false;
    const { algorithm, auth_data } = newest;
    return !(await this.#machine.verifyBackup({ algorithm, auth_data })).trusted();
  }

  /** The version of the backup that this device can read; null if there is none. */
  get version(): string | null {
    return this.#version;
  }

  /** The key of the backup in base64; undefined if this device lacks it. */
  async key(): Promise<string | undefined> {
    // The library keeps that of a backup that is lost.
    if (this.#version === null) return undefined;
    return (await this.#machine.getBackupKeys()).decryptionKeyBase64;
  }

  /** Takes the key of the backup, from the secrets or from another device. Says if it fits. */
  async unlock(secret: string): Promise<boolean> {
    const newest = await this.#server.backup();
    if (newest === null) return false;
    const key = parseKey(secret);
    const { publicKeyBase64 } = key.megolmV1PublicKey;
    if (!isOf(newest, publicKeyBase64)) return false;
    await this.#use(key, publicKeyBase64, newest.version);
    return true;
  }

  /** Backs up what is not backed up yet, and tries again until it is. */
  uploadSoon(): void {
    if (this.#version === null || this.#closed) return;
    if (this.#uploading !== null || this.#timer !== undefined) {
      this.#again = true;
      return;
    }
    this.#uploading = this.#upload().then(
      () => this.#uploaded(),
      (error: unknown) => this.#uploadFailed(error),
    );
  }

  close(): void {
    this.#closed = true;
    this.#stopWaiting();
  }

  async #use(key: BackupDecryptionKey, publicKey: string, version: string): Promise<void> {
    const { backupVersion } = await this.#machine.getBackupKeys();
    // What is still under way to the one before does not count any more.
    this.#version = null;
    // What is in the backup before is not in this one.
    if (backupVersion !== version) await this.#machine.disableBackup();
    await this.#machine.saveBackupDecryptionKey(key, version);
    await this.#machine.enableBackupV1(publicKey, version);
    this.#version = version;
    this.#stopWaiting();
    this.#show('ok');
    this.#context.another();
    this.uploadSoon();
  }

  async #upload(): Promise<void> {
    while (!this.#closed && this.#version !== null) {
      const request = await this.#machine.backupRoomKeys();
      if (request === undefined || request === null) return;
      try {
        await this.#context.outgoing.send(request);
      } catch (error) {
        // What became of a backup that was left meanwhile says nothing of the one now.
        if (request.version === this.#version) throw error;
      }
    }
  }

  #uploaded(): void {
    this.#uploading = null;
    this.#stopWaiting();
    if (this.#version !== null) this.#show('ok');
    if (!this.#again) return;
    this.#again = false;
    this.uploadSoon();
  }

  async #uploadFailed(error: unknown): Promise<void> {
    this.#uploading = null;
    const { status } = asProblem(error);
    if (this.#closed) return;
    if (status === 403 || status === 404) return this.#lose();
    if (status === 409 || status === 413) this.#show('full');
    this.#pause.begin(error);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.uploadSoon();
    }, this.#pause.until - Date.now());
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pause = new Pause();
  }

  /** It was deleted, or another device has begun a new one, whose key comes with unlocking. */
  async #lose(): Promise<void> {
    this.#version = null;
    this.#show('lost');
    await this.#machine.disableBackup();
  }

  #show(state: BackupState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#context.changed();
  }
}

function isOf(backup: BackupVersion, publicKey: string): boolean {
  return backup.algorithm === ALGORITHM && backup.auth_data.public_key === publicKey;
}

function parseKey(secret: string): BackupDecryptionKey {
  try {
    return BackupDecryptionKey.fromBase64(secret);
  } catch {
    throw new EngineError('engine', 'The key of the backup is damaged.');
  }
}
