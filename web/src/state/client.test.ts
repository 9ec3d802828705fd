import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Client } from './client.svelte';
import { Tabs } from './tabs';
import { mention, message, range, seqs } from './testing/messages';
import { ME, ScriptedServer } from './testing/scripted_server';
import { type ScriptedSocket, ScriptedSockets } from './testing/scripted_socket';
import { ScriptedPage, SharedBrowser } from './testing/shared_browser';

let server: ScriptedServer;
let sockets: ScriptedSockets;
let browser: SharedBrowser;
let clients: Client[];

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, '', '/');
  server = new ScriptedServer();
  sockets = new ScriptedSockets();
  browser = new SharedBrowser();
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.close();
});

function newClient(): Client {
  const client = new Client({
    fetch: server.fetch,
    openSocket: sockets.open,
    tabs: new Tabs(browser.meet(new ScriptedPage(true))),
  });
  clients.push(client);
  return client;
}

/** A client that is signed in, has read its lists, and is online. */
async function signedIn(): Promise<{ client: Client; socket: ScriptedSocket }> {
  const client = newClient();
  await client.start();
  const socket = await sockets.opened(1);
  socket.greet();
  await until(() => client.channels.of('o1').status === 'ready');
  await until(() => watched(socket).length === server.channels.filter((c) => c.joined).length);
  return { client, socket };
}

async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => {
    if (!condition()) throw new Error('not yet');
  });
}

function watched(socket: ScriptedSocket): { id: string; after_seq?: number }[] {
  return socket.sent('subscribe').flatMap(({ channels }) => channels);
}

/** The messages reach the client live. */
function deliver(socket: ScriptedSocket, posted: ReturnType<ScriptedServer['post']>): void {
  for (const each of posted) {
    socket.say({
      type: 'message',
      channel_id: each.channel_id,
      seq: each.seq,
      message: each,
    });
  }
}

/** The connection breaks; answers the next one. */
async function reconnect(): Promise<ScriptedSocket> {
  const count = sockets.all.length;
  sockets.last.end();
  return sockets.opened(count + 1);
}

describe('a client', () => {
  test('shows a stranger the way in', async () => {
    server.user = null;
    server.firstRun = true;
    const client = newClient();
    await client.start();
    expect(client.session).toMatchObject({ status: 'signed_out', firstRun: true });
    expect(sockets.all).toHaveLength(0);
  });

  test('says that the server cannot be reached, and goes on when it can', async () => {
    server.away = true;
    const client = newClient();
    await client.start();
    expect(client.session).toMatchObject({ status: 'loading', error: { code: 'network' } });
    server.away = false;
    dispatchEvent(new Event('online'));
    await until(() => client.session.status === 'signed_in');
    expect(client.session.error).toBeNull();
  });

  test('watches every channel that the user is in, without a replay', async () => {
    server.addChannel('a', 10);
    server.addChannel('b', 5);
    server.addChannel('c', 5, { joined: false });
    const { socket } = await signedIn();
    expect(watched(socket)).toEqual([{ id: 'a' }, { id: 'b' }]);
  });

  test('counts what is unread, live', async () => {
    server.addChannel('a', 10, { read_seq: 7 });
    const { client, socket } = await signedIn();
    expect(client.channels.unread('a')).toBe(3);
    deliver(socket, server.post('a', 2));
    await until(() => client.channels.unread('a') === 5);
    socket.say({ type: 'channel_read', channel_id: 'a', seq: 12 });
    await until(() => client.channels.unread('a') === 0);
  });

  test('learns from being watched what came since the list was read', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    socket.say({ type: 'subscribed', channel_id: 'a', last_seq: 14 });
    await until(() => client.channels.unread('a') === 4);
  });

  test('shows live messages of the open channel, fifty at a time as one', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    const before = timeline.messages;
    deliver(socket, server.post('a', 50));
    expect(timeline.messages).toBe(before);
    await until(() => timeline.messages.length === 60);
    expect(seqs(timeline.messages)).toEqual(range(1, 60));
  });

  test('reads a gap over HTTP', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    deliver(socket, server.post('a', 6).slice(4));
    await until(() => timeline.messages.length === 16);
    expect(seqs(timeline.messages)).toEqual(range(1, 16));
  });

  test('forgets deletions and edits of channels that it does not hold', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    socket.say({ type: 'message_deleted', channel_id: 'b', seq: 1, message_id: 'b-m1' });
    socket.say({ type: 'message_edited', channel_id: 'b', seq: 1, message: message(1, 'b') });
    deliver(socket, server.post('a', 1));
    await until(() => client.channels.unread('a') === 1);
  });

  test('takes the content of a message that was deleted', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    const [posted] = server.post('a', 1);
    socket.say({ type: 'message_deleted', channel_id: 'a', seq: 11, message_id: 'a-m11' });
    deliver(socket, posted ? [posted] : []);
    await until(() => timeline.messages.length === 11);
    expect(timeline.messages.at(-1)?.deleted).toBe(true);
  });
});

