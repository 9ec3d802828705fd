/** The identities of other users, pinned when they are first seen. */

import type { IdentityChange } from '../types';
import type { Identifiers } from './identifiers';
import { type OlmMachine, OtherUserIdentity, UserId } from './library';

/** How many changes are shown; more than that is no accident of people, and sending stops anyway. */
const MOST_SHOWN = 100;

/** Watches for identities that are others than they were. */
export class Identities {
  readonly #machine: OlmMachine;
  readonly #names: Identifiers;
  readonly #changed: () => void;
  /** Users whose identity was looked at since it last changed. */
  readonly #looked = new Set<string>();
  readonly #changes = new Map<string, IdentityChange>();

  constructor(machine: OlmMachine, names: Identifiers, changed: () => void) {
    this.#machine = machine;
    this.#names = names;
    this.#changed = changed;
  }

  /** The identities that changed and were not acknowledged. */
  get changes(): IdentityChange[] {
    return [...this.#changes.values()].slice(0, MOST_SHOWN);
  }

  /** Of these users, those whose identity changed and was not acknowledged. */
  async unacknowledged(userIds: readonly string[]): Promise<string[]> {
    for (const userId of userIds) await this.#look(userId);
    return userIds.filter((userId) => this.#changes.has(userId));
  }

  /** The library has learnt an identity, or a new one. */
  async updated(userId: string): Promise<void> {
    this.#looked.delete(userId);
    await this.#look(userId);
  }

  /** Goes on with the identity that a user has now. */
  async acknowledge(userId: string): Promise<void> {
    const identity = await this.#identity(userId);
    if (identity?.hasVerificationViolation()) await identity.withdrawVerification();
    const after = await this.#identity(userId);
    if (after?.identityNeedsUserApproval()) await after.pinCurrentMasterKey();
    await this.updated(userId);
  }

  async #look(userId: string): Promise<void> {
    if (this.#looked.has(userId)) return;
    const identity = await this.#identity(userId);
    this.#looked.add(userId);
    const needed =
      identity !== undefined &&
      (identity.identityNeedsUserApproval() || identity.hasVerificationViolation());
    if (needed === this.#changes.has(userId)) return;
    if (needed) this.#changes.set(userId, { userId, at: new Date().toISOString() });
    else this.#changes.delete(userId);
    this.#changed();
  }

  async #identity(userId: string): Promise<OtherUserIdentity | undefined> {
    const identity = await this.#machine.getIdentity(new UserId(this.#names.user(userId)));
    return identity instanceof OtherUserIdentity ? identity : undefined;
  }
}
