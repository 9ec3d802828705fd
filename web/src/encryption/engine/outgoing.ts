/** What the library wants to tell the server. */

import { Problem } from '../../api/problem';
import { pauseBefore } from '../../protocol/backoff';
import type { KeyServer } from './key_server';
import type {
  KeysBackupRequest,
  KeysClaimRequest,
  KeysQueryRequest,
  KeysUploadRequest,
  SignatureUploadRequest,
  ToDeviceRequest,
} from './library';
import { type OlmMachine, RequestType } from './library';

/** A request that the library has made. */
export type LibraryRequest =
  | KeysUploadRequest
  | KeysQueryRequest
  | KeysClaimRequest
  | KeysBackupRequest
  | SignatureUploadRequest
  | ToDeviceRequest;

/** How often the library is asked for more at once: an answer may give rise to new requests. */
const MOST_ROUNDS = 10;

/** Sends the library's requests, each until the server has answered it. */
export class OutgoingRequests {
  readonly #machine: OlmMachine;
  readonly #server: KeyServer;
  #sending: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #closed = false;

  constructor(machine: OlmMachine, server: KeyServer) {
    this.#machine = machine;
    this.#server = server;
  }

  /** Sends everything that waits. Rejects when that cannot be done now. */
  flush(): Promise<void> {
    this.#sending = this.#sending.catch(() => {}).then(() => this.#drain());
    return this.#sending;
  }

  /** Sends everything that waits, and tries again until it is sent. */
  flushSoon(): void {
    if (this.#closed || this.#timer !== undefined) return;
    const pause = this.#failures === 0 ? 0 : pauseBefore(this.#failures);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush().then(
        () => (this.#failures = 0),
        () => {
          this.#failures += 1;
          this.flushSoon();
        },
      );
    }, pause);
  }

  /** Sends one request, and tells the library what came of it. */
  async send(request: LibraryRequest): Promise<void> {
    const answer = await this.#exchange(request);
    if (request.id !== undefined) {
      await this.#machine.markRequestAsSent(request.id, request.type, answer);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #drain(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS && !this.#closed; round += 1) {
      const requests = (await this.#machine.outgoingRequests()) as LibraryRequest[];
      if (requests.length === 0) return;
      let failure: unknown;
      // One that cannot be sent does not keep the others from being sent.
      for (const request of requests) {
        try {
          await this.send(request);
        } catch (error) {
          failure ??= error;
          if (error instanceof Problem && error.status === 401) break;
        }
      }
      if (failure !== undefined) throw failure;
    }
  }

  #exchange(request: LibraryRequest): Promise<string> {
    switch (request.type) {
      case RequestType.KeysUpload:
        return this.#server.uploadKeys(request.body);
      case RequestType.KeysQuery:
        return this.#server.queryKeys(request.body);
      case RequestType.KeysClaim:
        return this.#server.claimKeys(request.body);
      case RequestType.SignatureUpload:
        return this.#server.uploadSignatures(request.body);
      case RequestType.KeysBackup: {
        const { version, body } = request as KeysBackupRequest;
        return this.#server.putRoomKeys(version, body);
      }
      case RequestType.ToDevice: {
        const { event_type, txn_id, body } = request as ToDeviceRequest;
        return this.#server.sendToDevice(event_type, txn_id, body);
      }
      default:
        throw new Error(`the library asks for what this client does not do: ${request.type}`);
    }
  }
}
