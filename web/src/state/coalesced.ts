/** Many wishes for the same work, done no more often than they need. */

/**
 * Runs one piece of work at a time. What is asked for while it runs is done once more, together,
 * when it has ended, so that everybody who asked sees a run that began after they did.
 */
export class Coalesced {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves when a run that began after this call has ended. */
  run(): Promise<void> {
    if (this.#running === null) return this.#begin();
    this.#next ??= this.#running.then(
      () => this.#continue(),
      () => this.#continue(),
    );
    return this.#next;
  }

  #continue(): Promise<void> {
    this.#next = null;
    return this.#begin();
  }

  #begin(): Promise<void> {
    const running = this.#work().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }
}
