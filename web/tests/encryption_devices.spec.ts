/** Devices that encrypt, and how people find out whose they are. */
import type { Page } from '@playwright/test';

import {
  canBeWrittenTo,
  databases,
  makeRecoveryKey,
  PATIENCE,
  saveRecoveryKey,
  say,
  shown,
  signInAt,
  startOver,
  twoMembers,
  write,
} from './support/encryption';
import { messages } from './support/screens';
import { expect, test } from './support/test';

test.setTimeout(150_000);

test('a second device reads the history with the recovery key', async ({ people, browserOf }) => {
  const { alice, path } = await twoMembers(people);
  const first = await browserOf(null);
  await signInAt(first, alice, path);
  await say(first, 'written on the first device');
  const key = await makeRecoveryKey(first);

  const second = await browserOf(null);
  await signInAt(second, alice, path);
  await second.getByRole('button', { name: 'Unlock this device' }).first().click(PATIENCE);
  const dialog = second.getByRole('dialog', { name: 'Unlock this device' });
  await dialog.getByLabel('Recovery key').fill('EsT1 nonsense');
  await dialog.getByRole('button', { name: 'Unlock', exact: true }).click();
  await expect(dialog.getByLabel('Recovery key')).toHaveAccessibleDescription(
    /not a recovery key/,
    PATIENCE,
  );
  await dialog.getByLabel('Recovery key').fill(key);
  await dialog.getByRole('button', { name: 'Unlock', exact: true }).click();
  await expect(shown(second, 'written on the first device')).toBeVisible(PATIENCE);
  await say(second, 'and on the second');
  await expect(shown(first, 'and on the second')).toBeVisible(PATIENCE);
});

test('a second device reads the history once it was verified by comparing emoji with the first', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const first = await browserOf(null);
  await signInAt(first, alice, path);
  await say(first, 'written on the first device');

  const second = await browserOf(null);
  await signInAt(second, alice, path);
  await second.getByRole('button', { name: 'Unlock this device' }).first().click(PATIENCE);
  await second.getByRole('button', { name: 'Verify with another device' }).click();
  await expect(first.getByText('Another device of yours wants to be verified.')).toBeVisible(
    PATIENCE,
  );
  await first.getByRole('button', { name: 'Compare emoji' }).click();
  await compareEmoji(first, second, 'Verify your device');
  await expect(shown(second, 'written on the first device')).toBeVisible({ timeout: 60_000 });
  await say(second, 'and on the second');
  await expect(shown(first, 'and on the second')).toBeVisible(PATIENCE);
});

test('a backup that was deleted is missed, and another one is begun with all keys', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const first = await browserOf(null);
  await signInAt(first, alice, path);
  await say(first, 'in the first backup');
  await makeRecoveryKey(first);
  const { version } = JSON.parse(
    await alice.api.exchange('GET', '/api/e2ee/room_keys/version'),
  ) as { version: string };
  await alice.api.exchange('DELETE', `/api/e2ee/room_keys/version/${version}`);
  await first.reload();
  await expect(first.getByText('The backup of your keys is gone.')).toBeVisible(PATIENCE);
  await first.getByRole('button', { name: 'Back up again' }).click();
  const dialog = first.getByRole('dialog', { name: 'Back up your keys again' });
  await dialog.getByRole('button', { name: 'I have no newer key: make one' }).click();
  await first.getByRole('dialog').getByRole('button', { name: 'Make a recovery key' }).click();
  const key = await saveRecoveryKey(first);
  await expect(first.getByText('The backup of your keys is gone.')).toBeHidden();

  const second = await browserOf(null);
  await signInAt(second, alice, path);
  await second.getByRole('button', { name: 'Unlock this device' }).first().click(PATIENCE);
  const unlocking = second.getByRole('dialog', { name: 'Unlock this device' });
  await unlocking.getByLabel('Recovery key').fill(key);
  await unlocking.getByRole('button', { name: 'Unlock', exact: true }).click();
  await expect(shown(second, 'in the first backup')).toBeVisible({ timeout: 60_000 });
});

test('two people verify each other by comparing emoji, and see when they differ', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const [one, other] = [await browserOf(null), await browserOf(null)];
  await signInAt(one, alice, path);
  await signInAt(other, bob, path);
  await Promise.all([canBeWrittenTo(alice), canBeWrittenTo(bob)]);
  await askToVerifyBob(one, other);
  const [mine, theirs] = [verification(one, 'Verify bob'), verification(other, 'Verify alice')];
  await mine.getByRole('button', { name: 'They do not match' }).click(PATIENCE);
  await expect(theirs.getByRole('button', { name: 'Try again' })).toBeVisible(PATIENCE);
  await theirs.getByRole('button', { name: 'Close' }).first().click();
  await mine.getByRole('button', { name: 'Close' }).first().click();
  await expect(theirs).toBeHidden();

  await askToVerifyBob(one, other);
  await compareEmoji(one, other, 'Verify bob', 'Verify alice');
});

test('everybody sees that an identity changed, and nothing is written to it unseen', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const [one, lost] = [await browserOf(null), await browserOf(null)];
  await signInAt(one, alice, path);
  await signInAt(lost, bob, path);
  await canBeWrittenTo(bob);
  await say(one, 'to the bob I know');
  await expect(shown(lost, 'to the bob I know')).toBeVisible(PATIENCE);

  // Bob has lost his only device, and no recovery key was made.
  await lost.context().close();
  const anew = await browserOf(null);
  await signInAt(anew, bob, path);
  await startOver(anew);

  const warning = one.getByRole('alert').filter({ hasText: 'bob’s identity changed.' });
  await expect(warning).toBeVisible(PATIENCE);
  await write(one, 'are you bob?');
  await expect(messages(one).getByText(/^Not sent\./)).toBeVisible(PATIENCE);
  await warning.getByRole('button', { name: 'Go on without' }).click();
  await expect(warning).toBeHidden(PATIENCE);
  await expect(shown(one, 'are you bob?')).toBeVisible(PATIENCE);
  await expect(shown(anew, 'are you bob?')).toBeVisible(PATIENCE);
});

