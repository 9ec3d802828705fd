/**
 * Who came into a channel since the user last knew its members. What is written is encrypted for
 * everybody whom the server names as a member, so nobody is to come unseen.
 */

import { SvelteMap } from 'svelte/reactivity';

import { store, stored } from './preferences.svelte';

const KEY = 'chatalot.known_members';
/** How many members are remembered on this device; of the channels read last, together. */
const MOST_STORED = 10_000;

interface KnownMembers {
  /** Members of whom the user knows. */
  known: readonly string[];
  /** Who came since, until the user has seen it. */
  joined: readonly string[];
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
  of = (channelId: string): readonly string[] => this.#held.get(channelId)?.joined ?? [];

  /** These are in a channel, says the server. Those of the first time are known. */
  observe(channelId: string, memberIds: readonly string[]): void {
    // It was asked for by a session that is over.
    if (this.#userId() === '') return;
    const before = this.#read(channelId);
    const joined = before?.joined ?? [];
    // Whoever leaves and comes back is a newcomer again.
    const members = new Set(memberIds);
    const known = (before?.known ?? memberIds).filter((id) => members.has(id));
    const expected = new Set([...known, ...joined, this.#userId()]);
    const came = memberIds.filter((id) => !expected.has(id));
    this.#write(channelId, { known, joined: [...joined, ...came] });
  }

  /** The user has seen that these came. Whoever came meanwhile is still to be shown. */
  acknowledge(channelId: string, shownIds: readonly string[]): void {
    const before = this.#read(channelId);
    if (before === undefined) return;
    const seen = before.joined.filter((id) => shownIds.includes(id));
    const joined = before.joined.filter((id) => !shownIds.includes(id));
    this.#write(channelId, { known: [...before.known, ...seen], joined });
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
    for (const { known, joined } of channels.values()) count += known.length + joined.length;
    for (const [oldest, { known, joined }] of channels) {
      if (count <= MOST_STORED) break;
      channels.delete(oldest);
      count -= known.length + joined.length;
    }
    const kept: Stored = { userId: this.#userId(), channels: [...channels] };
    store(KEY, JSON.stringify(kept));
  }

  #stored(): Map<string, KnownMembers> {
    const kept = parsed(stored(KEY));
    return new Map(kept?.userId === this.#userId() ? kept.channels : []);
  }
}

function parsed(text: string | null): Stored | null {
  try {
    const kept = JSON.parse(text ?? 'null') as Partial<Stored> | null;
    if (typeof kept?.userId !== 'string' || !Array.isArray(kept.channels)) return null;
    const whole = kept.channels.every(
      ([id, members]) =>
        typeof id === 'string' && Array.isArray(members.known) && Array.isArray(members.joined),
    );
    return whole ? { userId: kept.userId, channels: kept.channels } : null;
  } catch {
    return null;
  }
}
