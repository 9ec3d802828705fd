/** What the tests of encryption come back to. */
import type { Locator, Page } from '@playwright/test';

import type { Channel, Community } from '../../src/api/types';
import { type People, PASSWORD, type Person } from './people';
import { messages } from './screens';
import { expect } from './test';

/** Opening encryption for the first time fetches and starts it, on a machine that does much else. */
export const PATIENCE = { timeout: 20_000 };

/** Two members of one channel. */
export interface Pair {
  alice: Person;
  bob: Person;
  community: Community;
  general: Channel;
  /** Where the channel is. */
  path: string;
}

export async function twoMembers(people: People): Promise<Pair> {
  const [alice, bob] = [await people.register('alice'), await people.register('bob')];
  const community = await alice.community();
  await alice.invite(community, bob);
  const general = await alice.general(community);
  return { alice, bob, community, general, path: `/c/${general.id}` };
}

/** Signs in as people do, at the channel: then the password is at hand for making an identity. */
export async function signInAt(page: Page, person: Person, path: string): Promise<void> {
  await signIn(page, person, path);
  await expect(page.getByRole('navigation', { name: 'Channels' })).toBeVisible();
}

/** The same where the channels are behind a button. */
export async function signIn(page: Page, person: Person, path: string): Promise<void> {
  await page.goto(path);
  await page.getByLabel('Username').fill(person.username);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Waits until others can encrypt for so many devices of somebody. */
export async function canBeWrittenTo(person: Person, devices = 1): Promise<void> {
  const { user_id } = JSON.parse(await person.api.exchange('GET', '/api/e2ee/whoami')) as {
    user_id: string;
  };
  const query = JSON.stringify({ device_keys: { [user_id]: [] } });
  const vouchedFor = async () => {
    const answer = await person.api.exchange('POST', '/api/e2ee/keys/query', query);
    const { device_keys } = JSON.parse(answer) as {
      device_keys: Record<string, Record<string, { signatures: Record<string, object> }>>;
    };
    // One signature is the device's own, the other that of its owner's identity.
    return Object.values(device_keys[user_id] ?? {}).filter(
      ({ signatures }) => Object.keys(signatures[user_id] ?? {}).length > 1,
    ).length;
  };
  await expect.poll(vouchedFor, PATIENCE).toBe(devices);
}

export function field(page: Page): Locator {
  return page.getByRole('textbox', { name: /^Message #/ });
}

export async function write(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press('Enter');
}

/** The text of a message that is in its channel. */
export function shown(page: Page, text: string): Locator {
  return messages(page).locator('article[data-seq]').getByText(text, { exact: true });
}

/** Writes a message, and waits until it is in the channel. */
export async function say(page: Page, text: string): Promise<void> {
  await write(page, text);
  await expect(shown(page, text)).toBeVisible(PATIENCE);
}

/** Makes a recovery key on a device that reads and writes, and answers it. */
export async function makeRecoveryKey(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Make a recovery key' }).click(PATIENCE);
  await page.getByRole('dialog').getByRole('button', { name: 'Make a recovery key' }).click();
  return saveRecoveryKey(page);
}

/** Notes the recovery key that is being shown, and answers it. */
export async function saveRecoveryKey(page: Page): Promise<string> {
  const dialog = page.getByRole('dialog', { name: 'Your recovery key' });
  const key = (await dialog.getByLabel('Recovery key').innerText(PATIENCE)).trim();
  await dialog.getByLabel('I have saved it').check();
  await dialog.getByRole('button', { name: 'Done' }).click();
  await expect(dialog).toBeHidden();
  return key;
}

/** Replaces the identity of somebody on a device that is new to it; answers its recovery key. */
export async function startOver(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Unlock this device' }).first().click(PATIENCE);
  await page.getByRole('button', { name: 'I have neither' }).click();
  const dialog = page.getByRole('dialog', { name: 'Start over' });
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Start over' }).click();
  const made = page.getByRole('dialog', { name: 'Your recovery key' });
  const key = (await made.getByLabel('Recovery key').innerText(PATIENCE)).trim();
  await made.getByLabel('I have saved it').check();
  await made.getByRole('button', { name: 'Done' }).click();
  return key;
}

/** The names of the databases of encryption that a browser has. */
export function databases(page: Page): Promise<string[]> {
  return page.evaluate(async () =>
    (await indexedDB.databases())
      .map(({ name }) => name ?? '')
      .filter((name) => name.startsWith('chatalot-encryption')),
  );
}
