/** Who the ids stand for. */

import { SvelteMap } from 'svelte/reactivity';

import type { User } from '../api/types';

/** How many people are remembered; the least recently met are forgotten first. */
const CAPACITY = 5_000;

/** Everybody whom some list has named. */
export class People {
  readonly #byId = new SvelteMap<string, User>();

  /** Remembers people. */
  meet(users: Iterable<User>): void {
    for (const user of users) {
      const known = this.#byId.get(user.id);
      const same = known?.username === user.username && known.display_name === user.display_name;
      if (!same) this.#byId.set(user.id, user);
    }
    for (const id of this.#byId.keys()) {
      if (this.#byId.size <= CAPACITY) break;
      this.#byId.delete(id);
    }
  }

  /** The account of an id, if it is known. */
  get(userId: string): User | undefined {
    return this.#byId.get(userId);
  }

  /** What to show for an id: the username, by which mentions are written. */
  nameOf(userId: string): string {
    return this.#byId.get(userId)?.username ?? 'somebody';
  }

  /** What somebody calls themselves, as their messages show it. */
  displayNameOf(userId: string): string {
    return this.#byId.get(userId)?.display_name ?? 'somebody';
  }

  /** Forgets everybody. */
  clear(): void {
    this.#byId.clear();
  }
}
