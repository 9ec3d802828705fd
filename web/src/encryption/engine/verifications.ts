/** Comparing pictures, to find out that nobody stands between two devices. */

import { EngineError, type VerificationEmoji, type VerificationProgress } from '../types';
import type { Identifiers } from './identifiers';
import {
  DeviceId,
  type OlmMachine,
  type OutgoingVerificationRequest,
  OwnUserIdentity,
  type ProcessedToDeviceEvent,
  Sas,
  UserId,
  VerificationMethod,
  type VerificationRequest,
  VerificationRequestPhase,
} from './library';
import type { LibraryRequest, OutgoingRequests } from './outgoing';

/** How many devices of another user are asked at the same time. */
const MOST_ASKED = 5;

/** What a verification needs of the rest. */
export interface VerificationContext {
  machine: OlmMachine;
  names: Identifiers;
  outgoing: OutgoingRequests;
  /** The verification has got further. */
  changed(): void;
  /** A verification was successful: somebody is vouched for now. */
  verified(): void;
}

/** The verification that is under way; one at a time. */
export class Verifications {
  readonly #context: VerificationContext;
  /** What was asked, of several devices perhaps: the first that agrees is the one. */
  #requests: VerificationRequest[] = [];
  #sas: Sas | null = null;
  #over: VerificationProgress | null = null;
  #announced = false;

  constructor(context: VerificationContext) {
    this.#context = context;
  }