describe('after the connection was lost', () => {
  test('the open channel is caught up from where it is held, others only watched', async () => {
    server.addChannel('a', 10);
    server.addChannel('b', 5);
    const { client } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    const posted = server.post('a', 4);
    const socket = await reconnect();
    expect(client.connection.status).toBe('reconnecting');
    socket.greet();
    expect(client.connection.status).toBe('online');
    expect(socket.sent('subscribe')[0]).toMatchObject({
      channels: [{ id: 'a', after_seq: 10 }, { id: 'b' }],
      epoch: 'epoch',
    });
    socket.say({ type: 'subscribed', channel_id: 'a', last_seq: 14 });
    deliver(socket, posted);
    await until(() => timeline.messages.length === 14);
    expect(server.called('GET', /messages/).length).toBeLessThanOrEqual(3);
  });

  test('what is not replayed is read', async () => {
    server.addChannel('a', 10);
    const { client } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    server.post('a', 3_000);
    const socket = await reconnect();
    socket.greet();
    socket.say({ type: 'subscribed', channel_id: 'a', last_seq: 3_010 });
    socket.say({ type: 'resync', channel_id: 'a', last_seq: 3_010 });
    await until(() => timeline.messages.at(-1)?.seq === 3_010);
    deliver(socket, server.post('a', 1));
    await until(() => timeline.messages.at(-1)?.seq === 3_011);
  });

  test('the lists are read again', async () => {
    server.addChannel('a', 10);
    const { client } = await signedIn();
    server.addChannel('new', 3);
    (await reconnect()).greet();
    await until(() => client.channels.get('new') !== undefined);
    await until(() => watched(sockets.last).some(({ id }) => id === 'new'));
  });

  test('another history drops everything that was held', async () => {
    server.addChannel('a', 300);
    const { client } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    server.channels = [];
    server.addChannel('a', 20);
    const socket = await reconnect();
    socket.greet({ epoch: 'another' });
    expect(timeline.messages).toEqual([]);
    await until(() => timeline.messages.length === 20);
    await until(() => watched(socket).some(({ id }) => id === 'a'));
    expect(watched(socket).every(({ after_seq }) => (after_seq ?? 0) <= 20)).toBe(true);
    expect(socket.sent('subscribe').every(({ epoch }) => epoch === 'another')).toBe(true);
    expect(client.channels.get('a')?.last_seq).toBe(20);
  });

  test('another history has other members, also when it counts them the same', async () => {
    server.addChannel('a', 10);
    const { client } = await signedIn();
    server.members.set('a', [ME, { ...ME, id: 'bob' }]);
    expect(await client.channels.membersState('a', false)).toMatchObject({ ids: ['me', 'bob'] });
    server.members.set('a', [ME]);
    expect(await client.channels.membersState('a', false)).toMatchObject({ ids: ['me', 'bob'] });
    const socket = await reconnect();
    // What could not be sent before asks for them as soon as the connection is back.
    const asked = client.channels.membersState('a', false);
    socket.greet({ epoch: 'another' });
    expect(await asked).toMatchObject({ ids: ['me'] });
    await until(() => client.channels.get('a') !== undefined);
    expect(await client.channels.membersState('a', false)).toMatchObject({ ids: ['me'] });
  });

  test('whoever is encrypted for is named as a newcomer, whomever the list of members shows', async () => {
    server.addChannel('a', 10);
    const { client } = await signedIn();
    await client.channels.members('a').reload();
    server.members.set('a', [ME, { ...ME, id: 'ghost', display_name: 'Ghost' }]);
    expect(await client.channels.membersState('a', false)).toMatchObject({ ids: ['me', 'ghost'] });
    server.members.set('a', [ME]);
    await client.channels.members('a').reload();
    expect(client.channels.members('a').list.map(({ id }) => id)).toEqual(['me']);
    expect(client.newcomers.of('a')).toMatchObject([
      { id: 'ghost', displayName: 'Ghost', left: true },
    ]);
  });

  test('marks that could not be told are told', async () => {
    server.addChannel('a', 10, { read_seq: 2 });
    const { client } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    server.away = true;
    timeline.displayed(10);
    expect(client.channels.unread('a')).toBe(0);
    await until(() => server.called('POST', /read$/).length === 1);
    server.away = false;
    (await reconnect()).greet();
    await until(() => server.channels[0]?.read_seq === 10);
    expect(client.channels.unread('a')).toBe(0);
  });
});

