/** The backup of the keys, by which a new device reads what was written before it. */

import { asProblem } from '../../api/problem';
import { pauseBefore } from '../../protocol/backoff';
import { EngineError } from '../types';
import type { Identifiers } from './identifiers';
import type { BackupVersion, KeyServer } from './key_server';
import { BackupDecryptionKey, type OlmMachine, RoomId } from './library';
import type { OutgoingRequests } from './outgoing';

const ALGORITHM = 'm.megolm_backup.v1.curve25519-aes-sha2';
/** How many keys are fetched at the same time. */
const FETCHED_TOGETHER = 4;
/** How many keys wait to be fetched. More are asked for again when they are looked at. */
const MOST_WAITING = 500;
/** A key that was not there is looked for again after this time: its writer may back it up yet. */
const LOOK_AGAIN_MS = 60_000;
/** How many keys are remembered as not there. */
const MOST_ABSENT = 5_000;

/** Keeps the keys of this device in the backup, and fetches from it what is missing here. */
export class Backup {
  readonly #machine: OlmMachine;
  readonly #names: Identifiers;
  readonly #server: KeyServer;
  readonly #outgoing: OutgoingRequests;
  #version: string | null = null;
  #uploading: Promise<void> | null = null;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #closed = false;
  /** Missing keys: the session, and the channel it belongs to. */
  readonly #waiting = new Map<string, string>();
  readonly #absent = new Map<string, number>();
  #fetching = 0;

  constructor(
    machine: OlmMachine,
    names: Identifiers,
    server: KeyServer,
    outgoing: OutgoingRequests,
  ) {
    this.#machine = machine;
    this.#names = names;
    this.#server = server;
    this.#outgoing = outgoing;
  }

  /** Goes on with the backup that this device has the key of. */
  async resume(): Promise<void> {
    const { decryptionKey, backupVersion } = await this.#machine.getBackupKeys();
    if (decryptionKey === undefined || backupVersion === undefined) return;
    const newest = await this.#server.backup();
    const publicKey = decryptionKey.megolmV1PublicKey.publicKeyBase64;
    if (newest?.version === backupVersion && isOf(newest, publicKey)) {
      await this.#machine.enableBackupV1(publicKey, backupVersion);
      this.#version = backupVersion;
      this.uploadSoon();
    }
  }

  /** Begins a backup where there is none; `replace` begins anew in any case. */
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
    await this.#use(key, publicKeyBase64, version);
    // It belonged to the identity before, and its key is lost with that.
    if (old !== null) await this.#server.deleteBackup(old.version);
  }

  /** Whether this device has the key of the newest backup. */
  get ready(): boolean {
    return this.#version !== null;
  }

  /** The key of the backup; undefined if this device lacks it. */
  async key(): Promise<string | undefined> {
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

  /** Fetches the key of a session, if the backup has it. What is fetched, the library tells. */
  fetch(channelId: string, sessionId: string): void {
    if (this.#version === null || this.#closed || this.#waiting.has(sessionId)) return;
    const absentSince = this.#absent.get(sessionId);
    if (absentSince !== undefined && Date.now() - absentSince < LOOK_AGAIN_MS) return;
    if (this.#waiting.size >= MOST_WAITING) return;
    this.#waiting.set(sessionId, channelId);
    if (this.#fetching < FETCHED_TOGETHER) void this.#fetchWaiting();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #use(key: BackupDecryptionKey, publicKey: string, version: string): Promise<void> {
    await this.#machine.saveBackupDecryptionKey(key, version);
    await this.#machine.enableBackupV1(publicKey, version);
    this.#version = version;
    this.#absent.clear();
    this.uploadSoon();
  }

  async #upload(): Promise<void> {
    while (!this.#closed) {
      const request = await this.#machine.backupRoomKeys();
      if (request === undefined || request === null) return;
      await this.#outgoing.send(request);
    }
  }

  #uploaded(): void {
    this.#uploading = null;
    this.#failures = 0;
    if (!this.#again) return;
    this.#again = false;
    this.uploadSoon();
  }

  async #uploadFailed(error: unknown): Promise<void> {
    this.#uploading = null;
    const { status } = asProblem(error);
    // It is full, or does not want what it is given: asking again changes nothing.
    if (status === 409 || status === 413 || status === 422) return;
    if (status === 403 || status === 404) {
      // Another device has begun a new backup; its key comes with the next unlocking.
      this.#version = null;
      await this.#machine.disableBackup();
      return;
    }
    this.#failures += 1;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.uploadSoon();
    }, pauseBefore(this.#failures));
  }

  async #fetchWaiting(): Promise<void> {
    this.#fetching += 1;
    const taken = new Set<string>();
    for (;;) {
      const next = [...this.#waiting].find(([sessionId]) => !this.#underway.has(sessionId));
      if (next === undefined || this.#closed) break;
      const [sessionId, channelId] = next;
      this.#underway.add(sessionId);
      taken.add(sessionId);
      try {
        await this.#fetchOne(channelId, sessionId);
      } catch {
        // It is asked for again when the message is looked at again.
        this.#noteAbsent(sessionId);
      }
      this.#underway.delete(sessionId);
      this.#waiting.delete(sessionId);
    }
    this.#fetching -= 1;
  }

  readonly #underway = new Set<string>();

  async #fetchOne(channelId: string, sessionId: string): Promise<void> {
    const version = this.#version;
    const { decryptionKey } = await this.#machine.getBackupKeys();
    if (version === null || decryptionKey === undefined) return;
    const room = this.#names.room(channelId);
    const sealed = await this.#server.roomKey(version, room, sessionId);
    if (sealed === null) return this.#noteAbsent(sessionId);
    const { ephemeral, mac, ciphertext } = sealed.session_data;
    const session = JSON.parse(decryptionKey.decryptV1(ephemeral, mac, ciphertext)) as object;
    await this.#machine.importBackedUpRoomKeys(
      new Map([
        [
          new RoomId(room),
          new Map([[sessionId, { ...session, session_id: sessionId, room_id: room }]]),
        ],
      ]),
      () => undefined,
      version,
    );
  }

  #noteAbsent(sessionId: string): void {
    this.#absent.delete(sessionId);
    this.#absent.set(sessionId, Date.now());
    for (const oldest of this.#absent.keys()) {
      if (this.#absent.size <= MOST_ABSENT) break;
      this.#absent.delete(oldest);
    }
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
