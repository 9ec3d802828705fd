/** The server's own program, with a private database in a directory of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A first start makes a database, which takes a while on a slow disk. */
const START_PATIENCE_MS = 60_000;
/** As long as the server itself may take. */
const STOP_PATIENCE_MS = 30_000;
/** How much of what the server said is kept for the message of a failure. */
const KEPT_LINES = 200;

/** Settings by the names of their environment variables. */
export type Settings = Readonly<Record<string, string>>;

/** Anybody may register, and no rate is limited: all tests share one address. */
const SETTINGS: Settings = {
  CHATALOT_REGISTRATION: 'open',
  CHATALOT_WORKERS: '2',
  CHATALOT_LIMITS__ADDRESS_PER_SECOND: '0',
  CHATALOT_LIMITS__LOGIN_PER_MINUTE: '0',
  CHATALOT_LIMITS__WEBHOOK_PER_SECOND: '0',
};

function program(): string {
  const chosen = process.env['CHATALOT_TEST_SERVER'];
  return chosen ?? resolve(import.meta.dirname, '../../../target/debug/chatalot');
}

/** A server that can be stopped and started again, at the same address with the same data. */
export class Server {
  readonly #directory = mkdtempSync(join(tmpdir(), 'chatalot-web-'));
  readonly #settings: Settings;
  readonly #said: string[] = [];
  #process: ChildProcess | null = null;
  #port = 0;

  private constructor(settings: Settings) {
    this.#settings = settings;
    // Started by root, PostgreSQL runs as another user, who has to pass.
    chmodSync(this.#directory, 0o755);
  }

  /** Starts an empty server on a free port. */
  static async start(settings: Settings = {}): Promise<Server> {
    const server = new Server(settings);
    try {
      await server.start();
    } catch (error) {
      server.#delete();
      throw error;
    }
    return server;
  }

  /** Where it is. By this name a page is a secure context that may also use passkeys. */
  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  /** Starts it after a stop. */
  async start(): Promise<void> {
    if (this.#process !== null) throw new Error('The server runs already');
    const inherited = Object.entries(process.env).filter(
      ([name]) => !name.startsWith('CHATALOT_') && name !== 'DATABASE_URL',
    );
    const started = spawn(program(), {
      env: {
        ...Object.fromEntries(inherited),
        ...SETTINGS,
        ...this.#settings,
        CHATALOT_DATA_DIR: this.#directory,
        CHATALOT_LISTEN: `127.0.0.1:${this.#port}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = started;
    process.once('exit', this.#killNow);
    started.once('exit', () => {
      if (this.#process === started) this.#process = null;
      process.off('exit', this.#killNow);
    });
    try {
      this.#port = await this.#readiness(started);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Stops it as an operator does, and waits for its end. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Ends it as a crash does. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Stops it and starts it again. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Stops it for good and deletes what it kept. */
  async dispose(): Promise<void> {
    await this.stop();
    this.#delete();
  }

  #delete(): void {
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10 });
  }

  readonly #killNow = (): void => {
    this.#process?.kill('SIGKILL');
  };

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (running === null) return;
    const ended = new Promise<void>((done) => running.once('exit', () => done()));
    running.kill(signal);
    await within(STOP_PATIENCE_MS, ended, () => `The server does not stop. ${this.#words()}`);
  }

  /** Waits for the line that says that it is ready, and reads the port from it. */
  #readiness(started: ChildProcess): Promise<number> {
    const ready = new Promise<number>((found, failed) => {
      const listen = (text: string): void => {
        this.#said.push(...text.split('\n').filter((line) => line !== ''));
        this.#said.splice(0, this.#said.length - KEPT_LINES);
        const port = /Chatalot is ready at http:\/\/localhost:(\d+)/.exec(text)?.[1];
        if (port !== undefined) found(Number(port));
      };
      started.stdout?.setEncoding('utf8').on('data', listen);
      started.stderr?.setEncoding('utf8').on('data', listen);
      started.once('error', failed);
      started.once('exit', () => failed(new Error(`The server ended. ${this.#words()}`)));
    });
    return within(START_PATIENCE_MS, ready, () => `The server does not start. ${this.#words()}`);
  }

  #words(): string {
    return `It said:\n${this.#said.join('\n')}`;
  }
}

async function within<T>(ms: number, work: Promise<T>, complaint: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error(complaint())), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