test('what the backup opened of somebody verified stays open when their identity changes', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const [first, lost] = [await browserOf(null), await browserOf(null)];
  await signInAt(first, alice, path);
  await signInAt(lost, bob, path);
  await Promise.all([canBeWrittenTo(alice), canBeWrittenTo(bob)]);
  await say(lost, 'from the bob you know');
  await expect(shown(first, 'from the bob you know')).toBeVisible(PATIENCE);
  const key = await makeRecoveryKey(first);
  await askToVerifyBob(first, lost);
  await compareEmoji(first, lost, 'Verify bob', 'Verify alice');

  const second = await browserOf(null);
  await signInAt(second, alice, path);
  await second.getByRole('button', { name: 'Unlock this device' }).first().click(PATIENCE);
  const dialog = second.getByRole('dialog', { name: 'Unlock this device' });
  await dialog.getByLabel('Recovery key').fill(key);
  await dialog.getByRole('button', { name: 'Unlock', exact: true }).click();
  await expect(shown(second, 'from the bob you know')).toBeVisible(PATIENCE);

  await lost.context().close();
  const anew = await browserOf(null);
  await signInAt(anew, bob, path);
  await startOver(anew);
  const warning = second.getByRole('alert').filter({ hasText: 'bob’s identity changed.' });
  await expect(warning).toBeVisible(PATIENCE);
  await warning.getByRole('button', { name: 'Go on without' }).click();
  await expect(warning).toBeHidden(PATIENCE);
  await expect(shown(second, 'from the bob you know')).toBeVisible();
});

test('a device that was unlocked says that its user’s identity was replaced elsewhere', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const [first, second] = [await browserOf(null), await browserOf(null)];
  await signInAt(first, alice, path);
  await say(first, 'written on the first device');
  await signInAt(second, alice, path);
  const key = await startOver(second);
  const warning = first.getByRole('alert').filter({ hasText: 'Your own identity changed.' });
  await expect(warning).toBeVisible(PATIENCE);
  await expect(second.getByRole('alert').filter({ hasText: 'identity changed' })).toBeHidden();
  await warning.getByRole('button', { name: 'Look at your sessions' }).click();
  await expect(first).toHaveURL(/settings\/sessions$/);
  await first.goto(path);
  await warning.getByRole('button', { name: 'Unlock this device' }).click(PATIENCE);
  const dialog = first.getByRole('dialog', { name: 'Unlock this device' });
  await dialog.getByLabel('Recovery key').fill(key);
  await dialog.getByRole('button', { name: 'Unlock', exact: true }).click();
  await expect(warning).toBeHidden(PATIENCE);
  await say(first, 'here again');
  await expect(shown(second, 'here again')).toBeVisible(PATIENCE);
});

test('two tabs work with the same keys, and go on when one is closed', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const first = await browserOf(null);
  await signInAt(first, alice, path);
  await say(first, 'from the first tab');
  const second = await first.context().newPage();
  await second.goto(path);
  await expect(shown(second, 'from the first tab')).toBeVisible(PATIENCE);
  await say(second, 'from the second tab');
  await expect(shown(first, 'from the second tab')).toBeVisible(PATIENCE);
  await first.close();
  await say(second, 'from the tab that is left');
});

test('signing out removes the keys, the drafts and what was not sent from the browser', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  await say(page, 'hello');
  expect(await databases(page)).not.toEqual([]);
  await page.getByRole('textbox', { name: /^Message #/ }).fill('a draft');
  await page.goto('/settings/sessions');
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible(PATIENCE);
  await expect.poll(() => databases(page), PATIENCE).toEqual([]);
  const kept = await page.evaluate(() =>
    Object.keys(localStorage).filter((key) => /draft|unsent|members/.test(key)),
  );
  expect(kept).toEqual([]);
});

function verification(page: Page, title: string) {
  return page.getByRole('dialog', { name: title });
}

/** Alice asks Bob to compare emoji, and he agrees. */
async function askToVerifyBob(alice: Page, bob: Page) {
  await alice.getByRole('button', { name: 'Actions for bob' }).click();
  await alice.getByRole('menuitem', { name: 'Verify' }).click();
  await expect(bob.getByText('alice wants to verify you.')).toBeVisible(PATIENCE);
  await bob.getByRole('button', { name: 'Compare emoji' }).click();
}

/** Finds the same emoji on both screens, and says so on both. */
async function compareEmoji(one: Page, other: Page, title: string, otherTitle = title) {
  const dialogs = [verification(one, title), verification(other, otherTitle)] as const;
  const seen: string[][] = [];
  for (const dialog of dialogs) {
    const emoji = dialog.getByRole('list', { name: 'Emoji to compare' }).getByRole('listitem');
    await expect(emoji).toHaveCount(7, PATIENCE);
    seen.push(await emoji.allInnerTexts());
  }
  expect(seen[0]).toEqual(seen[1]);
  for (const dialog of dialogs) await dialog.getByRole('button', { name: 'They match' }).click();
  for (const dialog of dialogs) {
    await expect(dialog.getByText('Verified.')).toBeVisible(PATIENCE);
    await dialog.getByRole('button', { name: 'Done' }).click();
    await expect(dialog).toBeHidden();
  }
}
