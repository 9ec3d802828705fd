/** What people write: read by the members' browsers, and by nobody else. */
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
import { channelLink, message, messages, toast } from './support/screens';
import { expect, test } from './support/test';

test.setTimeout(120_000);

test('two people write to each other, and the server sees only ciphertext', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, general, path } = await twoMembers(people);
  const [one, other] = [await browserOf(null), await browserOf(null)];
  await signInAt(one, alice, path);
  await signInAt(other, bob, path);
  await canBeWrittenTo(bob);
  await say(one, 'the launch code is heliotrope');
  await expect(shown(other, 'the launch code is heliotrope')).toBeVisible(PATIENCE);
  await say(other, 'understood');
  await expect(shown(one, 'understood')).toBeVisible(PATIENCE);
  const page = await alice.api.get('/api/channels/{channel_id}/messages', {
    path: { channel_id: general.id },
  });
  expect(page.messages.map(({ kind }) => kind)).toEqual(['user', 'user']);
  expect(JSON.stringify(page)).not.toContain('heliotrope');
  // After the page was loaded again, both are read from what the browser keeps.
  await one.reload();
  await expect(shown(one, 'understood')).toBeVisible(PATIENCE);
  await expect(shown(one, 'the launch code is heliotrope')).toBeVisible(PATIENCE);
});

test('a newcomer reads what is written from then on, and is told why not what was before', async ({
  people,
  browserOf,
}) => {
  const { alice, community, path } = await twoMembers(people);
  const carol = await people.register('carol');
  const [one, other] = [await browserOf(null), await browserOf(null)];
  await signInAt(one, alice, path);
  await say(one, 'before carol came');
  await alice.invite(community, carol);
  const notice = one.getByRole('status').filter({ hasText: 'joined, and can read' });
  await expect(notice).toContainText(
    `carol (@${carol.user.username}) joined, and can read what is written here`,
  );
  await notice.getByRole('button').click();
  await expect(notice).toBeHidden();
  await signInAt(other, carol, path);
  await expect(messages(other).getByText('Written before you joined.')).toBeVisible(PATIENCE);
  await canBeWrittenTo(carol);
  await say(one, 'welcome, carol');
  await expect(shown(other, 'welcome, carol')).toBeVisible(PATIENCE);
  await expect(shown(other, 'before carol came')).toBeHidden();
});

test('somebody who leaves in the middle of a send cannot read it, and the others can', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, community, general, path } = await twoMembers(people);
  const carol = await people.register('carol');
  await alice.invite(community, carol);
  const pages = [await browserOf(null), await browserOf(null), await browserOf(null)] as const;
  const [one, leaver, stayer] = pages;
  await signInAt(one, alice, path);
  await signInAt(leaver, bob, path);
  await signInAt(stayer, carol, path);
  await Promise.all([canBeWrittenTo(bob), canBeWrittenTo(carol)]);
  await say(one, 'to both of you');
  await expect(shown(leaver, 'to both of you')).toBeVisible(PATIENCE);

  const membership = { path: { channel_id: general.id, user_id: bob.user.id } };
  const answers: number[] = [];
  let left = false;
  await one.route('**/messages/*', async (route) => {
    if (route.request().method() !== 'PUT') return route.fallback();
    // It is encrypted, for bob as well, and on its way.
    if (!left) await bob.api.delete('/api/channels/{channel_id}/members/{user_id}', membership);
    left = true;
    const answer = await route.fetch();
    answers.push(answer.status());
    await route.fulfill({ response: answer });
  });
  await say(one, 'not to bob');
  expect(answers).toEqual([409, 201]);
  await expect(shown(stayer, 'not to bob')).toBeVisible(PATIENCE);

  await bob.api.put('/api/channels/{channel_id}/members/{user_id}', membership);
  await leaver.goto(path);
  await expect(messages(leaver).getByText('Written before you joined.')).toBeVisible(PATIENCE);
  await expect(shown(leaver, 'to both of you')).toBeVisible(PATIENCE);
  await say(one, 'bob is back');
  await expect(shown(leaver, 'bob is back')).toBeVisible(PATIENCE);
  await expect(shown(leaver, 'not to bob')).toBeHidden();
});

