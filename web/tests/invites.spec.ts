/** The ways into a community. */
import type { Page } from '@playwright/test';

import type { Community } from '../src/api/types';
import { PASSWORD, unique, type Person } from './support/people';
import { heading, openCommunitySettings } from './support/screens';
import { expect, test } from './support/test';

let ada: Person;
let community: Community;

test.beforeEach(async ({ people }) => {
  ada = await people.register('ada');
  community = await ada.community();
});

async function inviteOf(uses: number): Promise<string> {
  const invite = await ada.api.post('/api/communities/{community_id}/invites', {
    path: { community_id: community.id },
    body: { max_uses: uses },
  });
  return `/invite/${invite.code}`;
}

async function register(page: Page, username: string): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
}

test('an invite leads a newcomer from the registration into the community, once', async ({
  browserOf,
}) => {
  const hers = await browserOf(ada);
  await hers.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const settings = await openCommunitySettings(hers, community.name, 'Invites');
  await expect(settings.getByText('No invite works at present.')).toBeVisible();
  await settings.getByLabel('Can be used').selectOption('1 use');
  await settings.getByRole('button', { name: 'Create invite' }).click();
  const invite = settings.getByRole('list', { name: 'Invites' }).getByRole('listitem');
  await expect(invite).toContainText('used 0 of 1 time');
  await invite.getByRole('button', { name: 'Copy link' }).click();
  await expect(invite.getByRole('button', { name: 'Copied' })).toBeVisible();
  const link = await hers.evaluate(() => navigator.clipboard.readText());
  expect(link).toMatch(/\/invite\/\w+/);

  const newcomer = await browserOf(null, link);
  await expect(newcomer.getByRole('heading', { name: `Join ${community.name}` })).toBeVisible();
  await register(newcomer, unique('bob'));
  await expect(heading(newcomer, 'general')).toBeVisible();
  await expect(newcomer.getByRole('button', { name: community.name })).toBeVisible();
  await expect(newcomer).toHaveURL(/\/c\//);

  const late = await browserOf(null, link);
  await expect(
    late.getByRole('heading', { name: 'This invite does not work any more' }),
  ).toBeVisible();
  await late.getByRole('button', { name: 'Sign in' }).click();
  await expect(late.getByRole('heading', { name: 'Sign in' })).toBeVisible();
});

test('an invite that is used up while one registers says so and loses nothing', async ({
  people,
  browserOf,
}) => {
  const invite = await inviteOf(1);
  const page = await browserOf(null, invite);
  await expect(page.getByRole('heading', { name: `Join ${community.name}` })).toBeVisible();
  await people.register('faster', invite.split('/').at(-1));
  const username = unique('slower');
  await register(page, username);
  await expect(page.getByRole('alert')).toContainText(/invite/i);
  await expect(page.getByLabel('Username')).toHaveValue(username);
});

test('somebody with an account comes in by signing in', async ({ people, browserOf }) => {
  const bob = await people.register('bob');
  const page = await browserOf(null, await inviteOf(1));
  await page.getByRole('button', { name: 'Sign in instead' }).click();
  await page.getByLabel('Username').fill(bob.username);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(heading(page, 'general')).toBeVisible();
  await expect(page.getByRole('button', { name: community.name })).toBeVisible();
});

test('somebody who is signed in joins by one click', async ({ people, browserOf }) => {
  const bob = await people.register('bob');
  const invite = await inviteOf(5);
  const page = await browserOf(bob, invite);
  await page.getByRole('button', { name: `Join ${community.name}` }).click();
  await expect(heading(page, 'general')).toBeVisible();
  await page.goto(invite);
  await expect(page.getByText('You are in this community already.')).toBeVisible();
  await page.getByRole('button', { name: `Open ${community.name}` }).click();
  await expect(heading(page, 'general')).toBeVisible();
});

test('an invite that is revoked ends at once', async ({ browserOf }) => {
  const invite = await inviteOf(5);
  const hers = await browserOf(ada);
  const settings = await openCommunitySettings(hers, community.name, 'Invites');
  await settings.getByRole('button', { name: /^Revoke invite/ }).click();
  await hers
    .getByRole('alertdialog', { name: 'Revoke this invite?' })
    .getByRole('button', { name: 'Revoke' })
    .click();
  await expect(settings.getByText('No invite works at present.')).toBeVisible();
  const late = await browserOf(null, invite);
  await expect(
    late.getByRole('heading', { name: 'This invite does not work any more' }),
  ).toBeVisible();
});

test('who is in no community can paste the link of an invite', async ({ people, browserOf }) => {
  const bob = await people.register('bob');
  const invite = await inviteOf(1);
  const page = await browserOf(bob);
  await page.getByLabel('Invite link').fill('nonsense, not a link');
  await page.getByRole('button', { name: 'Open invite' }).click();
  await expect(page.getByText('This is not the link of an invite.')).toBeVisible();
  await page.getByLabel('Invite link').fill(new URL(invite, page.url()).href);
  await page.getByRole('button', { name: 'Open invite' }).click();
  await page.getByRole('button', { name: `Join ${community.name}` }).click();
  await expect(heading(page, 'general')).toBeVisible();
});
