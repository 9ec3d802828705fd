/** A server, or a network, that lies, repeats and loses: what the page makes of it. */
import type { Page } from '@playwright/test';

import {
  canBeWrittenTo,
  PATIENCE,
  say,
  shown,
  signInAt,
  twoMembers,
  write,
} from './support/encryption';
import type { Person } from './support/people';
import { messages } from './support/screens';
import { expect, test } from './support/test';

test.setTimeout(120_000);

interface Frame {
  type: string;
  message?: { id: string; seq: number; author: object };
  seq?: number;
  events?: unknown[];
}

test('a message that the server shows under another member’s name is refused', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, community, path } = await twoMembers(people);
  const mallory = await people.register('mallory');
  await alice.invite(community, mallory);
  const [reader, writer] = [await browserOf(null), await browserOf(null)];
  const { id: user_id, username, display_name } = alice.user;
  const lie = (frame: Frame) => {
    if (frame.message) Object.assign(frame.message.author, { user_id, username, display_name });
    return [frame];
  };
  await tellInstead(reader, lie);
  await reader.route('**/api/channels/*/messages*', async (route) => {
    const answer = await route.fetch();
    const page = (await answer.json()) as { messages: Frame['message'][] };
    for (const message of page.messages) lie({ type: 'message', ...(message && { message }) });
    await route.fulfill({ response: answer, json: page });
  });
  await signInAt(reader, bob, path);
  await signInAt(writer, mallory, path);
  await canBeWrittenTo(bob);
  await say(writer, 'send me the password');
  const refused = messages(reader).getByRole('article', { name: /^alice/ });
  await expect(refused).toContainText('This message cannot be decrypted.', PATIENCE);
  await expect(refused).toContainText(/not encrypted by the person|a device that its author/);
  await reader.reload();
  await expect(refused).toContainText('This message cannot be decrypted.', PATIENCE);
  await expect(reader.getByText('send me the password')).toHaveCount(0);
});

test('a message that the server repeats under another id is refused', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const [one, other] = [await browserOf(null), await browserOf(null)];
  await tellInstead(other, (frame) => {
    if (frame.type !== 'message' || !frame.message) return [frame];
    const seq = frame.message.seq + 1;
    const repeat = { ...frame.message, id: crypto.randomUUID(), seq };
    return [frame, { ...frame, seq, message: repeat }];
  });
  await signInAt(one, alice, path);
  await signInAt(other, bob, path);
  await canBeWrittenTo(bob);
  await say(one, 'pay 10');
  await expect(messages(other).getByText('It repeats an earlier message.')).toBeVisible(PATIENCE);
  await expect(shown(other, 'pay 10')).toHaveCount(1);
});

test('messages to a device that are lost come again, and those that come twice count once', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const [one, other] = [await browserOf(null), await browserOf(null)];
  let lost = 0;
  const connections = await tellInstead(other, (frame) => {
    if (frame.type !== 'to_device' || !frame.events?.length) return [frame];
    if (lost > 0) return [frame, frame];
    lost += 1;
    return [];
  });
  await signInAt(one, alice, path);
  await signInAt(other, bob, path);
  await canBeWrittenTo(bob);
  await say(one, 'is it lost?');
  await expect(messages(other).getByText('Waiting for the key.')).toBeVisible(PATIENCE);
  expect(lost).toBe(1);
  await connections.end();
  await expect(shown(other, 'is it lost?')).toBeVisible(PATIENCE);
  // Its keys came twice, and the conversation goes on, both ways.
  await say(one, 'it is not');
  await expect(shown(other, 'it is not')).toBeVisible(PATIENCE);
  await say(other, 'so it seems');
  await expect(shown(one, 'so it seems')).toBeVisible(PATIENCE);
});

test('a device whose one-time keys have run out is reached by its fallback key, and brings new ones', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const [one, other] = [await browserOf(null), await browserOf(null)];
  await signInAt(one, alice, path);
  await signInAt(other, bob, path);
  await canBeWrittenTo(bob);
  await other.goto('about:blank');
  await takeAllKeys(alice, bob);
  await write(one, 'still there?');
  await expect(shown(one, 'still there?')).toBeVisible(PATIENCE);
  await other.goto(path);
  await expect(shown(other, 'still there?')).toBeVisible(PATIENCE);
  await expect.poll(async () => (await takeKey(alice, bob)).fallback, PATIENCE).toBe(false);
});

/** Changes what the server tells a page: each frame becomes those that `change` answers. */
async function tellInstead(page: Page, change: (frame: Frame) => Frame[]) {
  let end: () => Promise<void> = async () => {};
  await page.routeWebSocket('**/api/ws', (socket) => {
    const server = socket.connectToServer();
    end = async () => {
      await socket.close();
      await server.close();
    };
    socket.onMessage((text) => server.send(text));
    server.onMessage((text) => {
      for (const frame of change(JSON.parse(String(text)) as Frame)) {
        socket.send(JSON.stringify(frame));
      }
    });
  });
  return { end: () => end() };
}

/** Takes one-time keys of the only device of somebody until there are none left. */
async function takeAllKeys(taker: Person, owner: Person): Promise<TakenKey> {
  for (let count = 0; count < 150; count += 1) {
    const key = await takeKey(taker, owner);
    if (key.fallback) return key;
  }
  throw new Error('there are still one-time keys');
}

interface TakenKey {
  id: string;
  fallback: boolean;
}

async function takeKey(taker: Person, owner: Person): Promise<TakenKey> {
  const { user_id } = JSON.parse(await owner.api.exchange('GET', '/api/e2ee/whoami')) as {
    user_id: string;
  };
  const call = async <T>(path: string, body: object) =>
    JSON.parse(await taker.api.exchange('POST', path, JSON.stringify(body))) as T;
  const { device_keys } = await call<{ device_keys: Record<string, Record<string, object>> }>(
    '/api/e2ee/keys/query',
    { device_keys: { [user_id]: [] } },
  );
  const [device = ''] = Object.keys(device_keys[user_id] ?? {});
  const { one_time_keys } = await call<{
    one_time_keys: Record<string, Record<string, Record<string, { fallback?: boolean }>>>;
  }>('/api/e2ee/keys/claim', {
    one_time_keys: { [user_id]: { [device]: 'signed_curve25519' } },
  });
  const [taken] = Object.entries(one_time_keys[user_id]?.[device] ?? {});
  if (taken === undefined) throw new Error('there is no key');
  return { id: taken[0], fallback: taken[1].fallback === true };
}
