import { describe, expect, test } from 'vitest';

import { Api } from '../api/http';
import type { Notification } from '../api/types';
import { Notifications } from './notifications.svelte';
import { mention } from './testing/messages';

/** The inbox as the server has it. */
class Server {
  stored: Notification[] = [];
  reads: unknown[] = [];
  refuse = false;
  told: string[] = [];
  readonly inbox: Notifications;

  constructor(count: number) {
    for (let number = 1; number <= count; number += 1) this.add(number);
    this.inbox = new Notifications({
      api: new Api(async (address, init) => this.#answer(String(address), init)),
      read: (read) => this.told.push(...read.map(({ id }) => id)),
      allRead: () => this.told.push('all'),
      unreadAfterAll: () => this.told.push('unread after all'),
    });
  }

  add(number: number): Notification {
    const added = mention(number);
    this.stored = [added, ...this.stored];
    return added;
  }

  #answer(address: string, init: RequestInit | undefined): Response {
    const url = new URL(address, 'http://localhost');
    if (this.refuse) return new Response('{}', { status: 500 });
    if (init?.method === 'POST') {
      const body = JSON.parse(String(init.body)) as { ids?: string[]; all?: true };
      this.reads.push(body);
      this.stored = this.stored.map((stored) =>
        body.all || body.ids?.includes(stored.id) ? { ...stored, read_at: 'now' } : stored,
      );
      return new Response(null, { status: 204 });
    }
    const before = url.searchParams.get('before');
    const limit = Number(url.searchParams.get('limit'));
    const rest = this.stored.filter(({ id }) => before === null || id < before);
    return Response.json({
      notifications: rest.slice(0, limit),
      unread: this.stored.filter(({ read_at }) => read_at === null).length,
      has_more: rest.length > limit,
    });
  }
}

async function read(count: number): Promise<Server> {
  const server = new Server(count);
  await server.inbox.reload();
  return server;
}

describe('the inbox', () => {
  test('shows the newest page, and more on demand', async () => {
    const { inbox } = await read(120);
    expect(inbox).toMatchObject({ status: 'ready', unread: 120, hasMore: true });
    expect(inbox.list).toHaveLength(50);
    await inbox.loadMore();
    await inbox.loadMore();
    expect(inbox.list.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 120 }, (_, index) => 120 - index),
    );
    expect(inbox.hasMore).toBe(false);
  });

  test('counts a live notification once', async () => {
    const server = await read(3);
    const added = server.add(4);
    server.inbox.receive(added);
    server.inbox.receive(added);
    expect(server.inbox.unread).toBe(4);
    expect(server.inbox.list[0]?.id).toBe(added.id);
  });

  test('does not count one that is offered again and was counted before', async () => {
    const server = await read(120);
    server.inbox.receive(mention(10));
    expect(server.inbox.unread).toBe(120);
  });

  test('keeps a live one that came while the page was read', async () => {
    const server = new Server(3);
    const reading = server.inbox.reload();
    server.inbox.receive(server.add(4));
    server.inbox.receive(mention(5));
    await reading;
    expect(server.inbox.list.map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1]);
    expect(server.inbox.unread).toBe(5);
  });

  test('keeps older pages that adjoin when it is read again, and drops those that do not', async () => {
    const server = await read(120);
    await server.inbox.loadMore();
    server.inbox.receive(server.add(121));
    await server.inbox.reload();
    expect(server.inbox.list).toHaveLength(101);
    for (let number = 122; number <= 300; number += 1) server.add(number);
    await server.inbox.reload();
    expect(server.inbox.list).toHaveLength(50);
    expect(server.inbox).toMatchObject({ hasMore: true, unread: 300 });
  });

  test('holds a bounded number', async () => {
    const server = await read(2_000);
    for (let pages = 0; pages < 40; pages += 1) await server.inbox.loadMore();
    expect(server.inbox.list.length).toBeLessThanOrEqual(1_000);
  });

  test('says why it cannot be read', async () => {
    const server = new Server(3);
    server.refuse = true;
    await server.inbox.reload();
    expect(server.inbox.status).toBe('error');
    server.refuse = false;
    await server.inbox.reload();
    expect(server.inbox).toMatchObject({ status: 'ready', error: null });
  });
});

describe('reading', () => {
  test('shows at once and is told to the server', async () => {
    const server = await read(3);
    const marking = server.inbox.markRead([mention(2).id]);
    expect(server.inbox.unread).toBe(2);
    await marking;
    expect(server.reads).toEqual([{ ids: [mention(2).id] }]);
    expect(server.told).toEqual([mention(2).id]);
  });

  test('counts each once, here and as the echo from elsewhere', async () => {
    const server = await read(3);
    await server.inbox.markRead([mention(2).id]);
    server.inbox.readIds([mention(2).id]);
    expect(server.inbox.unread).toBe(2);
  });

  test('all leaves none', async () => {
    const server = await read(120);
    await server.inbox.markAllRead();
    expect(server.inbox.unread).toBe(0);
    expect(server.inbox.list.every(({ read_at }) => read_at !== null)).toBe(true);
    expect(server.told.at(-1)).toBe('all');
  });

  test('that the server refuses is taken back', async () => {
    const server = await read(3);
    server.refuse = true;
    await expect(server.inbox.markRead([mention(2).id])).rejects.toMatchObject({ status: 500 });
    server.refuse = false;
    await server.inbox.reload();
    expect(server.inbox.unread).toBe(3);
    expect(server.told.at(-1)).toBe('unread after all');
  });

  test('a channel reads what it holds up to there', async () => {
    const server = await read(5);
    server.inbox.readChannel('c1', 3);
    server.inbox.readChannel('another', 5);
    expect(server.inbox.unread).toBe(2);
  });

  test('on another device counts also what is not held here', async () => {
    const server = await read(120);
    const old = mention(7).id;
    server.stored = server.stored.map((stored) =>
      stored.id === old ? { ...stored, read_at: 'now' } : stored,
    );
    server.inbox.readIds([old]);
    await server.inbox.reload();
    expect(server.inbox.unread).toBe(119);
  });
});