  /** How far it is. */
  get progress(): VerificationProgress | null {
    if (this.#over !== null) return this.#over;
    const request = this.#current;
    if (request === undefined) return null;
    return {
      withUserId: this.#context.names.userIdIn(request.otherUserId.toString()),
      deviceId: request.otherDeviceId?.toString() ?? null,
      stage: this.#stage(request),
      emoji: this.#stage(request) === 'emoji' ? this.#emoji() : [],
      reason: null,
    };
  }

  /** Asks a device, or all devices of a user. */
  async request(userId: string, deviceId: string | null): Promise<void> {
    await this.cancel(false);
    this.#begin();
    const { outgoing, changed } = this.#context;
    const asked = await this.#ask(userId, deviceId);
    if (asked.length === 0) {
      throw new EngineError('engine', 'They have no device that could be verified.');
    }
    this.#requests = asked.map(([request]) => request);
    for (const request of this.#requests) this.#watch(request);
    try {
      for (const [, message] of asked) await outgoing.send(message as LibraryRequest);
    } catch (error) {
      for (const request of this.#requests) this.#send(request.cancel());
      this.#begin();
      changed();
      throw error;
    }
    changed();
  }

  /** Agrees to what the other side asks. */
  async accept(): Promise<void> {
    const request = this.#current;
    const answer = request?.acceptWithMethods([VerificationMethod.SasV1]);
    this.#send(answer);
    this.#context.changed();
  }

  /** The pictures are the same. */
  async confirm(): Promise<void> {
    if (this.#sas === null) return;
    for (const request of await this.#sas.confirm()) this.#send(request);
    await this.#follow();
  }

  /** Ends it; `mismatch` when the pictures differ. */
  async cancel(mismatch: boolean): Promise<void> {
    if (this.#over !== null) {
      this.#begin();
      return this.#context.changed();
    }
    const answers = [
      mismatch ? this.#sas?.cancelWithCode('m.mismatched_sas') : this.#sas?.cancel(),
      ...this.#requests.filter((request) => !isOver(request)).map((request) => request.cancel()),
    ];
    for (const answer of answers) this.#send(answer);
    await this.#follow();
  }

  /** Messages to this device were read; there may be a request among them. */
  async received(events: readonly ProcessedToDeviceEvent[]): Promise<void> {
    const { machine, names } = this.#context;
    for (const event of events) {
      const { type, sender, content } = JSON.parse(event.rawEvent) as {
        type: string;
        sender: string;
        content?: { transaction_id?: unknown };
      };
      if (type !== 'm.key.verification.request') continue;
      const flow = content?.transaction_id;
      if (typeof flow !== 'string') continue;
      const request = machine.getVerificationRequest(new UserId(sender), flow);
      const own = names.userIdIn(sender) === names.userId;
      if (request === undefined || isOver(request) || (own && request.weStarted())) continue;
      // One at a time: whoever asks meanwhile sees that it was not accepted.
      if (this.#current !== undefined && this.#over === null) {
        this.#send(request.cancel());
        continue;
      }
      this.#begin();
      this.#requests = [request];
      this.#watch(request);
      this.#context.changed();
    }
    await this.#follow();
  }

  get #current(): VerificationRequest | undefined {
    const going = this.#requests.filter((request) => !isOver(request));
    const agreed = going.find((request) => request.isReady() || request.getVerification());
    return agreed ?? going[0] ?? this.#requests[0];
  }

  #begin(): void {
    this.#requests = [];
    this.#sas = null;
    this.#over = null;
    this.#announced = false;
  }

  async #ask(
    userId: string,
    deviceId: string | null,
  ): Promise<[VerificationRequest, OutgoingVerificationRequest][]> {
    const { machine, names } = this.#context;
    const user = names.user(userId);
    const methods = () => [VerificationMethod.SasV1];
    if (deviceId !== null) {
      const device = await machine.getDevice(new UserId(user), new DeviceId(deviceId));
      return device === undefined ? [] : [device.requestVerification(methods())];
    }
    const identity = await machine.getIdentity(new UserId(user));
    if (identity instanceof OwnUserIdentity) return [await identity.requestVerification(methods())];
    const devices = (await machine.getUserDevices(new UserId(user))).devices();
    return devices
      .filter((device) => device.isCrossSignedByOwner())
      .slice(0, MOST_ASKED)
      .map((device) => device.requestVerification(methods()));
  }

  #watch(request: VerificationRequest): void {
    request.registerChangesCallback(() => this.#changed());
  }

  /** The library tells that something has changed. It has nobody to tell of an error. */
  #changed(): Promise<void> {
    return this.#follow().catch(() => {});
  }

  /** Does what comes next, after something has changed. */
  async #follow(): Promise<void> {
    const request = this.#current;
    if (request === undefined || this.#over !== null) return;
    if (request.isReady() && request.weStarted()) await this.#start(request);
    const verification = request.getVerification();
    if (verification instanceof Sas && this.#sas === null) {
      this.#sas = verification;
      verification.registerChangesCallback(() => this.#changed());
      if (!verification.weStarted()) this.#send(verification.accept());
    }
    this.#end(request);
    this.#context.changed();
  }

  /** A device has agreed: the others that were asked need not any more. */
  async #start(request: VerificationRequest): Promise<void> {
    for (const other of this.#requests) {
      if (other !== request && !isOver(other)) this.#send(other.cancel());
    }
    this.#requests = [request];
    if (this.#announced) return;
    this.#announced = true;
    const started = await request.startSas();
    if (started === undefined) return;
    const [sas, message] = started;
    this.#sas = sas;
    sas.registerChangesCallback(() => this.#changed());
    this.#send(message);
  }

  #end(request: VerificationRequest): void {
    const done = this.#sas?.isDone() ?? request.isDone();
    const cancelled = request.isCancelled() || (this.#sas?.isCancelled() ?? false);
    if (!done && !cancelled) return;
    const info = this.#sas?.cancelInfo() ?? request.cancelInfo;
    this.#over = {
      withUserId: this.#context.names.userIdIn(request.otherUserId.toString()),
      deviceId: request.otherDeviceId?.toString() ?? null,
      stage: done ? 'done' : 'cancelled',
      emoji: [],
      reason: info?.reason() ?? null,
    };
    if (done) this.#context.verified();
  }

  #stage(request: VerificationRequest): VerificationProgress['stage'] {
    const sas = this.#sas;
    if (sas !== null && sas.canBePresented() && !sas.haveWeConfirmed()) return 'emoji';
    const { Requested } = VerificationRequestPhase;
    return request.phase() === Requested && !request.weStarted() ? 'asked' : 'waiting';
  }

  #emoji(): VerificationEmoji[] {
    const emoji = this.#sas?.emoji() ?? [];
    return emoji.map(({ symbol, description }) => ({ symbol, name: description }));
  }

  /**
   * The library gives these once, and takes them for sent: they are kept until they are. What
   * cannot be sent for long ends the verification on both sides, by the library's own time.
   */
  #send(request: OutgoingVerificationRequest | undefined): void {
    if (request !== undefined) this.#context.outgoing.keep(request as LibraryRequest);
  }
}

function isOver(request: VerificationRequest): boolean {
  return request.isDone() || request.isCancelled();
}
