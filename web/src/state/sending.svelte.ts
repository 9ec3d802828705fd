/** What the user writes, on its way into a channel. */

import type { Problem } from '../api/http';

/** A message that is not in the channel yet. */
export interface Outgoing {
  /** By what the server knows it when it is sent again. */
  readonly txnId: string;
  readonly body: string;
  /** The message that this is a new text of; null for a new message. */
  readonly replaces: string | null;
  readonly createdAt: string;
  readonly state: 'encrypting' | 'sending' | 'failed';
  /** Why it failed. `error.code` may also be one of `EngineErrorCode`. */
  readonly error: Problem | null;
  /** Tries again, after a failure. */
  retry(): void;
  /** Gives it up; it is not sent any more. */
  discard(): void;
}

/** The messages of one channel that are on their way, in the order of writing. */
export interface Sending {
  readonly queue: readonly Outgoing[];
  /** Shows the message at once and sends it; what goes wrong is with it in `queue`. */
  send(body: string, mentions?: readonly string[]): void;
  /** Gives a message of one's own another text. Rejects when that fails. */
  edit(messageId: string, body: string, mentions?: readonly string[]): Promise<void>;
}
