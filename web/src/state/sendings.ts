/** What is on its way into the channels. */

import { Sending, type SendingContext } from './sending.svelte';
import { unobserved } from './unobserved.svelte';

/** How many channels are held that nothing is on its way to. */
const IDLE_HELD = 50;

/** The queues of all channels. One with something in it is never let go. */
export class Sendings {
  readonly #context: SendingContext;
  readonly #byChannel = new Map<string, Sending>();

  constructor(context: SendingContext) {
    this.#context = context;
  }

  get(channelId: string): Sending {
    const known = this.#byChannel.get(channelId);
    if (known !== undefined) return known;
    const sending = unobserved(() => new Sending(channelId, this.#context));
    if (this.#byChannel.size >= IDLE_HELD) this.#forgetIdle();
    this.#byChannel.set(channelId, sending);
    return sending;
  }

  /** Whether closing the page now would lose or stop something. */
  get underway(): boolean {
    return [...this.#byChannel.values()].some(({ underway }) => underway);
  }

  /** The connection is back. */
  connected(): void {
    for (const sending of this.#byChannel.values()) sending.connected();
  }

  /** Gives up what cannot arrive any more: the channel is gone for this user. */
  remove(channelId: string): void {
    for (const outgoing of this.#byChannel.get(channelId)?.queue ?? []) outgoing.discard();
    this.#byChannel.delete(channelId);
  }

  /** Lets all go: somebody else is signed in. */
  clear(): void {
    for (const sending of this.#byChannel.values()) {
      for (const outgoing of sending.queue) outgoing.discard();
    }
    this.#byChannel.clear();
  }

  #forgetIdle(): void {
    for (const [channelId, sending] of this.#byChannel) {
      if (sending.queue.length === 0) this.#byChannel.delete(channelId);
    }
  }
}