describe('a live mention', () => {
  test('is acknowledged, counted, kept and shown', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    await until(() => client.notifications.status === 'ready');
    const notification = mention(11, { channel_id: 'a' });
    socket.say({ type: 'mention', notification });
    await until(() => client.alerts.current.length === 1);
    await until(() => socket.sent('ack').length === 1);
    expect(socket.sent('ack')[0]?.notifications).toEqual([notification.id]);
    expect(client.notifications).toMatchObject({ unread: 1, list: [notification] });
    expect(client.channels.mentions('a')).toBe(1);
    expect(client.title).toBe('(1) Chatalot');
  });

  test('is acknowledged again later when the server could not take it', async () => {
    server.addChannel('a', 10);
    const { socket } = await signedIn();
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'requestAnimationFrame', 'cancelAnimationFrame'],
    });
    socket.say({ type: 'mention', notification: mention(11) });
    vi.advanceTimersByTime(1_000);
    const [ack] = socket.sent('ack');
    socket.say({ type: 'error', code: 'overloaded', detail: '', ref: ack?.ref ?? 0 });
    vi.advanceTimersByTime(30_000);
    vi.useRealTimers();
    expect(socket.sent('ack')).toHaveLength(2);
  });

  test('is read when its message was displayed', async () => {
    server.addChannel('a', 11, { read_seq: 10 });
    const { client, socket } = await signedIn();
    await until(() => client.notifications.status === 'ready');
    socket.say({ type: 'mention', notification: mention(12, { channel_id: 'a' }) });
    deliver(socket, server.post('a', 1));
    const timeline = client.timeline('a');
    await timeline.open();
    expect(client.notifications.unread).toBe(1);
    timeline.displayed(12);
    expect(client.notifications.unread).toBe(0);
    expect(client.channels.mentions('a')).toBe(0);
    await until(() => server.called('POST', /read$/).some((body) => body['seq'] === 12));
  });

  test('that the server had counted is read in part, and the server says what is left', async () => {
    server.mentionedAt = [60, 190];
    server.addChannel('a', 200, { read_seq: 50, unread_mentions: 2 });
    const { client } = await signedIn();
    const timeline = client.timeline('a');
    await timeline.open();
    timeline.displayed(100);
    await until(() => client.channels.mentions('a') === 1);
    timeline.displayed(200);
    expect(client.channels.mentions('a')).toBe(0);
  });

  test('leaves the screen when it was read on another device', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    await until(() => client.notifications.status === 'ready');
    socket.say({ type: 'mention', notification: mention(11, { channel_id: 'a' }) });
    await until(() => client.alerts.current.length === 1);
    socket.say({ type: 'notifications_read', all: true });
    await until(() => client.alerts.current.length === 0);
    expect(client.notifications.unread).toBe(0);
    expect(client.channels.mentions('a')).toBe(0);
  });
});

describe('a notice', () => {
  test('that a channel is gone takes it away, and people home', async () => {
    server.addChannel('a', 10);
    const id = '01a20918-cd31-72ce-a1c1-998499338825';
    server.addChannel(id, 4);
    const { client, socket } = await signedIn();
    client.router.go({ kind: 'channel', channelId: id });
    await client.timeline(id).open();
    server.channels = server.channels.filter((channel) => channel.id !== id);
    socket.say({ type: 'channel_removed', channel_id: id });
    await until(() => client.channels.get(id) === undefined);
    expect(client.router.place).toEqual({ kind: 'home' });
    expect(client.ui.notice).toContain(`#${id}`);
    expect(client.channels.of('o1').list.map((channel) => channel.id)).toEqual(['a']);
  });

  test('that the user left a public channel leaves it in the list', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    server.channels = [{ ...(server.channels[0] as (typeof server.channels)[0]), joined: false }];
    socket.say({ type: 'channel_removed', channel_id: 'a' });
    await until(() => client.channels.get('a')?.joined === false);
    expect(client.channels.unread('a')).toBe(0);
  });

  test('that a channel has changed reads it again', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    server.channels = [{ ...(server.channels[0] as (typeof server.channels)[0]), topic: 'new' }];
    for (let notices = 0; notices < 20; notices += 1) {
      socket.say({ type: 'channel_changed', channel_id: 'a' });
    }
    await until(() => client.channels.get('a')?.topic === 'new');
    expect(server.called('GET', /channels\/a$/)).toHaveLength(1);
  });

  test('that the membership has changed reads the lists again', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    server.communities = [];
    socket.say({ type: 'membership_changed', community_id: 'o1' });
    await until(() => client.communities.list.length === 0);
    expect(client.channels.get('a')).toBeUndefined();
  });
});

