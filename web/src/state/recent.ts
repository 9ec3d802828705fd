/** The things of a kind that were used lately. */

/** Keeps the `capacity` most recently used values by their key. */
export class Recent<T> {
  readonly #values = new Map<string, T>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The value of `key`, made if it is not there; it counts as used now. */
  get(key: string, make: () => T): T {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#capacity) break;
      this.#values.delete(oldest);
    }
    return value;
  }

  /** The value of `key` if it is there, without counting as a use. */
  peek(key: string): T | undefined {
    return this.#values.get(key);
  }

  /** Lets a value go. */
  delete(key: string): void {
    this.#values.delete(key);
  }

  /** Lets all go. */
  clear(): void {
    this.#values.clear();
  }

  /** The values, the most recently used last. */
  entries(): [string, T][] {
    return [...this.#values];
  }
}
