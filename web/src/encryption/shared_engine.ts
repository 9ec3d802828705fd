/**
 * One engine for all tabs of a browser: the keys of a device may be used in one place only. The
 * tab that has the lock has the engine, and the others work through it. When it is closed, the
 * next one in the queue for the lock opens the engine.
 */

import { CALLS, type CallName, type EngineMessage, packError, unpackError } from './calls';
import { type CryptoEngine, type DeviceNews, EngineError, type EngineEvent } from './types';
import { WaitingNews } from './waiting_news';

/** How many calls wait for the tab with the keys at the same time. */
const MOST_CALLS = 500;
/** How long nobody may say that they are at it, before a call is given up. */
const UNTAKEN_MS = 20_000;
/** How long a call may take in all. Keys for many devices take a while on a slow machine. */
const LONGEST_MS = 180_000;

/**
 * After which time the tab with the keys is told that devices have changed, at random: of many tabs
 * that hear of it one tells.
 */
const CHANGED_PAUSE_MS = 300;

/** After which time a tab tries again to open the engine that it could not take over. */
const AGAIN_MS = 10_000;

/** The engine as the tab that has it sees it. */
export interface HeldEngine extends CryptoEngine {
  receive(news: DeviceNews): Promise<void>;
  close(): void;
}

/** The parts of the browser that tabs meet by. */
export interface EngineMeeting {
  locks: Pick<LockManager, 'request'>;
  channel: Pick<BroadcastChannel, 'postMessage' | 'close' | 'onmessage'>;
}

/** What the shared engine needs of its tab. */
export interface SharedEngineContext {
  /** By which the tabs of one device find each other. */
  name: string;
  meeting: EngineMeeting;
  /** Opens the engine; only the tab that has the lock calls this. */
  load(context: {
    tell(event: EngineEvent): void;
    acknowledge(upTo: number): void;
    reconnect(): void;
  }): Promise<HeldEngine>;
  onEvent(event: EngineEvent): void;
  /** Tells the server, over this tab's connection. */
  acknowledge(upTo: number): void;
  /** Connects anew, so that the server tells again what it has no acknowledgement for. */
  reconnect(): void;
}

interface Call {
  name: CallName;
  args: unknown[];
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** The engine, wherever it is. */
export class SharedEngine {
  /** The calls, which go to the engine or to the tab that has it. */
  readonly engine: CryptoEngine;
  readonly #context: SharedEngineContext;
  readonly #calls = new Map<string, Call>();
  readonly #news = new WaitingNews();
  readonly #leave = new AbortController();
  #held: HeldEngine | null = null;
  /** Whether this tab has the lock, and opens the engine. */
  #opening = false;
  #letGo: () => void = () => {};
  /** The wait for the lock, and for the engine to be open then. */
  #queued: Promise<void> | null = null;
  #answered = false;
  /** Runs while the tab with the keys is still to be told that devices have changed. */
  #changed: ReturnType<typeof setTimeout> | undefined;

