/**
 * Who came into a channel since the user last knew its members. What is written is encrypted for
 * everybody whom the server names as a member, so nobody is to come unseen.
 */

import { SvelteMap } from 'svelte/reactivity';

import type { User } from '../api/types';
import { store, stored } from './preferences.svelte';

const KEY = 'chatalot.known_members';
/** How many members are remembered on this device; of the channels read last, together. */
const MOST_STORED = 10_000;
/** For how many of them a newcomer counts, who is kept with names. */
const NEWCOMER_COUNTS = 5;

/** Somebody who came into a channel. */
export interface Newcomer {
  id: string;
  username: string;
  displayName: string;
  /** They are not there any more. */
  left: boolean;
}

interface KnownMembers {
  /** Members of whom the user knows. */
  known: readonly string[];
  /** Who came since, until the user has seen it. */
  joined: readonly Newcomer[];
}

interface Stored {
  userId: string;
  /** By channel; the ones read last at the end. */
  channels: [string, KnownMembers][];
}

/** The members of channels as the user knows them, on this device. */
export class Newcomers {
  readonly #userId: () => string;
  readonly #held = new SvelteMap<string, KnownMembers>();
  readonly #leave = new AbortController();

  constructor(userId: () => string) {
    this.#userId = userId;
    // The event comes when another tab changes something.
    addEventListener('storage', (event) => this.#adopt(event), { signal: this.#leave.signal });
  }

  /** Who came into a channel, until that is acknowledged. */
  of = (channelId: string): readonly Newcomer[] => this.#held.get(channelId)?.joined ?? [];

  /** These are in a channel, says the server. Those of the first time are known. */
  observe(channelId: string, users: readonly User[]): void {
    // It was asked for by a session that is over.
    if (this.#userId() === '') return;
    const before = this.#read(channelId);
    const members = new Map(users.map((user) => [user.id, user]));
    const joined = (before?.joined ?? []).map((newcomer) => {
      const user = members.get(newcomer.id);
      return user === undefined ? { ...newcomer, left: true } : newcomerOf(user);
    });
    // Whoever leaves and comes back is a newcomer again.
    const known = (before?.known ?? [...members.keys()]).filter((id) => members.has(id));
    const expected = new Set([...known, ...joined.map(({ id }) => id), this.#userId()]);
    const came = users.filter(({ id }) => !expected.has(id));
    this.#write(channelId, { known, joined: [...joined, ...came.map(newcomerOf)] });
  }

  /** The user has seen that these came. Whoever came meanwhile is still to be shown. */
  acknowledge(channelId: string, shownIds: readonly string[]): void {
    const before = this.#read(channelId);
    if (before === undefined) return;
    const seen = before.joined.filter(({ id, left }) => shownIds.includes(id) && !left);
    const joined = before.joined.filter(({ id }) => !shownIds.includes(id));
    this.#write(channelId, { known: [...before.known, ...seen.map(({ id }) => id)], joined });
  }

  /** Forgets everything: the session is over. */
  clear(): void {
    this.#held.clear();
    store(KEY, null);
  }

  /** Erases what others knew: this user is signed in, so their sessions are over. */
  clearOthers(userId: string): void {
    if (parsed(stored(KEY))?.userId !== userId) this.clear();
  }

  /** Stops following the other tabs. */
  close(): void {
    this.#leave.abort();
  }

  /** What was seen in another tab is seen in this one, and what is shown there is shown here. */
  #adopt(event: StorageEvent): void {
    if (event.key !== KEY) return;
    for (const [channelId, members] of this.#stored()) {
      if (this.#held.has(channelId)) this.#held.set(channelId, members);
    }
  }

  /** What is stored counts: another tab may have written it. */
  #read(channelId: string): KnownMembers | undefined {
    return this.#stored().get(channelId) ?? this.#held.get(channelId);
  }

  #write(channelId: string, members: KnownMembers): void {
    this.#held.set(channelId, members);
    const channels = this.#stored();
    channels.delete(channelId);
    channels.set(channelId, members);
    let count = 0;
    for (const other of channels.values()) count += countOf(other);
    for (const [oldest, other] of channels) {
      if (count <= MOST_STORED) break;
      channels.delete(oldest);
      count -= countOf(other);
    }
    const kept: Stored = { userId: this.#userId(), channels: [...channels] };
    store(KEY, JSON.stringify(kept));
  }

  #stored(): Map<string, KnownMembers> {
    const kept = parsed(stored(KEY));
    return new Map(kept?.userId === this.#userId() ? kept.channels : []);
  }
}

function newcomerOf({ id, username, display_name }: User): Newcomer {
  return { id, username, displayName: display_name, left: false };
}

function isNewcomer({ id, username, displayName, left }: Partial<Newcomer>): boolean {
  const named = typeof username === 'string' && typeof displayName === 'string';
  return typeof id === 'string' && named && typeof left === 'boolean';
}

function countOf({ known, joined }: KnownMembers): number {
  return known.length + joined.length * NEWCOMER_COUNTS;
}

function parsed(text: string | null): Stored | null {
  try {
    const kept = JSON.parse(text ?? 'null') as Partial<Stored> | null;
    if (typeof kept?.userId !== 'string' || !Array.isArray(kept.channels)) return null;
    const whole = kept.channels.every(
      ([id, members]) =>
        typeof id === 'string' &&
        Array.isArray(members.known) &&
        Array.isArray(members.joined) &&
        members.joined.every(isNewcomer),
    );
    return whole ? { userId: kept.userId, channels: kept.channels } : null;
  } catch {
    return null;
  }
}
