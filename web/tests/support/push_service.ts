/**
 * A push service on this machine, as Chromium speaks with its own: a browser checks in,
 * registers, and holds a connection; servers post to the endpoints that it gave out. What comes
 * through it was encrypted by the server and is decrypted by the browser.
 */
import { execFileSync } from 'node:child_process';
import { createPublicKey, randomUUID, verify, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server as Listener, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';

import { bytes, fixed64, message, number, readVarint, varint } from './protobuf';

/** What a browser registered: an app of its own, for one server's key. */
interface Registration {
  app: string;
  /** The key that pushes have to be signed with. */
  sender: string;
  subtype: string;
}

/** The tags of the frames on a browser's connection. */
const Tag = { heartbeat: 0, heartbeatAck: 1, login: 2, loggedIn: 3, data: 8 } as const;
const PROTOCOL_VERSION = 41;
/** What push services take. */
const GREATEST_PUSH = 4096;

/** The push service of one browser. */
export class PushService {
  readonly #registrations = new Map<string, Registration>();
  readonly #connections = new Set<Socket>();
  readonly #http: Listener;
  readonly #connection: Listener;

  private constructor(identity: { key: Buffer; cert: Buffer }) {
    this.#http = createHttp((request, response) => void this.#answer(request, response));
    this.#connection = createTls(identity, (socket) => this.#connected(socket));
  }

  static async start(): Promise<PushService> {
    const service = new PushService(identity());
    await Promise.all([listening(service.#http), listening(service.#connection)]);
    return service;
  }

  /** How Chromium is told to use it. */
  get arguments(): string[] {
    return [
      `--gcm-checkin-url=${this.#url}/checkin`,
      `--gcm-registration-url=${this.#url}/register`,
      `--gcm-mcs-endpoint=https://127.0.0.1:${port(this.#connection)}`,
      '--ignore-certificate-errors',
    ];
  }

  /** Where the server finds an endpoint, whose host Chromium has built in. */
  reachable(endpoint: string): string {
    return `${this.#url}${new URL(endpoint).pathname}`;
  }

  /** How many endpoints pages hold; the browser itself has a registration, too. */
  get endpoints(): number {
    return [...this.#registrations.values()].filter(({ subtype }) => subtype !== '').length;
  }

  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await Promise.all(
      [this.#http, this.#connection].map((server) => new Promise((done) => server.close(done))),
    );
  }

  get #url(): string {
    return `http://127.0.0.1:${port(this.#http)}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const path = request.url ?? '';
    if (path === '/checkin') {
      response.end(message(number(1, 1), number(3, Date.now()), fixed64(7, 1n), fixed64(8, 2n)));
    } else if (path === '/register') {
      response.end(this.#register(new URLSearchParams(body.toString())));
    } else {
      const status = this.#push(path, request, body);
      if (status === 201) response.setHeader('Location', `${this.#url}/sent/${randomUUID()}`);
      response.writeHead(status).end();
    }
  }

  #register(form: URLSearchParams): string {
    const registration = {
      app: form.get('app') ?? '',
      sender: form.get('sender') ?? '',
      subtype: form.get('X-subtype') ?? '',
    };
    for (const [token, { app, subtype }] of this.#registrations) {
      const same = app === registration.app && subtype === registration.subtype;
      if (same) this.#registrations.delete(token);
    }
    if (form.has('delete')) return `token=${registration.app}`;
    const token = randomUUID();
    this.#registrations.set(token, registration);
    return `token=${token}`;
  }

  /** Takes a push as strictly as push services do. */
  #push(path: string, { headers }: IncomingMessage, body: Buffer): number {
    const registration = this.#registrations.get(path.replace('/fcm/send/', ''));
    if (registration === undefined) return 410;
    const ttl = Number(headers.ttl);
    if (!Number.isInteger(ttl) || headers['content-encoding'] !== 'aes128gcm') return 400;
    if (body.length > GREATEST_PUSH) return 413;
    if (!signed(headers.authorization ?? '', registration.sender, this.#url)) return 403;
    for (const socket of this.#connections) send(socket, registration, ttl, body);
    return 201;
  }

  #connected(socket: Socket): void {
    let unread = Buffer.alloc(0);
    let greeted = false;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('data', (data) => {
      unread = Buffer.concat([unread, data]);
      if (!greeted) {
        // The first byte is the version of the protocol.
        greeted = true;
        unread = unread.subarray(1);
      }
      for (;;) {
        const length = readVarint(unread, 1);
        if (length === null || unread.length < length.end + length.value) return;
        const tag = unread[0];
        unread = unread.subarray(length.end + length.value);
        if (tag === Tag.login) {
          socket.write(Buffer.of(PROTOCOL_VERSION));
          frame(socket, Tag.loggedIn, message(bytes(1, 'chatalot'), number(8, Date.now())));
          this.#connections.add(socket);
        } else if (tag === Tag.heartbeat) {
          frame(socket, Tag.heartbeatAck, Buffer.alloc(0));
        }
      }
    });
  }
}

function send(socket: Socket, registration: Registration, ttl: number, body: Buffer): void {
  const { app, sender, subtype } = registration;
  const pair = (key: string, value: string) => bytes(7, message(bytes(1, key), bytes(2, value)));
  frame(
    socket,
    Tag.data,
    message(
      bytes(2, randomUUID()),
      bytes(3, sender),
      bytes(5, app),
      pair('subtype', subtype),
      pair('content-encoding', 'aes128gcm'),
      bytes(9, randomUUID()),
      number(17, ttl),
      number(18, Date.now()),
      bytes(21, body),
    ),
  );
}

function frame(socket: Socket, tag: number, body: Buffer): void {
  socket.write(Buffer.concat([Buffer.of(tag), varint(body.length), body]));
}

/** Whether a push is signed (RFC 8292) by the server that the browser subscribed to. */
function signed(authorization: string, sender: string, origin: string): boolean {
  const found = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)$/.exec(authorization);
  const [, head = '', claims = '', signature = '', key = ''] = found ?? [];
  if (found === null || key !== sender.replace(/=+$/, '')) return false;
  const { aud, exp } = JSON.parse(decoded(claims).toString()) as { aud: string; exp: number };
  const hours = (exp - Date.now() / 1000) / 3600;
  return (
    aud === origin &&
    hours > 0 &&
    hours <= 24 &&
    verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      { key: publicKey(key), dsaEncoding: 'ieee-p1363' },
      decoded(signature),
    )
  );
}

/** A point on P-256: one byte that says that it is not compressed, then x and y. */
function publicKey(point: string): KeyObject {
  const raw = decoded(point);
  const [x, y] = [raw.subarray(1, 33), raw.subarray(33, 65)].map((part) =>
    part.toString('base64url'),
  );
  return createPublicKey({
    format: 'jwk',
    key: { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' },
  });
}

function decoded(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

/** A certificate that nobody vouches for, made for this run. */
function identity(): { key: Buffer; cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'chatalot-push-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const making = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
    const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const out = ['-keyout', key, '-out', cert];
    execFileSync('openssl', [...making.split(' '), ...names, ...out], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function listening(server: Listener): Promise<void> {
  return new Promise((done) => server.listen(0, '127.0.0.1', done));
}

function port(server: Listener): number {
  return (server.address() as AddressInfo).port;
}
