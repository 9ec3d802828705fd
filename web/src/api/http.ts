/** Calls of the server's HTTP interface, typed by its OpenAPI document. */

import { Problem, problemOf, unreachable } from './problem';
import type { paths } from './schema';

export { asProblem, Problem } from './problem';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, object> ? P : never;
}[keyof paths];

type Operation<M extends Method, P extends keyof paths> =
  paths[P] extends Record<M, infer O extends object> ? O : never;

type PathOption<O> = O extends { parameters: { path: infer T } } ? { path: T } : unknown;
type QueryOption<O> = O extends { parameters: { query?: infer T } } ? { query?: T } : unknown;
type BodyOption<O> = O extends { requestBody: { content: { 'application/json': infer T } } }
  ? { body: T }
  : unknown;

type Options<O> = PathOption<O> &
  QueryOption<O> &
  BodyOption<O> & {
    /** Lets the call outlive the page, for what is sent when a tab is closed. */
    keepalive?: boolean;
  };

type Content<R> = R extends { content: { 'application/json': infer T } } ? T : undefined;
type Answer<O> = O extends { responses: { 200: infer R } }
  ? Content<R>
  : O extends { responses: { 201: infer R } }
    ? Content<R>
    : undefined;

type Arguments<O> = object extends Options<O> ? [options?: Options<O>] : [options: Options<O>];

/** How long an answer may take: a little longer than the server gives itself. */
const TIMEOUT_MS = 35_000;
/** How often a read is tried in all. */
const READ_ATTEMPTS = 3;
/** A server that wants a longer pause than this is not waited for; people are told instead. */
const LONGEST_WAIT_SECONDS = 10;

interface Request {
  path?: Record<string, string | number>;
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  keepalive?: boolean;
}

/** The server's interface. */
export class Api {
  /** Called when a call finds that nobody is signed in any more. */
  onUnauthenticated: () => void = () => {};

  readonly #fetch: typeof fetch;

  constructor(request: typeof fetch = (...call) => fetch(...call)) {
    this.#fetch = request;
  }

  /** Reads. Tried again, a few times, when the server is busy and says for how long. */
  get<P extends PathsWith<'get'>>(
    path: P,
    ...[options]: Arguments<Operation<'get', P>>
  ): Promise<Answer<Operation<'get', P>>> {
    return this.#read(path, options as Request | undefined) as Promise<Answer<Operation<'get', P>>>;
  }

  /** Makes or does something. */
  post<P extends PathsWith<'post'>>(
    path: P,
    ...[options]: Arguments<Operation<'post', P>>
  ): Promise<Answer<Operation<'post', P>>> {
    return this.#send('POST', path, options as Request | undefined) as Promise<
      Answer<Operation<'post', P>>
    >;
  }

  /** Puts something where it belongs. */
  put<P extends PathsWith<'put'>>(
    path: P,
    ...[options]: Arguments<Operation<'put', P>>
  ): Promise<Answer<Operation<'put', P>>> {
    return this.#send('PUT', path, options as Request | undefined) as Promise<
      Answer<Operation<'put', P>>
    >;
  }

  /** Changes something. */
  patch<P extends PathsWith<'patch'>>(
    path: P,
    ...[options]: Arguments<Operation<'patch', P>>
  ): Promise<Answer<Operation<'patch', P>>> {
    return this.#send('PATCH', path, options as Request | undefined) as Promise<
      Answer<Operation<'patch', P>>
    >;
  }

  /** Removes something. */
  delete<P extends PathsWith<'delete'>>(
    path: P,
    ...[options]: Arguments<Operation<'delete', P>>
  ): Promise<Answer<Operation<'delete', P>>> {
    return this.#send('DELETE', path, options as Request | undefined) as Promise<
      Answer<Operation<'delete', P>>
    >;
  }

  /**
   * A call whose bodies are not this client's to write and read: JSON text goes and comes as it
   * is. `path` is filled in already.
   */
  async exchange(method: string, path: string, body?: string): Promise<string> {
    const response = await this.#answer(method, path, body, false);
    return response.status === 204 ? '{}' : response.text();
  }

  async #read(path: string, options: Request | undefined): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#send('GET', path, options);
      } catch (error) {
        const wait = pauseBefore(error);
        if (wait === null || attempt >= READ_ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  async #send(method: string, path: string, options: Request = {}): Promise<unknown> {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const address = addressOf(path, options);
    const response = await this.#answer(method, address, body, options.keepalive ?? false);
    if (response.status === 204 || response.status === 202) return undefined;
    try {
      return await response.json();
    } catch {
      throw unreachable(false);
    }
  }

  /** The answer to a call, when it is one of success. */
  async #answer(
    method: string,
    address: string,
    body: string | undefined,
    keepalive: boolean,
  ): Promise<Response> {
    const init: RequestInit = {
      method,
      credentials: 'same-origin',
      headers: { Accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    if (keepalive) init.keepalive = true;
    if (body !== undefined) {
      init.headers = { ...init.headers, 'Content-Type': 'application/json' };
      init.body = body;
    }
    const response = await this.#request(address, init);
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.code === 'unauthenticated') this.onUnauthenticated();
    throw problem;
  }

  async #request(address: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#fetch(address, init);
    } catch (error) {
      throw unreachable(error instanceof DOMException && error.name === 'TimeoutError');
    }
  }
}

/** How many milliseconds to wait before a read is tried again; null when it should not be. */
function pauseBefore(error: unknown): number | null {
  if (!(error instanceof Problem) || (error.status !== 429 && error.status !== 503)) return null;
  if (error.retryAfter === null || error.retryAfter > LONGEST_WAIT_SECONDS) return null;
  // Some randomness, so that the tabs that were refused together do not come back together.
  return (error.retryAfter + Math.random()) * 1000;
}

function addressOf(path: string, options: Request): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(options.path?.[name])),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== null && value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? filled : `${filled}?${query}`;
}
