/** Whose devices this one knows. Without that, true senders are refused as unknown. */

import type { Identifiers } from './identifiers';
import { type OlmMachine, RequestType, UserId } from './library';
import type { OutgoingRequests } from './outgoing';

/** Keeps the devices of the members known. */
export class Tracking {
  readonly #machine: OlmMachine;
  readonly #names: Identifiers;
  readonly #outgoing: OutgoingRequests;
  readonly #tracked: Set<string>;

  private constructor(
    machine: OlmMachine,
    names: Identifiers,
    outgoing: OutgoingRequests,
    tracked: Set<string>,
  ) {
    this.#machine = machine;
    this.#names = names;
    this.#outgoing = outgoing;
    this.#tracked = tracked;
  }

  /** Begins with whom the store knows already. */
  static async begin(
    machine: OlmMachine,
    names: Identifiers,
    outgoing: OutgoingRequests,
  ): Promise<Tracking> {
    const known = [...(await machine.trackedUsers())].map((user) => user.toString());
    return new Tracking(machine, names, outgoing, new Set(known));
  }

  /** Learns the devices of these users, and what has changed of those that are known. */
  async know(userIds: readonly string[]): Promise<void> {
    await this.#track(userIds);
    await this.#outgoing.flush(RequestType.KeysQuery);
  }

  /** The same if that can be done now: otherwise what is known has to do, and more comes later. */
  async knowIfPossible(userIds: readonly string[]): Promise<void> {
    await this.#track(userIds);
    await this.#outgoing.flushPatiently(RequestType.KeysQuery).catch(() => {});
  }

  /** Asks for everybody's devices again: news may have been missed. */
  async renew(): Promise<void> {
    await this.#machine.markAllTrackedUsersAsDirty();
  }

  async #track(userIds: readonly string[]): Promise<void> {
    const fresh = userIds.map((id) => this.#names.user(id)).filter((id) => !this.#tracked.has(id));
    if (fresh.length === 0) return;
    await this.#machine.updateTrackedUsers(fresh.map((id) => new UserId(id)));
    for (const id of fresh) this.#tracked.add(id);
  }
}
