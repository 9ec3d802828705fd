/** How the live connection is, for people to see. */

import type { SocketStatus } from '../protocol/socket';

/** What is shown of the connection. */
export type ConnectionStatus = 'connecting' | 'online' | 'reconnecting' | 'signed_out';

/** The live connection. */
export class Connection {
  status = $state<ConnectionStatus>('connecting');
  /** The version that the server said it has. */
  serverVersion = $state<string | null>(null);

  readonly #retry: () => void;

  constructor(retry: () => void) {
    this.#retry = retry;
  }

  /** Does not wait any longer before the next attempt. */
  retryNow = (): void => this.#retry();

  /** Takes over the socket's status. */
  note(status: SocketStatus): void {
    this.status = status === 'stopped' ? 'signed_out' : status;
  }
}
