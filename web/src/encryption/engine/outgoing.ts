/** What the library wants to tell the server. */

import { HiddenUsers } from './hidden_users';
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
import { Pause } from './pause';

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

/** The part of the library that makes requests. */
type Requesting = Pick<OlmMachine, 'outgoingRequests' | 'markRequestAsSent'>;

/** Sends the library's requests, each until the server has answered it. */
export class OutgoingRequests {
  /** Users for whose keys it is no use to ask. */
  readonly hidden = new HiddenUsers();
  readonly #machine: Requesting;
  readonly #server: KeyServer;
  #sending: Promise<unknown> = Promise.resolve();
  /** The end of what may not happen while answers about users' keys are taken in. */
  #queries: Promise<unknown> = Promise.resolve();
  /** Kinds of which the server did not take a request: one pause for all of a kind. */
  readonly #pauses = new Map<RequestType, Pause>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is to go off. */
  #timerAt = Infinity;
  #closed = false;

  constructor(machine: Requesting, server: KeyServer) {
    this.#machine = machine;
    this.#server = server;
  }

  /**
   * Sends what waits of these kinds, and rejects when that cannot be done now. It is tried again
   * then. What the server has just refused is refused here until its pause is over.
   */
  async flush(...kinds: RequestType[]): Promise<void> {
    const failures = await this.#inTurn(kinds);
    for (const error of failures.values()) throw error;
  }

  /** Sends everything that waits, in a moment, and tries again until it is sent. */
  flushSoon(): void {
    this.#flushAt(Date.now());
  }

  /** Sends one request, and tells the library what came of it; that is also the answer. */
  send(request: LibraryRequest): Promise<string> {
    if (!isQuery(request)) return this.#send(request);
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

  /** One after the other: a request is not to be sent twice. */
  #inTurn(kinds: readonly RequestType[] | null): Promise<Map<RequestType, unknown>> {
    const drained = this.#sending.then(() => this.#drain(kinds));
    this.#sending = drained.catch(() => {});
    return drained;
  }

  /**
   * Sends what waits of these kinds, which somebody needs now; null for all that may be sent
   * without anybody's asking. Answers what could not be sent, by its kind: one request does not
   * keep those of other kinds from being sent.
   */
  async #drain(kinds: readonly RequestType[] | null): Promise<Map<RequestType, unknown>> {
    const failures = new Map<RequestType, unknown>();
    for (let round = 0; round < MOST_ROUNDS && !this.#closed; round += 1) {
      const requests = (await this.#machine.outgoingRequests()) as LibraryRequest[];
      let sent = 0;
      for (const request of requests) {
        const { type: kind } = request;
        if (failures.has(kind) || (kinds !== null && !kinds.includes(kind))) continue;
        if (isQuery(request) && this.hidden.without(request.body) === null) continue;
        const pause = this.#pauses.get(kind);
        if (kinds === null ? pause?.lasts : pause?.forbids) {
          failures.set(kind, pause?.error);
          continue;
        }
        try {
          await this.send(request);
          this.#pauses.delete(kind);
          sent += 1;
        } catch (error) {
          this.#pause(kind, error);
          failures.set(kind, error);
        }
      }
      if (sent === 0) break;
    }
    this.#tryAgain(failures.keys());
    return failures;
  }

  #pause(kind: RequestType, error: unknown): void {
    const pause = this.#pauses.get(kind) ?? new Pause();
    pause.begin(error);
    this.#pauses.set(kind, pause);
  }

  async #send(request: LibraryRequest): Promise<string> {
    const answer = await this.#exchange(request);
    if (request.id !== undefined) {
      await this.#machine.markRequestAsSent(request.id, request.type, answer);
    }
    return answer;
  }

  /** Tries again what could not be sent, when the first of the pauses is over. */
  #tryAgain(kinds: Iterable<RequestType>): void {
    const ends = [...kinds].map((kind) => this.#pauses.get(kind)?.until ?? Infinity);
    this.#flushAt(Math.min(...ends));
  }

  #flushAt(time: number): void {
    if (this.#closed || time >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      void this.#inTurn(null).catch(() => {});
    }, time - Date.now());
  }

  #exchange(request: LibraryRequest): Promise<string> {
    switch (request.type) {
      case RequestType.KeysUpload:
        return this.#server.uploadKeys(request.body);
      case RequestType.KeysQuery:
        return this.#query(request.body);
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

  async #query(wanted: string): Promise<string> {
    const body = this.hidden.without(wanted) ?? wanted;
    this.hidden.asked(body);
    const answer = await this.#server.queryKeys(body);
    this.hidden.answered(answer);
    return answer;
  }
}

function isQuery(request: LibraryRequest): request is KeysQueryRequest {
  return request.type === RequestType.KeysQuery;
}
