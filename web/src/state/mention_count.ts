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
  /** Mentions in encrypted messages, which the server does not know of and never counts. */
  readonly #found = new Map<string, number>();

  /** The number. */
  get value(): number {
    return this.#counted + this.#live.size + this.#found.size;
  }

  /**
   * The server counted, when the channel's newest message was at `lastSeq` and the user had read
   * it up to `readSeq`.
   */
  snapshot(counted: number, lastSeq: number, readSeq = 0): void {
    this.#counted = counted;
    this.#upTo = lastSeq;
    forgetUpTo(this.#live, lastSeq);
    forgetUpTo(this.#found, readSeq);
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

  /** A mention was found by decrypting. */
  find(id: string, seq: number): void {
    if (this.#found.size < MOST_TOLD_APART) this.#found.set(id, seq);
  }

  /** The channel was read up to a place. Only the server knows how many it counted before. */
  readUpTo(seq: number): void {
    forgetUpTo(this.#found, seq);
    forgetUpTo(this.#live, seq);
    if (seq >= this.#upTo) this.#counted = 0;
  }

  /** One mention was read. */
  read(id: string): void {
    if (this.#found.delete(id)) return;
    if (!this.#live.delete(id)) this.#counted = Math.max(0, this.#counted - 1);
  }

  /** All were read. */
  readAll(): void {
    this.#counted = 0;
    this.#live.clear();
    this.#found.clear();
  }
}

function forgetUpTo(mentions: Map<string, number>, seq: number): void {
  for (const [id, at] of mentions) {
    if (at <= seq) mentions.delete(id);
  }
}