  constructor(context: SharedEngineContext) {
    this.#context = context;
    const calls = CALLS.map((name) => [name, (...args: unknown[]) => this.#call(name, args)]);
    this.engine = Object.fromEntries(calls) as CryptoEngine;
    context.meeting.channel.onmessage = (event) => this.#hear(event.data as EngineMessage);
  }

  /** Resolves once this tab has the engine, or another one that answers. */
  async open(): Promise<void> {
    await Promise.race([this.#queue(), this.engine.state()]);
    this.#answered = true;
  }

  /** What the server tells the device, over this tab's connection. */
  receive(news: DeviceNews): void {
    if (this.#held !== null) return void this.#held.receive(news);
    this.#news.add(news);
    const { position, epoch, changed = [], limited } = news;
    if (position !== undefined) this.#tellHolder(epoch);
    else if (limited || changed.length > 0) {
      const pause = CHANGED_PAUSE_MS * (0.5 + Math.random());
      this.#changed ??= setTimeout(() => this.#tellHolder(), pause);
    }
  }

  /** This tab's connection is a new one. */
  connected(): void {
    this.#news.clear();
  }

  /** Lets the engine go. */
  close(): void {
    this.#leave.abort();
    this.#toldHolder();
    this.#closeHeld();
    this.#letGo();
    const closed = new EngineError('engine', 'Encryption was closed: somebody signed out.');
    for (const id of [...this.#calls.keys()]) this.#finish(id)?.reject(closed);
    this.#context.meeting.channel.close();
  }

  #queue(): Promise<void> {
    this.#queued ??= this.#hold().catch((error: unknown) => {
      this.#queued = null;
      // The tab that had the engine is gone, and this one could not open it now.
      const again = this.#answered && !this.#leave.signal.aborted;
      if (again) setTimeout(() => this.#queue().catch(() => {}), AGAIN_MS);
      throw error;
    });
    return this.#queued;
  }

  /** Waits for the lock, opens the engine, and resolves then. Keeps the lock until it is closed. */
  #hold(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { locks } = this.#context.meeting;
      const { signal } = this.#leave;
      const held = locks.request(this.#context.name, { signal }, async () => {
        await this.#openHere();
        resolve();
        await new Promise<void>((letGo) => {
          this.#letGo = letGo;
          if (signal.aborted) letGo();
        });
        this.#closeHeld();
      });
      held.catch(reject);
    });
  }

  async #openHere(): Promise<void> {
    this.#opening = true;
    for (const [id, call] of this.#calls) this.#await(id, call, LONGEST_MS);
    try {
      await this.#open();
    } finally {
      this.#opening = false;
    }
  }

  async #open(): Promise<void> {
    const { meeting } = this.#context;
    const held = await this.#context.load({
      tell: (event) => {
        this.#context.onEvent(event);
        this.#post({ type: 'event', event });
      },
      acknowledge: (upTo) => {
        this.#context.acknowledge(upTo);
        this.#post({ type: 'acknowledged', upTo });
      },
      reconnect: () => this.#context.reconnect(),
    });
    if (this.#leave.signal.aborted) {
      held.close();
      throw new EngineError('engine', 'Encryption was closed: somebody signed out.');
    }
    this.#held = held;
    const { incomplete } = this.#news;
    for (const news of this.#news.take()) void held.receive(news);
    // What is missing is told with the next connection; what is written now does not wait for it.
    if (incomplete) {
      void held.receive({ limited: true });
      this.#context.reconnect();
    }
    meeting.channel.postMessage({ type: 'holder' } satisfies EngineMessage);
    for (const [id, call] of this.#calls) {
      void this.#run(call.name, call.args).then(
        (value) => this.#finish(id)?.resolve(value),
        (error: Error) => this.#finish(id)?.reject(error),
      );
    }
    // Another tab may have had it before, with other things to show.
    this.#context.onEvent({ type: 'state', state: await held.state() });
  }

  #closeHeld(): void {
    this.#held?.close();
    this.#held = null;
  }

  /** The tab with the keys is to ask what has changed: its own connection may be down. */
  #tellHolder(epoch?: string): void {
    this.#toldHolder();
    this.#post({ type: 'connected', ...(epoch && { epoch }) });
  }

  #toldHolder(): void {
    clearTimeout(this.#changed);
    this.#changed = undefined;
  }

  #call(name: CallName, args: unknown[]): Promise<unknown> {
    if (this.#held !== null) return this.#run(name, args);
    // What is written now is for the devices as they are now.
    if (this.#changed !== undefined) this.#tellHolder();
    if (this.#calls.size >= MOST_CALLS) {
      return Promise.reject(new EngineError('engine', 'Too much waits for the keys. Try again.'));
    }
    return new Promise((resolve, reject) => {
      const id = crypto.randomUUID();
      const timer = this.#timer(id, this.#opening ? LONGEST_MS : UNTAKEN_MS);
      this.#calls.set(id, { name, args, resolve, reject, timer });
      this.#post({ type: 'call', id, name, args });
    });
  }

  #run(name: CallName, args: unknown[]): Promise<unknown> {
    const held = this.#held;
    if (held === null) return Promise.reject(new Error('this tab does not have the keys'));
    const call = held[name] as (...args: unknown[]) => Promise<unknown>;
    return call.apply(held, args);
  }

  #hear(message: EngineMessage): void {
    switch (message.type) {
      case 'call':
        if (!CALLS.includes(message.name)) return;
        if (this.#held !== null) void this.#answer(message);
        // It is made again when this tab says that it has the engine.
        else if (this.#opening) this.#post({ type: 'taken', id: message.id });
        return;
      case 'taken':
        return this.#await(message.id, this.#calls.get(message.id), LONGEST_MS);
      case 'answer':
        return this.#finish(message.id)?.resolve(message.value);
      case 'failure':
        return this.#finish(message.id)?.reject(unpackError(message.error));
      case 'holder':
        // What the one before did not answer. None of the calls does harm when it is made twice.
        for (const [id, { name, args }] of this.#calls)
          this.#post({ type: 'call', id, name, args });
        return;
      case 'connected': {
        const { epoch } = message;
        // What this tab has heard before, the one with the keys learns as well now.
        this.#toldHolder();
        return void this.#held?.receive({ limited: true, ...(epoch && { epoch }) });
      }
      case 'event':
        return this.#context.onEvent(message.event);
      case 'acknowledged':
        return this.#news.acknowledged(message.upTo);
    }
  }

  async #answer({ id, name, args }: Extract<EngineMessage, { type: 'call' }>): Promise<void> {
    this.#post({ type: 'taken', id });
    try {
      this.#post({ type: 'answer', id, value: await this.#run(name, args) });
    } catch (error) {
      this.#post({ type: 'failure', id, error: packError(error) });
    }
  }

  #await(id: string, call: Call | undefined, ms: number): void {
    if (call === undefined) return;
    clearTimeout(call.timer);
    call.timer = this.#timer(id, ms);
  }

  #timer(id: string, ms: number): ReturnType<typeof setTimeout> {
    const late = new EngineError('engine', 'The tab that holds the keys does not answer.');
    return setTimeout(() => this.#finish(id)?.reject(late), ms);
  }

  #finish(id: string): Call | undefined {
    const call = this.#calls.get(id);
    clearTimeout(call?.timer);
    this.#calls.delete(id);
    return call;
  }

  #post(message: EngineMessage): void {
    if (!this.#leave.signal.aborted) this.#context.meeting.channel.postMessage(message);
  }
}
