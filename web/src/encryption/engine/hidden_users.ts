/**
 * Users whom the server does not show: it answers only for those who share a channel with this
 * device's user. The library keeps asking for whom an answer leaves out, with every request. Told
 * that they have no devices it would stop, and forget those that it knows: what they wrote before
 * they left could not be attributed to them any more.
 */

/** After this time they are asked for again, in case nobody said that they are back. */
const ASK_AGAIN_MS = 60 * 60_000;

interface Query {
  device_keys?: Record<string, unknown>;
}

/** Keeps users whom the server does not show out of what it is asked. By their full names. */
export class HiddenUsers {
  /** When the server was last asked for each. */
  readonly #hidden = new Map<string, number>();
  /** Whom the query under way asks for, without those of whom something was heard since. */
  #asked = new Set<string>();

  /** A query without those whom the server does not show; null if that leaves nobody to ask for. */
  without(body: string): string | null {
    const { device_keys: wanted = {}, ...rest } = JSON.parse(body) as Query;
    const all = Object.entries(wanted);
    const left = all.filter(([user]) => !this.#isHidden(user));
    if (left.length === all.length) return body;
    if (left.length === 0) return null;
    return JSON.stringify({ ...rest, device_keys: Object.fromEntries(left) });
  }

  /** A query is made. */
  asked(body: string): void {
    this.#asked = new Set(Object.keys((JSON.parse(body) as Query).device_keys ?? {}));
  }

  /** It was answered: whoever is left out is not asked for any more. */
  answered(answer: string): void {
    const { device_keys: shown = {} } = JSON.parse(answer) as Query;
    for (const user of this.#asked) {
      if (Object.hasOwn(shown, user)) this.#hidden.delete(user);
      else this.#hidden.set(user, Date.now());
    }
  }

  /** These may be shown from now on: something has changed for them. */
  show(users: Iterable<string>): void {
    for (const user of users) {
      this.#hidden.delete(user);
      this.#asked.delete(user);
    }
  }

  /** Everybody may be shown: it is not known for whom something has changed. */
  showAll(): void {
    this.#hidden.clear();
    this.#asked.clear();
  }

  #isHidden(user: string): boolean {
    const since = this.#hidden.get(user);
    return since !== undefined && Date.now() - since < ASK_AGAIN_MS;
  }
}
