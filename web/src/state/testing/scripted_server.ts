/** Stands in for the browser's fetch in tests: a small server with one community. */

import type { Channel, Community, Message, Notification, PushDevice, User } from '../../api/types';
import { messages } from './messages';

const CREATED = '2026-06-04T13:34:30.789723+00:00';

/** The user of the tests. */
export const ME: User = {
  id: 'me',
  username: 'ada',
  display_name: 'Ada',
  instance_role: 'member',
  created_at: CREATED,
};

type Handler = (call: Call) => unknown;

interface Call {
  path: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
}

/** A server that answers calls from what a test put into it. */
export class ScriptedServer {
  user: User | null = ME;
  firstRun = false;
  /** Whether nothing is answered, as when the network is away. */
  away = false;
  communities: Community[] = [{ id: 'o1', name: 'Ops', role: 'owner', created_at: CREATED }];
  channels: Channel[] = [];
  notifications: Notification[] = [];
  /** Places where the user is mentioned, in all channels. */
  mentionedAt: number[] = [];
  device: PushDevice = {
    id: 'd1',
    created_at: CREATED,
    last_success_at: null,
    failing_since: null,
  };
  readonly stored = new Map<string, Message[]>();
  /** Who is in each channel; the user alone where nothing is said. */
  readonly members = new Map<string, User[]>();
  /** What was called: method, path and body. */
  readonly calls: { method: string; path: string; body: Record<string, unknown> }[] = [];

  /** Makes a channel with messages. */
  addChannel(id: string, count: number, fields: Partial<Channel> = {}): Channel {
    const channel: Channel = {
      id,
      community_id: 'o1',
      name: id,
      topic: '',
      private: false,
      joined: true,
      joined_at: CREATED,
      last_seq: count,
      members_version: 1,
      read_seq: count,
      unread_mentions: 0,
      created_at: CREATED,
      ...fields,
    };
    this.channels.push(channel);
    this.stored.set(id, messages(1, count, id));
    return channel;
  }

  /** Stores the next messages of a channel. */
  post(channelId: string, count: number): Message[] {
    const stored = this.stored.get(channelId) ?? [];
    const posted = messages(stored.length + 1, stored.length + count, channelId);
    stored.push(...posted);
    this.#channel(channelId).last_seq = stored.length;
    return posted;
  }

  /** The calls of one kind. */
  called(method: string, path: RegExp): Record<string, unknown>[] {
    return this.calls
      .filter((call) => call.method === method && path.test(call.path))
      .map(({ body }) => body);
  }

  fetch: typeof fetch = async (input, init) => {
    const url = new URL(String(input), 'http://localhost');
    const method = init?.method ?? 'GET';
    const body = init?.body ? (JSON.parse(String(init.body)) as Record<string, unknown>) : {};
    this.calls.push({ method, path: url.pathname, body });
    await Promise.resolve();
    if (this.away) throw new TypeError('Failed to fetch');
    return this.#answer(method, url, body);
  };

  #answer(method: string, url: URL, body: Record<string, unknown>): Response {
    const path = url.pathname.split('/').slice(2);
    const open = path[0] === 'instance' || (path[0] === 'auth' && path[1] === 'login');
    if (this.user === null && !open) return problem(401, 'unauthenticated');
    const handler = this.#handlers[`${method} ${routeOf(path)}`];
    const answer = handler?.({ path, query: url.searchParams, body });
    if (answer === undefined) return problem(404, 'not_found');
    return answer === null ? new Response(null, { status: 204 }) : Response.json(answer);
  }

  readonly #handlers: Record<string, Handler> = {
    'GET instance/': () => ({
      server_version: '0.1.0',
      registration: 'invite',
      first_run: this.firstRun,
    }),
    'GET auth/session': () => ({ user: this.user }),
    'POST auth/login': () => ({ user: (this.user = ME) }),
    'POST auth/logout': () => {
      this.user = null;
      return null;
    },
    'GET communities/': () => this.communities,
    'GET communities/channels': ({ path }) =>
      this.channels.filter(({ community_id }) => community_id === path[1]),
    'GET channels/': ({ path }) => this.channels.find(({ id }) => id === path[1]),
    'GET channels/messages': ({ path, query }) => this.#page(path[1] ?? '', query),
    'POST channels/read': ({ path, body }) => {
      const channel = this.#channel(path[1] ?? '');
      channel.read_seq = Number(body['seq']);
      channel.unread_mentions = this.mentionedAt.filter((seq) => seq > channel.read_seq).length;
      return null;
    },
    'DELETE channels/': ({ path }) => this.#removeChannel(path[1] ?? ''),
    'DELETE channels/members': ({ path }) => {
      const channel = this.#channel(path[1] ?? '');
      if (channel.private) return this.#removeChannel(channel.id);
      channel.joined = false;
      return null;
    },
    'GET channels/members': ({ path }) => this.members.get(path[1] ?? '') ?? [ME],
    'PUT channels/members': ({ path }) => {
      this.#channel(path[1] ?? '').joined = true;
      return null;
    },
    'GET push/key': () => ({ public_key: 'AQID' }),
    'POST push/subscriptions': () => this.device,
    'DELETE push/subscriptions': () => null,
    'GET push/subscriptions': () => [this.device],
    'GET notifications/': () => ({
      notifications: this.notifications,
      unread: this.notifications.filter(({ read_at }) => read_at === null).length,
      has_more: false,
    }),
    'POST notifications/read': () => null,
  };

  #page(channelId: string, query: URLSearchParams) {
    const all = this.stored.get(channelId) ?? [];
    const limit = Number(query.get('limit') ?? 50);
    const after = query.get('after');
    const before = query.get('before');
    if (after !== null) {
      const rest = all.filter(({ seq }) => seq > Number(after));
      return { messages: rest.slice(0, limit), has_more: rest.length > limit };
    }
    const rest = all.filter(({ seq }) => before === null || seq < Number(before));
    return { messages: rest.slice(-limit), has_more: rest.length > limit };
  }

  #removeChannel(id: string): null {
    this.channels = this.channels.filter((channel) => channel.id !== id);
    return null;
  }

  #channel(id: string): Channel {
    const channel = this.channels.find((other) => other.id === id);
    if (channel === undefined) throw new Error(`no channel ${id}`);
    return channel;
  }
}

/** The name of a route: what is called, without ids. */
function routeOf(path: string[]): string {
  const [first, second, third] = path;
  const byId = first === 'communities' || first === 'channels';
  return `${first}/${byId ? (third ?? '') : (second ?? '')}`;
}

function problem(status: number, code: string): Response {
  const body = { type: `/problems/${code}`, title: code, detail: code, status, code };
  return Response.json({ ...body, request_id: 'r' }, { status });
}
