/** What is there before a test begins, made through the server's HTTP interface. */
import { randomUUID } from 'node:crypto';

import { Api } from '../../src/api/http';
import type { Channel, Community, CreatedWebhook, User } from '../../src/api/types';

/** The password of everybody. */
export const PASSWORD = 'correct horse battery';

/** What a post may carry besides its text. */
interface Guise {
  username?: string;
  avatar_url?: string;
}

function callsTo(url: string, token: string | null): Api {
  return new Api((path, init) => {
    const headers = new Headers(init?.headers);
    if (token !== null) headers.set('Authorization', `Bearer ${token}`);
    return fetch(new URL(String(path), url), { ...init, headers });
  });
}

/** A name that nobody else has, with letters in front by which people know it. */
export function unique(name: string): string {
  return `${name}_${randomUUID().slice(0, 8)}`;
}

/** Makes accounts at the server at `url`. */
export class People {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Registers somebody whose username begins with `name`; the very first becomes the owner. */
  async register(name: string, invite?: string, display_name = name): Promise<Person> {
    const username = unique(name);
    const body = { username, password: PASSWORD, display_name, session: 'token' as const };
    const answer = await callsTo(this.#url, null).post('/api/auth/register', {
      body: invite === undefined ? body : { ...body, invite },
    });
    if (!answer.token) throw new Error('The server gave no token');
    return new Person(this.#url, answer.user, answer.token);
  }
}

/** Somebody with an account, who acts through the HTTP interface. */
export class Person {
  readonly api: Api;
  readonly user: User;
  readonly #url: string;

  constructor(url: string, user: User, token: string) {
    this.api = callsTo(url, token);
    this.user = user;
    this.#url = url;
  }

  get username(): string {
    return this.user.username;
  }

  /** Makes a community, which begins with the channel `general`. */
  community(name = unique('Ops')): Promise<Community> {
    return this.api.post('/api/communities', { body: { name } });
  }

  async general(community: Community): Promise<Channel> {
    const path = { community_id: community.id };
    const channels = await this.api.get('/api/communities/{community_id}/channels', { path });
    const general = channels.find((channel) => channel.name === 'general');
    if (general === undefined) throw new Error(`${community.name} has no general`);
    return general;
  }

  channel(community: Community, name: string): Promise<Channel> {
    const path = { community_id: community.id };
    return this.api.post('/api/communities/{community_id}/channels', { path, body: { name } });
  }

  /** Brings `others` into a community. */
  async invite(community: Community, ...others: Person[]): Promise<void> {
    const path = { community_id: community.id };
    const invite = await this.api.post('/api/communities/{community_id}/invites', {
      path,
      body: {},
    });
    for (const other of others) {
      await other.api.post('/api/invites/{code}/accept', { path: { code: invite.code } });
    }
  }

  async webhook(channel: Channel, name = 'CI Pipeline'): Promise<Webhook> {
    const path = { channel_id: channel.id };
    const made = await this.api.post('/api/channels/{channel_id}/webhooks', {
      path,
      body: { name },
    });
    return new Webhook(this.#url, made);
  }
}

/** A webhook, and whoever has its URL. */
export class Webhook {
  readonly made: CreatedWebhook;
  readonly #api: Api;

  constructor(url: string, made: CreatedWebhook) {
    this.made = made;
    this.#api = callsTo(url, null);
  }

  /** Posts a message, which is committed when this returns. */
  async post(content: string, guise: Guise = {}): Promise<void> {
    await this.#api.post('/api/webhooks/execute/{token}', {
      path: { token: this.made.token },
      body: { content, ...guise },
    });
  }
}