describe('what people do themselves', () => {
  const ID = '01a20918-cd31-72ce-a1c1-998499338825';

  test.each<[string, (client: Client) => Promise<void>]>([
    ['deleting a channel', (client) => client.channels.delete(ID)],
    ['leaving a private channel', (client) => client.channels.leave(ID)],
  ])('%s leads home without a notice, whichever answer comes first', async (_, act) => {
    server.addChannel('a', 10);
    server.addChannel(ID, 4, { private: true });
    const { client, socket } = await signedIn();
    client.router.go({ kind: 'channel', channelId: ID });
    const acting = act(client);
    socket.say({ type: 'channel_removed', channel_id: ID });
    await acting;
    await until(() => client.channels.get(ID) === undefined);
    expect(client.router.place).toEqual({ kind: 'home' });
    expect(client.ui.notice).toBeNull();
  });

  test('leaving a public channel keeps it in the list, and joining reads it anew', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    await client.timeline('a').open();
    await client.channels.leave('a');
    expect(client.channels.get('a')?.joined).toBe(false);
    await until(() => socket.sent('unsubscribe').length === 1);
    server.post('a', 3);
    await client.channels.join('a');
    await until(() => watched(socket).filter(({ id }) => id === 'a').length === 2);
    await client.timeline('a').open();
    expect(client.timeline('a').messages.at(-1)?.seq).toBe(13);
  });
});

describe('signing out', () => {
  test('ends the connection and forgets everything', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    await client.timeline('a').open();
    await client.session.signOut();
    expect(client.session).toMatchObject({ status: 'signed_out', user: null });
    expect(client.connection.status).toBe('signed_out');
    expect(socket.closed).toBe(true);
    expect(client.communities.list).toEqual([]);
    expect(client.channels.get('a')).toBeUndefined();
    expect(client.timeline('a').messages).toEqual([]);
  });

  test('leaves nothing that its user put off to the next one', async () => {
    const { client } = await signedIn();
    client.ui.putOffEncryption();
    client.ui.openEncryption();
    await client.session.signOut();
    expect(client.ui).toMatchObject({ encryptionPutOff: false, encryption: false });
  });

  test('in one tab is noticed by the others, and so is signing in', async () => {
    server.addChannel('a', 10);
    const { client } = await signedIn();
    const other = newClient();
    await other.start();
    await client.session.signOut();
    await until(() => other.session.status === 'signed_out');
    await other.session.signIn('ada', 'password');
    await until(() => client.session.user?.id === ME.id);
  });

  test('by the server, in the middle of a connection, shows the way in', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    server.user = null;
    socket.end(4501);
    await until(() => client.session.status === 'signed_out');
    expect(sockets.all).toHaveLength(1);
  });

  test('of a session that another one has followed is no sign-out, however late it is heard of', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    await client.timeline('a').open();
    client.drafts.of('a').text = 'not lost';
    // Somebody has signed in anew in another tab: the cookie is that of the new session.
    socket.end(4501);
    (await sockets.opened(2)).greet();
    expect(client.session).toMatchObject({ status: 'signed_in', user: ME });
    expect(client.connection.status).toBe('online');
    expect(client.timeline('a').messages).toHaveLength(10);
    expect(client.drafts.of('a').text).toBe('not lost');
  });

  test('is none as long as the server cannot be asked', async () => {
    server.addChannel('a', 10);
    const { client, socket } = await signedIn();
    server.away = true;
    socket.end(4501);
    await until(() => server.called('GET', /auth\/session$/).length === 2);
    await sockets.opened(2);
    expect(client.session.status).toBe('signed_in');
    expect(client.channels.get('a')).toBeDefined();
  });

  test('is noticed by any call', async () => {
    server.addChannel('a', 10);
    const { client } = await signedIn();
    server.user = null;
    await client.communities.reload();
    expect(client.session.status).toBe('signed_out');
  });
});
