/** What the library wants to tell the server. */

import { asProblem } from '../../api/problem';
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

/** What the server refused is tried again after this time: things may have changed. */
const REFUSED_PAUSE_MS = 120_000;

/** Sends the library's requests, each until the server has answered it. */
export class OutgoingRequests {
  readonly #machine: OlmMachine;
  readonly #server: KeyServer;
  #sending: Promise<void> = Promise.resolve();
  /** The end of what may not happen while answers about users' keys are taken in. */
  #queries: Promise<unknown> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #closed = false;

  constructor(machine: OlmMachine, server: KeyServer) {
    this.#machine = machine;
    this.#server = server;
  }

  /**
   * Sends everything that waits. Rejects when one of these kinds cannot be sent now: others do not
   * keep the caller from going on, and are tried again.
   */
  async flush(...needed: RequestType[]): Promise<void> {
    const sending = this.#sending.then(() => this.#drain());
    this.#sending = sending.then(
      () => {},
      () => {},
    );
    const failures = await sending;
    if (failures.size > 0) this.#again(failures);
    for (const [kind, error] of failures) {
      if (needed.includes(kind)) throw error;
    }
  }

  /** Sends everything that waits, in a moment, and tries again until it is sent. */
  flushSoon(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#flushNow(), 0);
  }

  /** Sends one request, and tells the library what came of it; that is also the answer. */
  send(request: LibraryRequest): Promise<string> {
    if (request.type !== RequestType.KeysQuery) return this.#send(request);
    return this.withoutQueries(() => this.#send(request));
  }

  /** Does something during which nobody's keys are asked for, nor an answer to that taken in. */
  withoutQueries<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queries.then(work);
    this.#queries = done.catch(() => {});
    return done;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** What could not be sent, by its kind. One request does not keep the others from being sent. */
  async #drain(): Promise<Map<RequestType, unknown>> {
    const failures = new Map<RequestType, unknown>();
    for (let round = 0; round < MOST_ROUNDS && !this.#closed; round += 1) {
      const requests = (await this.#machine.outgoingRequests()) as LibraryRequest[];
      let sent = 0;
      for (const request of requests) {
        if (failures.has(request.type)) continue;
        try {
          await this.send(request);
          sent += 1;
        } catch (error) {
          failures.set(request.type, error);
        }
      }
      if (sent === 0) break;
    }
    if (failures.size === 0) this.#failures = 0;
    return failures;
  }

  async #send(request: LibraryRequest): Promise<string> {
    const answer = await this.#exchange(request);
    if (request.id !== undefined) {
      await this.#machine.markRequestAsSent(request.id, request.type, answer);
    }
    return answer;
  }

  #flushNow(): void {
    this.#timer = undefined;
    void this.flush().catch(() => {});
  }

  #again(failures: ReadonlyMap<RequestType, unknown>): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#failures += 1;
    const pause = [...failures.values()].every(isRefusal)
      ? REFUSED_PAUSE_MS
      : pauseBefore(this.#failures);
    this.#timer = setTimeout(() => this.#flushNow(), pause);
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

/** Whether the server has understood a request, and does not want it. */
function isRefusal(error: unknown): boolean {
  const { status } = asProblem(error);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
