/** One WebSocket to the server, kept up. */

import { pauseBefore, verdictOn } from './backoff';
import { type ClientFrame, parseFrame, type ServerFrame } from './frames';
import { Outbox } from './outbox';

/** How the connection is. */
export type SocketStatus = 'stopped' | 'connecting' | 'online' | 'reconnecting' | 'signed_out';

/** What the owner of a socket is told. */
export interface SocketEvents {
  onStatus(status: SocketStatus): void;
  onFrame(frame: ServerFrame): void;
  /**
   * An attempt was refused without a reason that a browser shows, or the session of a connection
   * is over. Says whether there is a point in going on: there is none when nobody is signed in any
   * more.
   */
  mayRetry(): Promise<boolean>;
}

/** How long an attempt may take until the first frame. */
const GREETING_MS = 15_000;
/** How long a sign of life may take that was asked for. */
const ANSWER_MS = 10_000;
/** After how long a silence the server is asked for a sign of life, until it says so itself. */
const HEARTBEAT_MS = 25_000;
/** A connection that lasted this long was a good one: the next pause is a short one again. */
const GOOD_AFTER_MS = 10_000;
/** From which attempt on to count when the server wants this client to come back slowly. */
const SLOW_ATTEMPT = 6;

/** Connects, stays connected, and connects again. */
export class Socket {
  readonly #open: () => WebSocket;
  readonly #events: SocketEvents;
  #status: SocketStatus = 'stopped';
  #socket: WebSocket | null = null;
  #outbox: Outbox | null = null;
  #attempt = 0;
  #heartbeat = HEARTBEAT_MS;
  #greetedAt: number | null = null;
  /** Ends the pause before an attempt. */
  #pause: ReturnType<typeof setTimeout> | undefined;
  /** Ends a silence: asks for a sign of life, or gives up waiting for one. */
  #silence: ReturnType<typeof setTimeout> | undefined;
  #leave: AbortController | null = null;

  constructor(open: () => WebSocket, events: SocketEvents) {
    this.#open = open;
    this.#events = events;
  }

  /** Connects, and stays connected until `stop`. */
  start(): void {
    if (this.#status !== 'stopped' && this.#status !== 'signed_out') return;
    this.#attempt = 0;
    this.#leave = new AbortController();
    const { signal } = this.#leave;
    addEventListener('online', () => this.#wake(), { signal });
    addEventListener('offline', () => this.#probe(), { signal });
    document.addEventListener('visibilitychange', () => this.#seen(), { signal });
    this.#connect('connecting');
  }

  /** Disconnects. */
  stop(): void {
    this.#end('stopped');
  }

  /** Connects anew, so that the server tells again what waits for this device. */
  restart(): void {
    if (this.#status !== 'online') return;
    this.#drop();
    this.#connect('reconnecting');
  }

  /** Does not wait any longer before the next attempt. */
  retryNow(): void {
    if (this.#status !== 'reconnecting' || this.#socket !== null) return;
    this.#connect('reconnecting');
  }

  /** Sends a frame; false when there is no connection or too much waits. */
  send(frame: ClientFrame): boolean {
    return this.#status === 'online' && this.#outbox !== null && this.#outbox.send(frame);
  }

  #connect(status: SocketStatus): void {
    clearTimeout(this.#pause);
    this.#setStatus(status);
    this.#greetedAt = null;
    const socket = this.#open();
    this.#socket = socket;
    this.#outbox = new Outbox((text) => socket.send(text));
    this.#expect(GREETING_MS, () => this.#lost(1006));
    socket.onmessage = (event) => this.#receive(event.data);
    // What went wrong is not said to a page; `close` follows.
    socket.onclose = (event) => this.#lost(event.code);
  }

  #receive(data: unknown): void {
    const frame = typeof data === 'string' ? parseFrame(data) : null;
    if (frame?.type === 'hello') this.#greeted(frame.heartbeat_interval_ms);
    if (this.#greetedAt !== null) this.#listen();
    if (frame !== null && frame.type !== 'pong') this.#events.onFrame(frame);
  }

  #greeted(heartbeat: number): void {
    this.#greetedAt = performance.now();
    this.#heartbeat = Math.max(1_000, heartbeat);
    this.#setStatus('online');
  }

  /** Something arrived; after a silence that is too long a sign of life is asked for. */
  #listen(): void {
    this.#expect(this.#heartbeat, () => this.#probe());
  }

  #probe(): void {
    if (this.#status !== 'online') return;
    this.#outbox?.send({ type: 'ping' });
    this.#expect(ANSWER_MS, () => this.#lost(1006));
  }

  #expect(within: number, otherwise: () => void): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(otherwise, within);
  }

  /** The network is back. */
  #wake(): void {
    this.#attempt = 0;
    this.retryNow();
    this.#probe();
  }

  /** Somebody looks at the page again, perhaps after the machine has slept. */
  #seen(): void {
    if (document.visibilityState !== 'visible') return;
    this.retryNow();
    this.#probe();
  }

  #lost(code: number): void {
    const lasted = this.#greetedAt === null ? null : performance.now() - this.#greetedAt;
    this.#drop();
    const verdict = verdictOn(code);
    if (lasted !== null && lasted >= GOOD_AFTER_MS) this.#attempt = 0;
    if (verdict === 'slowly') this.#attempt = Math.max(this.#attempt, SLOW_ATTEMPT);
    this.#setStatus('reconnecting');
    // The session of the connection is over. By now this browser may have another one.
    if (verdict === 'signed_out') return void this.#askBeforeGoingOn();
    this.#goOn();
    if (lasted === null) void this.#askWhetherToGoOn();
  }

  #goOn(): void {
    clearTimeout(this.#pause);
    const pause = pauseBefore(this.#attempt);
    this.#attempt += 1;
    this.#pause = setTimeout(() => this.retryNow(), pause);
  }

  async #askBeforeGoingOn(): Promise<void> {
    const leave = this.#leave;
    await this.#askWhetherToGoOn();
    // Meanwhile it may have been stopped, or have connected when somebody returned to the page.
    const waits = this.#status === 'reconnecting' && this.#socket === null;
    if (waits && leave === this.#leave) this.#goOn();
  }

  async #askWhetherToGoOn(): Promise<void> {
    const leave = this.#leave;
    const goOn = await this.#events.mayRetry();
    if (!goOn && this.#status === 'reconnecting' && leave === this.#leave) this.#end('signed_out');
  }

  #end(status: 'stopped' | 'signed_out'): void {
    this.#leave?.abort();
    clearTimeout(this.#pause);
    this.#drop();
    this.#setStatus(status);
  }

  #drop(): void {
    clearTimeout(this.#silence);
    this.#outbox?.close();
    this.#outbox = null;
    const socket = this.#socket;
    this.#socket = null;
    this.#greetedAt = null;
    if (socket === null) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  #setStatus(status: SocketStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#events.onStatus(status);
  }
}
