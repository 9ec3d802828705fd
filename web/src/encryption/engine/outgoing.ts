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
import { isRefusal, Pause } from './pause';

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

/** How many requests are kept that the library gives once. The oldest is of the least use. */
const MOST_KEPT = 100;
/** How often the server may refuse one of them before it is given up. */
const MOST_REFUSALS = 5;

/** A kind of requests, or the id of a single one. */
type Paused = RequestType | string;

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
  /** Requests that the library gave once, with how often the server has refused them. */
  #kept: { request: LibraryRequest; refusals: number }[] = [];
  /** What the server did not take: one pause for all of a kind, or for a single message. */
  readonly #pauses = new Map<Paused, Pause>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is to go off. */
  #timerAt = Infinity;
  #closed = false;

  constructor(machine: Requesting, server: KeyServer) {
    this.#machine = machine;
    this.#server = server;
  }

  /**
   * Sends what waits of a kind, because somebody waits for the answers, and rejects when that
   * cannot be done now. It is tried again then. What the server has just refused is refused here
   * until its pause is over.
   */
  async flush(...kinds: RequestType[]): Promise<void> {
    await this.#inTurn(kinds, (pause) => pause.forbids);
  }

  /** The same when one can do without the answers: nothing is sent before its pause is over. */
  async flushPatiently(...kinds: RequestType[]): Promise<void> {
    await this.#inTurn(kinds, (pause) => pause.lasts);
  }

  /** Sends everything that waits, in a moment, and tries again until it is sent. */
  flushSoon(): void {
    this.#flushAt(Date.now());
  }

  /** Sends a request that the library gives once and forgets, as if it were one that waits. */
  keep(request: LibraryRequest): void {
    if (this.#kept.length >= MOST_KEPT) this.#kept.shift();
    this.#kept.push({ request, refusals: 0 });
    this.flushSoon();
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

  /**
   * Drains one time after the other, so that no request is sent twice; rejects when something
   * could not be sent.
   */
  #inTurn(kinds: readonly RequestType[] | null, waits: (pause: Pause) => boolean): Promise<void> {
    const drained = this.#sending.then(() => this.#drain(kinds, waits));
    this.#sending = drained.catch(() => {});
    return drained;
  }

  /**
   * Sends what waits of these kinds, or of all. One request that cannot be sent does not keep
   * those of other kinds from being sent, nor a message that is refused other messages.
   */
  async #drain(
    kinds: readonly RequestType[] | null,
    waits: (pause: Pause) => boolean,
  ): Promise<void> {
    const failures = new Map<Paused, unknown>();
    for (let round = 0; round < MOST_ROUNDS && !this.#closed; round += 1) {
      const made = (await this.#machine.outgoingRequests()) as LibraryRequest[];
      const requests = [...this.#kept.map(({ request }) => request), ...made];
      this.#forgetPausesBut(requests);
      let sent = 0;
      for (const request of requests) {
        if (kinds !== null && !kinds.includes(request.type)) continue;
        const names = namesOf(request);
        if (names.some((name) => failures.has(name))) continue;
        if (isQuery(request) && this.hidden.without(request.body) === null) continue;
        const paused = names.find((name) => {
          const pause = this.#pauses.get(name);
          return pause !== undefined && waits(pause);
        });
        if (paused !== undefined) {
          failures.set(paused, this.#pauses.get(paused)?.error);
          continue;
        }
        try {
          await this.send(request);
          this.#letGo(request);
          for (const name of names) this.#pauses.delete(name);
          sent += 1;
        } catch (error) {
          failures.set(this.#noteFailure(request, error), error);
        }
      }
      if (sent === 0) break;
    }
    this.#tryAgain(failures.keys());
    for (const error of failures.values()) throw error;
  }

  /** Begins a pause, and says of what. */
  #noteFailure(request: LibraryRequest, error: unknown): Paused {
    // What is wrong with one message is not wrong with the next, to other devices perhaps.
    const paused = (isRefusal(error) ? namesOf(request).at(-1) : undefined) ?? request.type;
    const pause = this.#pauses.get(paused) ?? new Pause();
    pause.begin(error);
    this.#pauses.set(paused, pause);
    const kept = this.#kept.find((other) => other.request === request);
    if (kept !== undefined && isRefusal(error)) {
      kept.refusals += 1;
      if (kept.refusals >= MOST_REFUSALS) this.#letGo(request);
    }
    return paused;
  }

  /** Single requests that are not there any more need no pause. */
  #forgetPausesBut(requests: readonly LibraryRequest[]): void {
    const there = new Set<Paused>(requests.flatMap(namesOf));
    for (const paused of this.#pauses.keys()) {
      if (typeof paused === 'string' && !there.has(paused)) this.#pauses.delete(paused);
    }
  }

  #letGo(request: LibraryRequest): void {
    this.#kept = this.#kept.filter((other) => other.request !== request);
  }

  async #send(request: LibraryRequest): Promise<string> {
    const answer = await this.#exchange(request);
    if (request.id !== undefined) {
      await this.#machine.markRequestAsSent(request.id, request.type, answer);
    }
    return answer;
  }

  /** Tries again what could not be sent, when the first of the pauses is over. */
  #tryAgain(failed: Iterable<Paused>): void {
    const ends = [...failed].map((paused) => this.#pauses.get(paused)?.until ?? Infinity);
    this.#flushAt(Math.min(...ends));
  }

  #flushAt(time: number): void {
    if (this.#closed || time >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      void this.#inTurn(null, (pause) => pause.lasts).catch(() => {});
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

/**
 * What a request can be paused as: the others are made anew each time they are asked for, so only
 * of a message to devices it is known to be the same one.
 */
function namesOf({ type, id }: LibraryRequest): Paused[] {
  return type === RequestType.ToDevice && id !== undefined ? [type, id] : [type];
}

function isQuery(request: LibraryRequest): request is KeysQueryRequest {
  return request.type === RequestType.KeysQuery;
}
