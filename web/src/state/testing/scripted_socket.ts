/** Stands in for the browser's WebSocket in tests: a test plays the server. */

import { vi } from 'vitest';

import type { ClientFrame, ServerFrame } from '../../protocol/frames';

/** One connection, from the side of the server. */
export class ScriptedSocket {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readonly frames: ClientFrame[] = [];
  closed = false;

  send(text: string): void {
    this.frames.push(JSON.parse(text) as ClientFrame);
  }

  close(): void {
    this.closed = true;
  }

  /** Sends a frame to the client. */
  say(frame: ServerFrame | Record<string, unknown>): void {
    this.onmessage?.(new MessageEvent('message', { data: JSON.stringify(frame) }));
  }

  /** Greets the client. */
  greet(fields: { epoch?: string; unread_notifications?: number } = {}): void {
    this.say({
      type: 'hello',
      session_id: 'session',
      user_id: 'me',
      epoch: 'epoch',
      heartbeat_interval_ms: 25_000,
      unread_notifications: 0,
      server_version: '0.1.0',
      ...fields,
    });
  }

  /** Ends the connection from outside. */
  end(code = 1006): void {
    this.closed = true;
    this.onclose?.(new CloseEvent('close', { code }));
  }

  /** The frames of one kind that the client sent. */
  sent<T extends ClientFrame['type']>(type: T): Extract<ClientFrame, { type: T }>[] {
    return this.frames.filter(
      (frame): frame is Extract<ClientFrame, { type: T }> => frame.type === type,
    );
  }
}

/** All connections that a client opened. */
export class ScriptedSockets {
  readonly all: ScriptedSocket[] = [];

  open = (): WebSocket => {
    const socket = new ScriptedSocket();
    this.all.push(socket);
    return socket as unknown as WebSocket;
  };

  /** The newest connection. */
  get last(): ScriptedSocket {
    const socket = this.all.at(-1);
    if (socket === undefined) throw new Error('the client has not connected');
    return socket;
  }

  /** The connection number `count` (from 1), when there is one. */
  async opened(count: number): Promise<ScriptedSocket> {
    await vi.waitFor(() => {
      if (this.all.length < count) throw new Error(`${this.all.length} connections so far`);
    });
    return this.last;
  }
}
