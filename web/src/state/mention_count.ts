/** How many mentions of the user in one channel are unread. */

/** How many live mentions are told apart; beyond they are only counted. */
const MOST_TOLD_APART = 500;

/**
 * Counts what the server counted, and what came live since. The server's number holds up to a
 * place in the channel, so that a mention that is offered again is not counted twice.
 */
export class MentionCount {
  #counted = 0;
  #upTo = 0;
  readonly #live = new Map<string, number>();

  /** The number. */
  get value(): number {
    return this.#counted + this.#live.size;
  }

  /** The server counted, when the channel's newest message was at `lastSeq`. */
  snapshot(counted: number, lastSeq: number): void {
    this.#counted = counted;
    this.#upTo = lastSeq;
    this.#forgetUpTo(lastSeq);
  }

  /** A mention came live. */
  add(id: string, seq: number): void {
    if (seq <= this.#upTo) return;
    if (this.#live.size >= MOST_TOLD_APART) {
      this.#counted += this.#live.size;
      this.#upTo = Math.max(this.#upTo, ...this.#live.values());
      this.#live.clear();
    }
    this.#live.set(id, seq);
  }

  /** The channel was read up to a place. Only the server knows how many it counted before. */
  readUpTo(seq: number): void {
    this.#forgetUpTo(seq);
    if (seq >= this.#upTo) this.#counted = 0;
  }

  /** One mention was read. */
  read(id: string): void {
    if (!this.#live.delete(id)) this.#counted = Math.max(0, this.#counted - 1);
  }

  /** All were read. */
  readAll(): void {
    this.#counted = 0;
    this.#live.clear();
  }

  #forgetUpTo(seq: number): void {
    for (const [id, at] of this.#live) {
      if (at <= seq) this.#live.delete(id);
    }
  }
}
