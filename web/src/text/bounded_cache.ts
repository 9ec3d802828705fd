/** Keeps the values that were used last, and forgets the one unused for longest beyond a limit. */
export class BoundedCache<K, V> {
  readonly #limit: number;
  readonly #entries = new Map<K, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value of a key, made when it is not kept. */
  get(key: K, make: () => V): V {
    const kept = this.#entries.get(key);
    const value = kept ?? make();
    // A map keeps the order of insertion: taken out and put in, the entry is the newest.
    if (kept !== undefined) this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#limit) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return value;
  }
}
