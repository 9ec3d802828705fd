/** What people write: read by the members' browsers, and by nobody else. */
import type { Page } from '@playwright/test';

import { PASSWORD, type Person } from './support/people';
import { expect, test } from './support/test';

/** Opening encryption for the first time fetches and starts it, on a machine that does much else. */
const PATIENCE = { timeout: 20_000 };

test.setTimeout(120_000);

/** Signs in as people do, at the channel: then the password is at hand for making an identity. */
async function signInAt(page: Page, person: Person, path: string): Promise<void> {
  await page.goto(path);
  await page.getByLabel('Username').fill(person.username);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('navigation', { name: 'Channels' })).toBeVisible();
}

async function write(page: Page, text: string): Promise<void> {
  const field = page.getByRole('textbox', { name: /^Message #/ });
  await field.fill(text);
  await field.press('Enter');
}

function shown(page: Page, text: string) {
  return page.getByRole('log').getByText(text, { exact: true });
}

/** The names of the databases of encryption that a browser has. */
function databases(page: Page): Promise<string[]> {
  return page.evaluate(async () =>
    (await indexedDB.databases())
      .map(({ name }) => name ?? '')
      .filter((name) => name.startsWith('chatalot-encryption')),
  );
}

async function twoMembers(people: { register(name: string): Promise<Person> }) {
  const [alice, bob] = [await people.register('alice'), await people.register('bob')];
  const community = await alice.community();
  await alice.invite(community, bob);
  const general = await alice.general(community);
  return { alice, bob, general, path: `/c/${general.id}` };
}

test('two people write to each other, and the server sees only ciphertext', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, general, path } = await twoMembers(people);
  const [one, other] = [await browserOf(null), await browserOf(null)];
  await signInAt(one, alice, path);
  await signInAt(other, bob, path);
  await expect.poll(() => databases(other), PATIENCE).not.toEqual([]);
  await write(one, 'the launch code is heliotrope');
  await expect(shown(one, 'the launch code is heliotrope')).toBeVisible(PATIENCE);
  await expect(shown(other, 'the launch code is heliotrope')).toBeVisible(PATIENCE);
  await write(other, 'understood');
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

test('a second device reads the history with the recovery key', async ({ people, browserOf }) => {
  const { alice, path } = await twoMembers(people);
  const first = await browserOf(null);
  await signInAt(first, alice, path);
  await write(first, 'written on the first device');
  await expect(shown(first, 'written on the first device')).toBeVisible(PATIENCE);
  await first.getByRole('button', { name: 'Make a recovery key' }).click();
  const dialog = first.getByRole('dialog');
  await dialog.getByRole('button', { name: /^(Make|Create)/ }).click();
  const key = await dialog.getByLabel('Recovery key').innerText(PATIENCE);
  await dialog.getByLabel('I have saved it').check();
  await dialog.getByRole('button', { name: 'Done' }).click();

  const second = await browserOf(null);
  await signInAt(second, alice, path);
  await second.getByRole('button', { name: 'Unlock this device' }).first().click(PATIENCE);
  await second.getByRole('dialog').getByLabel('Recovery key').fill(key);
  await second.getByRole('dialog').getByRole('button', { name: 'Unlock' }).click();
  await expect(shown(second, 'written on the first device')).toBeVisible(PATIENCE);
  await write(second, 'and on the second');
  await expect(shown(first, 'and on the second')).toBeVisible(PATIENCE);
});

test('two tabs work with the same keys, and go on when one is closed', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const first = await browserOf(null);
  await signInAt(first, alice, path);
  await write(first, 'from the first tab');
  await expect(shown(first, 'from the first tab')).toBeVisible(PATIENCE);
  const second = await first.context().newPage();
  await second.goto(path);
  await expect(shown(second, 'from the first tab')).toBeVisible(PATIENCE);
  await write(second, 'from the second tab');
  await expect(shown(first, 'from the second tab')).toBeVisible(PATIENCE);
  await first.close();
  await write(second, 'from the tab that is left');
  await expect(shown(second, 'from the tab that is left')).toBeVisible(PATIENCE);
});

test('signing out removes the keys from the browser', async ({ people, browserOf }) => {
  const { alice, path } = await twoMembers(people);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  await write(page, 'hello');
  await expect(shown(page, 'hello')).toBeVisible(PATIENCE);
  expect(await databases(page)).not.toEqual([]);
  const sessions = await page.request.get('/api/auth/sessions');
  expect(sessions.ok()).toBe(true);
  await page.evaluate(() => fetch('/api/auth/logout', { method: 'POST' }));
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible(PATIENCE);
  await expect.poll(() => databases(page), PATIENCE).toEqual([]);
});
