/** Keys that messages need and this device lacks, fetched from the backup one by one. */

import type { Backup } from './backup';
import type { Identifiers } from './identifiers';
import type { KeyServer } from './key_server';
import { type OlmMachine, RoomId } from './library';

/** How many keys are fetched at the same time. */
const FETCHED_TOGETHER = 4;
/** How many keys wait to be fetched. More are asked for again when they are looked at. */
const MOST_WAITING = 500;
/** A key that was not there is looked for again after this time: its writer may back it up yet. */
const LOOK_AGAIN_MS = 45_000;
/** How many keys are remembered as not there. */
const MOST_ABSENT = 5_000;

/** Fetches keys. What is fetched, the library tells. */
export class MissingKeys {
  readonly #machine: OlmMachine;
  readonly #names: Identifiers;
  readonly #server: KeyServer;
  readonly #backup: Backup;
  /** Channels by the sessions whose keys are to be fetched. */
  readonly #waiting = new Map<string, string>();
  readonly #underway = new Set<string>();
  /** When a key was last looked for in vain. */
  readonly #absent = new Map<string, number>();

  constructor(machine: OlmMachine, names: Identifiers, server: KeyServer, backup: Backup) {
    this.#machine = machine;
    this.#names = names;
    this.#server = server;
    this.#backup = backup;
  }

  /** Fetches the key of a session, if the backup has it. */
  fetch(channelId: string, sessionId: string): void {
    if (this.#backup.version === null) return;
    if (this.#waiting.has(sessionId) || this.#underway.has(sessionId)) return;
    const absentSince = this.#absent.get(sessionId);
    if (absentSince !== undefined && Date.now() - absentSince < LOOK_AGAIN_MS) return;
    if (this.#waiting.size >= MOST_WAITING) return;
    this.#waiting.set(sessionId, channelId);
    this.#fetchNext();
  }

  /** Another backup may have what this one did not. */
  forget(): void {
    this.#absent.clear();
  }

  /** Fetches nothing any more. */
  close(): void {
    this.#waiting.clear();
  }

  #fetchNext(): void {
    for (const [sessionId, channelId] of this.#waiting) {
      if (this.#underway.size >= FETCHED_TOGETHER) return;
      this.#waiting.delete(sessionId);
      this.#underway.add(sessionId);
      void this.#fetch(channelId, sessionId)
        // It is asked for again when the message is looked at again.
        .catch(() => this.#noteAbsent(sessionId))
        .finally(() => {
          this.#underway.delete(sessionId);
          this.#fetchNext();
        });
    }
  }

  async #fetch(channelId: string, sessionId: string): Promise<void> {
    const { version } = this.#backup;
    const { decryptionKey } = await this.#machine.getBackupKeys();
    if (version === null || decryptionKey === undefined) return;
    const room = this.#names.room(channelId);
    const sealed = await this.#server.roomKey(version, room, sessionId);
    if (sealed === null) return this.#noteAbsent(sessionId);
    const { ephemeral, mac, ciphertext } = sealed.session_data;
    const opened = JSON.parse(decryptionKey.decryptV1(ephemeral, mac, ciphertext)) as object;
    const session = { ...opened, session_id: sessionId, room_id: room };
    await this.#machine.importBackedUpRoomKeys(
      new Map([[new RoomId(room), new Map([[sessionId, session]])]]),
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
