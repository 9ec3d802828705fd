/**
 * The server's side of encryption: a directory of public keys, a mailbox for each device, and
 * backups that only their users can open. Bodies are those of the Matrix Client-Server API, as
 * the library writes and reads them, so they pass as JSON text.
 */

import { Problem } from '../../api/problem';
import { inHalves, isTooMuch } from './halves';

/** A call of the server's interface whose bodies pass as they are. */
export type Exchange = (method: Method, path: string, body?: string) => Promise<string>;
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** How often a call is made in all while the server is busy. */
const MOST_ATTEMPTS = 3;
/** A server that wants a longer pause than this is not waited for. */
const LONGEST_WAIT_SECONDS = 10;

/** What the server calls this device. */
export interface WhoAmI {
  user_id: string;
  device_id: string;
}

/** A key backup, without the keys. */
export interface BackupVersion {
  version: string;
  algorithm: string;
  auth_data: { public_key?: string };
}

/** The key of one session, sealed. */
export interface SealedRoomKey {
  session_data: { ciphertext: string; ephemeral: string; mac: string };
}

/** The calls that encryption makes. */
export class KeyServer {
  readonly #call: Exchange;

  constructor(exchange: Exchange) {
    this.#call = exchange;
  }

  async whoAmI(): Promise<WhoAmI> {
    return JSON.parse(await this.#exchange('GET', '/api/e2ee/whoami')) as WhoAmI;
  }

  uploadKeys(body: string): Promise<string> {
    return this.#exchange('POST', '/api/e2ee/keys/upload', body);
  }

  queryKeys(body: string): Promise<string> {
    return inHalves('device_keys', body, async (half) => {
      try {
        return await this.#exchange('POST', '/api/e2ee/keys/query', half);
      } catch (error) {
        // One user with more devices than the server shows does not keep the others from writing.
        // Whoever asks for that user alone sees that nothing is said of devices.
        if (isTooMuch(error, 'device_keys') && asksForOne(half)) return '{}';
        throw error;
      }
    });
  }

  /** Users whose keys changed since a place in the order of changes. */
  async changes(since: number): Promise<string[]> {
    const text = await this.#exchange('GET', `/api/e2ee/keys/changes?from=${since}`);
    return (JSON.parse(text) as { changed: string[] }).changed;
  }

  claimKeys(body: string): Promise<string> {
    return inHalves('one_time_keys', body, (half) =>
      this.#exchange('POST', '/api/e2ee/keys/claim', half),
    );
  }

  uploadSignatures(body: string): Promise<string> {
    return this.#exchange('POST', '/api/e2ee/keys/signatures/upload', body);
  }

  /** Makes the user's identity, or replaces it. */
  uploadSigningKeys(body: string, password: string): Promise<string> {
    const keys = JSON.parse(body) as Record<string, unknown>;
    const whole = JSON.stringify({ ...keys, auth: { type: 'm.login.password', password } });
    return this.#exchange('POST', '/api/e2ee/keys/device_signing/upload', whole);
  }

  sendToDevice(eventType: string, txnId: string, body: string): Promise<string> {
    const path = `/api/e2ee/to_device/${encodeURIComponent(eventType)}/${encodeURIComponent(txnId)}`;
    return this.#exchange('PUT', path, body);
  }

  /** The newest backup; null if there is none. */
  async backup(): Promise<BackupVersion | null> {
    const text = await absent(this.#exchange('GET', '/api/e2ee/room_keys/version'));
    return text === null ? null : (JSON.parse(text) as BackupVersion);
  }

  /** Begins a backup; answers its version. */
  async createBackup(algorithm: string, authData: object): Promise<string> {
    const body = JSON.stringify({ algorithm, auth_data: authData });
    const text = await this.#exchange('POST', '/api/e2ee/room_keys/version', body);
    return (JSON.parse(text) as { version: string }).version;
  }

  async deleteBackup(version: string): Promise<void> {
    const path = `/api/e2ee/room_keys/version/${encodeURIComponent(version)}`;
    await absent(this.#exchange('DELETE', path));
  }

  putRoomKeys(version: string, body: string): Promise<string> {
    const path = `/api/e2ee/room_keys/keys?version=${encodeURIComponent(version)}`;
    return this.#exchange('PUT', path, body);
  }

  /** The key of one session; null if the backup lacks it. */
  async roomKey(version: string, room: string, sessionId: string): Promise<SealedRoomKey | null> {
    const place = `${encodeURIComponent(room)}/${encodeURIComponent(sessionId)}`;
    const path = `/api/e2ee/room_keys/keys/${place}?version=${encodeURIComponent(version)}`;
    const text = await absent(this.#exchange('GET', path));
    return text === null ? null : (JSON.parse(text) as SealedRoomKey);
  }

  /** What is kept under a type; null if nothing is. */
  async accountData<T>(type: string): Promise<T | null> {
    const text = await absent(this.#exchange('GET', accountDataPath(type)));
    return text === null ? null : (JSON.parse(text) as T);
  }

  async putAccountData(type: string, content: object): Promise<void> {
    await this.#exchange('PUT', accountDataPath(type), JSON.stringify(content));
  }

  async deleteAccountData(type: string): Promise<void> {
    await absent(this.#exchange('DELETE', accountDataPath(type)));
  }

  /** A call, made again when the server is busy. All of them may be made twice. */
  async #exchange(method: Method, path: string, body?: string): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#call(method, path, body);
      } catch (error) {
        const busy = error instanceof Problem && (error.status === 429 || error.status === 503);
        const wait = busy ? (error.retryAfter ?? 1) : Infinity;
        if (wait > LONGEST_WAIT_SECONDS || attempt >= MOST_ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, (wait + Math.random()) * 1000));
      }
    }
  }
}

function asksForOne(query: string): boolean {
  const { device_keys: users } = JSON.parse(query) as { device_keys: object };
  return Object.keys(users).length === 1;
}

function accountDataPath(type: string): string {
  return `/api/e2ee/account_data/${encodeURIComponent(type)}`;
}

async function absent(answer: Promise<string>): Promise<string | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}
