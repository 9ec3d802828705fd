/** Notices that come in bursts, acted on together. */

/** Collects keys for a while, then hands over each once. */
export class Gathered {
  readonly #keys = new Set<string>();
  readonly #pause: () => number;
  readonly #act: (keys: string[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pause: () => number, act: (keys: string[]) => void) {
    this.#pause = pause;
    this.#act = act;
  }

  /** Collects a key. */
  add(key: string): void {
    this.#keys.add(key);
    this.#timer ??= setTimeout(() => this.flush(), this.#pause());
  }

  /** Hands over what was collected. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const keys = [...this.#keys];
    this.#keys.clear();
    if (keys.length > 0) this.#act(keys);
  }

  /** Forgets what was collected. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#keys.clear();
  }
}
