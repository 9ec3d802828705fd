/** People at once in browsers of their own: what one does, the other sees. */
import type { Page } from '@playwright/test';

import type { Channel, Community } from '../src/api/types';
import type { Person } from './support/people';
import { channelLink, heading, message, openCommunitySettings, toast } from './support/screens';
import { expect, test } from './support/test';

let ada: Person;
let bob: Person;
let community: Community;
let general: Channel;

test.beforeEach(async ({ people }) => {
  [ada, bob] = await Promise.all([people.register('ada'), people.register('bob')]);
  community = await ada.community();
  general = await ada.general(community);
  await ada.invite(community, bob);
});

test('both see a message at once, and only whom it mentions is alerted', async ({ browserOf }) => {
  const alerts = await ada.channel(community, 'alerts');
  const webhook = await ada.webhook(general);
  const hers = await browserOf(ada, `/c/${alerts.id}`);
  const his = await browserOf(bob, `/c/${general.id}`);
  await expect(heading(hers, 'alerts')).toBeVisible();
  await webhook.post(`@${ada.username} look at db1`);
  await expect(message(his, 'look at db1')).toBeVisible();
  await expect(toast(hers)).toContainText('look at db1');
  await expect(channelLink(hers, 'general')).toHaveAccessibleDescription(/1 unread mention/);
  await expect(toast(his)).toHaveCount(0);
  await expect(his.getByRole('button', { name: 'Notifications', exact: true })).toBeVisible();
  // Her own name stands out for her alone.
  await channelLink(hers, 'general').click();
  const background = (page: Page) =>
    message(page, 'look at db1').evaluate((found) => getComputedStyle(found).backgroundColor);
  await expect(message(hers, 'look at db1')).toBeVisible();
  expect(await background(hers)).not.toBe(await background(his));
});

test('who is removed from a community loses its channels at once', async ({ browserOf }) => {
  const webhook = await ada.webhook(general);
  await webhook.post('For members only');
  const hers = await browserOf(ada, `/c/${general.id}`);
  const his = await browserOf(bob, `/c/${general.id}`);
  await expect(message(his, 'For members only')).toBeVisible();

  const settings = await openCommunitySettings(hers, community.name, 'Members');
  await settings.getByRole('button', { name: 'Manage bob' }).click();
  await hers.getByRole('menuitem', { name: 'Remove from community…' }).click();
  await hers
    .getByRole('alertdialog', { name: `Remove bob from ${community.name}?` })
    .getByRole('button', { name: 'Remove' })
    .click();
  await expect(settings.getByText('bob', { exact: true })).toHaveCount(0);

  await expect(his.getByRole('heading', { name: 'Create your first community' })).toBeVisible();
  await expect(his.getByText('For members only')).toHaveCount(0);
  await his.goto(`/c/${general.id}`);
  await expect(his.getByRole('heading', { name: 'Create your first community' })).toBeVisible();
  await expect(his.getByText('For members only')).toHaveCount(0);
});

test('a role decides what somebody is shown, from the moment it is given', async ({
  browserOf,
}) => {
  const hers = await browserOf(ada, `/c/${general.id}`);
  const his = await browserOf(bob, `/c/${general.id}`);
  await expect(heading(his, 'general')).toBeVisible();
  await expect(his.getByRole('button', { name: 'Create channel' })).toHaveCount(0);

  const settings = await openCommunitySettings(hers, community.name, 'Members');
  const manage = async (entry: string) => {
    await settings.getByRole('button', { name: 'Manage bob' }).click();
    await hers.getByRole('menuitem', { name: entry }).click();
  };
  await manage('Make an admin');
  await expect(his.getByRole('button', { name: 'Create channel' })).toBeVisible();
  await his.getByRole('button', { name: 'Channel settings: general' }).click();
  const card = his.getByRole('dialog', { name: 'Channel settings' });
  const webhooks = card.getByRole('button', { name: 'Webhooks', exact: true });
  await expect(webhooks).toBeVisible();

  await manage('Make a member');
  await expect(webhooks).toHaveCount(0);
  await expect(card.getByRole('button', { name: 'Delete channel' })).toHaveCount(0);
});

