/** The settings card of a channel: its name, its members, its end. */
import type { Page } from '@playwright/test';

import type { Community } from '../src/api/types';
import type { Person } from './support/people';
import { channelLink, heading, openCard } from './support/screens';
import { expect, test } from './support/test';

let ada: Person;
let community: Community;
let page: Page;

test.beforeEach(async ({ people, browserOf }) => {
  ada = await people.register('ada');
  community = await ada.community();
  const alerts = await ada.channel(community, 'alerts');
  page = await browserOf(ada, `/c/${alerts.id}`);
  await expect(heading(page, 'alerts')).toBeVisible();
});

const card = () => page.getByRole('dialog', { name: 'Channel settings' });

test('the card opens by a right-click, by its icon and from the keyboard', async () => {
  const link = channelLink(page, 'general');
  await link.click({ button: 'right' });
  await expect(card()).toContainText('#general');
  await page.keyboard.press('Escape');
  await expect(card()).toBeHidden();

  await openCard(page, 'general');
  await expect(card()).toContainText('#general');
  await card().getByRole('button', { name: 'Close' }).click();
  await expect(card()).toBeHidden();

  await link.focus();
  await page.keyboard.press('Tab');
  const icon = page.getByRole('button', { name: 'Channel settings: general' });
  await expect(icon).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(card()).toContainText('#general');
  await page.keyboard.press('Escape');
  await expect(icon).toBeFocused();

  await link.focus();
  await page.keyboard.press('ContextMenu');
  await expect(card()).toContainText('#general');
});

test('the icon keeps its place while it is out of sight', async () => {
  const icon = page.getByRole('button', { name: 'Channel settings: general' });
  const before = await icon.boundingBox();
  expect(before?.width).toBeGreaterThanOrEqual(24);
  await channelLink(page, 'general').hover();
  expect(await icon.boundingBox()).toEqual(before);
});

test('renaming a channel and giving it a topic shows everywhere', async () => {
  await openCard(page, 'alerts');
  await card().getByLabel('Channel name').fill('incidents');
  await card().getByLabel('Topic').fill('What is broken just now');
  await card().getByRole('button', { name: 'Save' }).click();
  await expect(card().getByText('Saved')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(heading(page, 'incidents')).toBeVisible();
  await expect(page.getByText('What is broken just now')).toBeVisible();
  await expect(channelLink(page, 'incidents')).toBeVisible();
  await expect(page).toHaveTitle('#incidents · Chatalot');
});

test('a name that is refused is said beside the field, and stays', async () => {
  await openCard(page, 'alerts');
  const name = card().getByLabel('Channel name');
  for (const refused of ['', 'a'.repeat(200)]) {
    await name.fill(refused);
    await card().getByRole('button', { name: 'Save' }).click();
    await expect(name).toHaveAttribute('aria-invalid', 'true');
    await expect(name).toHaveValue(refused);
  }
  await name.fill('incidents');
  await card().getByRole('button', { name: 'Save' }).click();
  await expect(card().getByText('Saved')).toBeVisible();
  await expect(name).not.toHaveAttribute('aria-invalid');
});

test('admins add and remove people', async ({ people, browserOf }) => {
  const bob = await people.register('bob');
  await ada.invite(community, bob);
  const secret = await ada.api.post('/api/communities/{community_id}/channels', {
    path: { community_id: community.id },
    body: { name: 'secret', private: true },
  });
  const other = await browserOf(bob);
  await expect(channelLink(other, 'general')).toBeVisible();
  await expect(channelLink(other, 'secret')).toBeHidden();

  await page.goto(`/c/${secret.id}`);
  await openCard(page, 'secret');
  await card().getByRole('button', { name: 'Members', exact: true }).click();
  await card().getByLabel('Add people').fill('bo');
  await card().getByRole('button', { name: 'Add bob' }).click();
  const members = card().getByRole('list', { name: 'Members of the channel' });
  await expect(members.getByRole('listitem')).toHaveCount(2);
  await expect(card().getByLabel('Add people')).toBeHidden();
  await channelLink(other, 'secret').click();
  await expect(heading(other, 'secret')).toBeVisible();

  await members.getByRole('button', { name: 'Remove bob' }).click();
  const asking = page.getByRole('alertdialog', { name: 'Remove bob from #secret?' });
  await asking.getByRole('button', { name: 'Remove' }).click();
  await expect(members.getByRole('listitem')).toHaveCount(1);
  await expect(channelLink(other, 'secret')).toBeHidden();
  await expect(other.getByText('#secret is gone, or you are not in it any more.')).toBeVisible();
});

test('deleting a channel asks first, and leads to another', async () => {
  await openCard(page, 'alerts');
  await card().getByRole('button', { name: 'Delete channel' }).click();
  const asking = page.getByRole('alertdialog', { name: 'Delete #alerts?' });
  await asking.getByRole('button', { name: 'Cancel' }).click();
  await expect(asking).toBeHidden();
  await expect(card()).toBeVisible();
  await card().getByRole('button', { name: 'Delete channel' }).click();
  await asking.getByRole('button', { name: 'Delete' }).click();
  await expect(card()).toBeHidden();
  await expect(channelLink(page, 'alerts')).toBeHidden();
  await expect(heading(page, 'general')).toBeVisible();
});

test('regular members read the card, change nothing and see no webhooks', async ({
  people,
  browserOf,
}) => {
  const bob = await people.register('bob');
  await ada.invite(community, bob);
  const other = await browserOf(bob);
  await openCard(other, 'general');
  const theirs = other.getByRole('dialog', { name: 'Channel settings' });
  await expect(theirs.getByRole('button', { name: 'General', exact: true })).toBeVisible();
  await expect(theirs.getByRole('button', { name: 'Webhooks' })).toHaveCount(0);
  await expect(theirs.getByRole('textbox')).toHaveCount(0);
  await expect(theirs.getByRole('button', { name: 'Delete channel' })).toHaveCount(0);
  await theirs.getByRole('button', { name: 'Members', exact: true }).click();
  await expect(theirs.getByRole('listitem')).toHaveCount(2);
  await expect(theirs.getByRole('button', { name: /^Remove/ })).toHaveCount(0);
});

test('leaving a channel moves it to those that can be joined again', async () => {
  await openCard(page, 'alerts');
  await card().getByRole('button', { name: 'Leave channel' }).click();
  await page
    .getByRole('alertdialog', { name: 'Leave #alerts?' })
    .getByRole('button', { name: 'Leave' })
    .click();
  await expect(card()).toBeHidden();
  await expect(channelLink(page, 'alerts')).toBeHidden();
  await page.getByRole('button', { name: 'Browse channels (1)' }).click();
  await channelLink(page, 'alerts').click();
  await page.getByRole('button', { name: 'Join #alerts' }).click();
  await expect(page.getByRole('heading', { name: 'Let something post to #alerts' })).toBeVisible();
});