test('a message whose key comes late waits for it, and appears by itself', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const [one, other] = [await browserOf(null), await browserOf(null)];
  const mail = await holdMail(other);
  await signInAt(one, alice, path);
  await signInAt(other, bob, path);
  await canBeWrittenTo(bob);
  await say(one, 'the key is late');
  await expect(messages(other).getByText('Waiting for the key.')).toBeVisible(PATIENCE);
  mail.deliver();
  await expect(shown(other, 'the key is late')).toBeVisible(PATIENCE);
  await expect(messages(other).getByText('Waiting for the key.')).toBeHidden();
});

test('a mention is found by the reader’s browser, and the server knows nothing of it', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, community, path } = await twoMembers(people);
  const elsewhere = await alice.channel(community, 'elsewhere');
  await bob.api.put('/api/channels/{channel_id}/members/{user_id}', {
    path: { channel_id: elsewhere.id, user_id: bob.user.id },
  });
  const [one, other] = [await browserOf(null), await browserOf(null)];
  await signInAt(one, alice, path);
  await signInAt(other, bob, `/c/${elsewhere.id}`);
  await canBeWrittenTo(bob);
  await say(one, 'nobody in particular');
  await write(one, `lunch, @${bob.username}?`);
  await expect(toast(other)).toContainText(`lunch, @${bob.username}?`, PATIENCE);
  await expect(toast(other)).toContainText('alice');
  await expect(channelLink(other, 'general')).toHaveAccessibleDescription(/1 unread mention/);
  const inbox = await bob.api.get('/api/notifications');
  expect(inbox.notifications).toEqual([]);
  // Reading it ends it.
  await toast(other).getByRole('link').click();
  await expect(message(other, 'lunch')).toBeFocused();
  await expect(channelLink(other, 'general')).not.toHaveAccessibleDescription(/mention/);
  await expect(message(other, 'lunch').getByText('@bob')).toBeVisible();
});

test('what people write has a lock, and what webhooks post has the badge', async ({
  people,
  browserOf,
}) => {
  const { alice, general, path } = await twoMembers(people);
  const webhook = await alice.webhook(general);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  await say(page, 'written by a person');
  await webhook.post('posted by a program');
  await expect(message(page, 'posted by a program')).toHaveAccessibleDescription(
    'Webhook · not E2EE',
  );
  const lock = messages(page).getByRole('img', { name: 'End-to-end encrypted' });
  await expect(lock).toHaveCount(1);
  await expect(messages(page).getByText('Webhook · not E2EE')).toHaveCount(1);
  await expect(message(page, 'written by a person')).not.toHaveAccessibleDescription(/E2EE/);
});

test('what could not be sent is kept over a reload, and sent once when it is sent again', async ({
  people,
  browserOf,
}) => {
  const { alice, general, path } = await twoMembers(people);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  await say(page, 'the first');
  const send = '**/messages/*';
  // It arrives, and the answer gets lost.
  await page.route(send, async (route) => {
    if (route.request().method() !== 'PUT') return route.fallback();
    await route.fetch();
    await route.abort();
  });
  await page.routeWebSocket('**/api/ws', (socket) => void socket.close());
  await page.reload();
  await write(page, 'sent, or was it?');
  const pending = messages(page).getByRole('article', { name: /^Your message/ });
  await expect(pending).toBeVisible();
  await expect(messages(page).getByText(/^Not sent\./)).toBeVisible({ timeout: 60_000 });
  await page.unroute(send);
  await page.reload();
  await expect(pending).toContainText('sent, or was it?', PATIENCE);
  await pending.getByRole('button', { name: 'Retry' }).click();
  await expect(pending).toBeHidden(PATIENCE);
  const stored = await alice.api.get('/api/channels/{channel_id}/messages', {
    path: { channel_id: general.id },
  });
  expect(stored.messages).toHaveLength(2);
  await page.reload();
  await expect(shown(page, 'sent, or was it?')).toBeVisible(PATIENCE);
  await expect(pending).toBeHidden();
});

/** Keeps from a page what the server tells its device, as a slow connection does. */
async function holdMail(page: Page) {
  let held: (() => void)[] | null = [];
  await page.routeWebSocket('**/api/ws', (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((text) => server.send(text));
    server.onMessage((text) => {
      const { type } = JSON.parse(String(text)) as { type: string };
      if (held === null || type !== 'to_device') return socket.send(text);
      held.push(() => socket.send(text));
    });
  });
  return {
    deliver() {
      for (const send of held ?? []) send();
      held = null;
    },
  };
}