test('the owner hands the community over', async ({ browserOf }) => {
  const hers = await browserOf(ada, `/c/${general.id}`);
  const settings = await openCommunitySettings(hers, community.name, 'Members');
  await settings.getByRole('button', { name: 'Manage bob' }).click();
  await hers.getByRole('menuitem', { name: 'Hand the community over…' }).click();
  await hers
    .getByRole('alertdialog', { name: `Hand ${community.name} over to bob?` })
    .getByRole('button', { name: 'Hand over' })
    .click();
  const members = settings.getByRole('list', { name: 'Members of the community' });
  await expect(members.getByRole('listitem').filter({ hasText: 'bob' })).toContainText('owner');
  await expect(members.getByRole('listitem').filter({ hasText: 'ada' })).toContainText('admin');
  await expect(settings.getByRole('button', { name: 'Leave', exact: true })).toBeVisible();
});

test('what is read on one device is read on the other', async ({ browserOf }) => {
  const alerts = await ada.channel(community, 'alerts');
  const webhook = await ada.webhook(alerts);
  const desk = await browserOf(ada, `/c/${general.id}`);
  const phone = await browserOf(ada, `/c/${general.id}`);
  await Promise.all([desk, phone].map((page) => expect(heading(page, 'general')).toBeVisible()));
  await webhook.post(`@${ada.username} look at db1`);
  for (const page of [desk, phone]) {
    await expect(channelLink(page, 'alerts')).toHaveAccessibleDescription(
      '1 unread mention, 1 unread message',
    );
    await expect(toast(page)).toBeVisible();
  }
  await channelLink(desk, 'alerts').click();
  await expect(message(desk, 'look at db1')).toBeVisible();
  for (const page of [desk, phone]) {
    await expect(channelLink(page, 'alerts')).not.toHaveAccessibleDescription(/unread/);
    await expect(page.getByRole('button', { name: 'Notifications', exact: true })).toBeVisible();
    await expect(page).not.toHaveTitle(/^\(/);
  }
  await expect(toast(phone)).toHaveCount(0);
});

test('a message that is deleted goes for everybody', async ({ browserOf }) => {
  const webhook = await ada.webhook(general);
  await webhook.post('The password is hunter2');
  const hers = await browserOf(ada, `/c/${general.id}`);
  const his = await browserOf(bob, `/c/${general.id}`);
  await expect(message(his, 'hunter2')).toBeVisible();
  await message(his, 'hunter2').hover();
  await his.getByRole('button', { name: 'Message actions' }).click();
  await expect(his.getByRole('menuitem', { name: 'Copy link' })).toBeVisible();
  await expect(his.getByRole('menuitem', { name: 'Delete message' })).toHaveCount(0);
  await his.keyboard.press('Escape');

  await message(hers, 'hunter2').hover();
  await hers.getByRole('button', { name: 'Message actions' }).click();
  await hers.getByRole('menuitem', { name: 'Delete message' }).click();
  await hers
    .getByRole('alertdialog', { name: 'Delete this message?' })
    .getByRole('button', { name: 'Delete' })
    .click();
  for (const page of [hers, his]) {
    await expect(message(page, 'Message deleted')).toBeVisible();
    await expect(page.getByText('hunter2')).toHaveCount(0);
  }
});

test('a channel that is made, renamed and deleted changes for the other too', async ({
  browserOf,
}) => {
  const his = await browserOf(bob, `/c/${general.id}`);
  await expect(heading(his, 'general')).toBeVisible();
  const alerts = await ada.channel(community, 'alerts');
  const path = { channel_id: alerts.id };
  await his.getByRole('button', { name: 'Browse channels (1)' }).click();
  await expect(channelLink(his, 'alerts')).toBeVisible();
  await ada.api.patch('/api/channels/{channel_id}', { path, body: { name: 'incidents' } });
  await expect(channelLink(his, 'incidents')).toBeVisible();
  await ada.api.delete('/api/channels/{channel_id}', { path });
  await expect(channelLink(his, 'incidents')).toHaveCount(0);
});
