/** The page on a phone: one pane at a time. */
import type { Page } from '@playwright/test';

import type { Channel, Community } from '../src/api/types';
import type { Person } from './support/people';
import { channelLink, heading, message, toast } from './support/screens';
import { expect, test } from './support/test';
import { expectNoSidewaysScroll, PHONE } from './support/widths';

let ada: Person;
let community: Community;
let general: Channel;
let alerts: Channel;

test.beforeEach(async ({ people }) => {
  ada = await people.register('ada');
  community = await ada.community();
  general = await ada.general(community);
  alerts = await ada.channel(community, 'alerts');
});

const drawer = (page: Page) => page.getByRole('dialog', { name: 'Communities and channels' });

async function openDrawer(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Show channels' }).tap();
  await expect(channelLink(page, 'general')).toBeVisible();
}

test('the drawer leads to a channel, and going back closes it', async ({ browserOf }) => {
  const page = await browserOf(ada, `/c/${general.id}`, PHONE);
  await expect(heading(page, 'general')).toBeVisible();
  await expect(channelLink(page, 'alerts')).toHaveCount(0);

  await openDrawer(page);
  await expectNoSidewaysScroll(page);
  await page.keyboard.press('Escape');
  await expect(drawer(page)).toBeHidden();

  await openDrawer(page);
  await page.goBack();
  await expect(drawer(page)).toBeHidden();
  await expect(heading(page, 'general')).toBeVisible();

  await openDrawer(page);
  await channelLink(page, 'alerts').tap();
  await expect(heading(page, 'alerts')).toBeVisible();
  await expect(drawer(page)).toBeHidden();
  await page.goBack();
  await expect(heading(page, 'general')).toBeVisible();
  await expect(drawer(page)).toBeHidden();

  await openDrawer(page);
  await page.touchscreen.tap(380, 400);
  await expect(drawer(page)).toBeHidden();
});

test('a webhook is made with a finger', async ({ browserOf, request }) => {
  const page = await browserOf(ada, `/c/${alerts.id}`, PHONE);
  await openDrawer(page);
  await page.getByRole('button', { name: 'Channel settings: alerts' }).tap();
  const card = page.getByRole('dialog', { name: 'Channel settings' });
  await card.getByRole('button', { name: 'Webhooks', exact: true }).tap();
  await card.getByLabel('Webhook name').fill('CI Pipeline');
  await card.getByRole('button', { name: 'Add', exact: true }).tap();
  const url = card.getByText(/^http.*\/api\/webhooks\/execute\/\S+$/);
  await expect(url).toBeInViewport();
  await expectNoSidewaysScroll(page);
  await card.getByRole('button', { name: 'Edit webhook CI Pipeline' }).tap();
  await card.getByRole('button', { name: 'Members', exact: true }).tap();
  await expectNoSidewaysScroll(page);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await card.getByRole('button', { name: 'Click to copy URL' }).tap();
  await expect(card.getByRole('button', { name: 'Copied' })).toBeVisible();
  await request.post((await url.textContent()) ?? '', { data: { content: 'From the pipeline' } });
  await card.getByRole('button', { name: 'Close', exact: true }).tap();
  await expect(message(page, 'From the pipeline')).toBeVisible();
});

test('nothing is wider than the screen, however long words and names are', async ({
  people,
  browserOf,
}) => {
  const long = 'W'.repeat(64);
  const webhook = await ada.webhook(alerts, long);
  await ada.api.patch('/api/channels/{channel_id}', {
    path: { channel_id: alerts.id },
    body: { topic: long },
  });
  await webhook.post(`${'word'.repeat(200)} https://example.com/${'path'.repeat(100)}`);
  await webhook.post(
    '```\n' + 'code '.repeat(100) + '\n```\n\n| a | b |\n|-|-|\n| ' + long + ' | c |',
  );
  await webhook.post(`@${ada.username} ${long}`);
  const page = await browserOf(ada, `/c/${alerts.id}`, PHONE);
  await expect(message(page, 'word')).toBeVisible();
  await expect(page.getByRole('log').getByText('Webhook · not E2EE')).toBeInViewport({ ratio: 1 });
  await expectNoSidewaysScroll(page);

  const screens = [
    '/settings/appearance',
    '/settings/notifications',
    '/settings/sessions',
    `/c/${general.id}`,
  ];
  for (const screen of screens) {
    await page.goto(screen);
    await expect(page.getByRole('button', { name: 'Show channels' })).toBeVisible();
    await expectNoSidewaysScroll(page);
  }
  await page.getByRole('button', { name: 'Members' }).tap();
  await expect(page.getByRole('dialog', { name: 'Members' })).toBeVisible();
  await expectNoSidewaysScroll(page);
  await page.goBack();
  await expect(page.getByRole('dialog', { name: 'Members' })).toBeHidden();

  await openDrawer(page);
  await page.getByRole('button', { name: /^Notifications/ }).tap();
  await expect(page.getByRole('heading', { name: 'Notifications' })).toBeVisible();
  await expectNoSidewaysScroll(page);
  await page.getByRole('button', { name: 'Close notifications' }).tap();

  await openDrawer(page);
  await page.getByRole('button', { name: community.name }).tap();
  await page.getByRole('menuitem', { name: 'Invite people' }).tap();
  await page.getByRole('button', { name: 'Create invite' }).tap();
  await expect(page.getByRole('button', { name: 'Copy link' })).toBeVisible();
  await expectNoSidewaysScroll(page);

  const bob = await people.register('bob');
  const entry = await browserOf(null, '/', PHONE);
  await expect(entry.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await expectNoSidewaysScroll(entry);
  const alone = await browserOf(bob, '/', PHONE);
  await expect(alone.getByRole('heading', { name: 'Create your first community' })).toBeVisible();
  await expectNoSidewaysScroll(alone);
});

test('a toast fits, and a tap on it leads to the message', async ({ browserOf }) => {
  const page = await browserOf(ada, `/c/${general.id}`, PHONE);
  await expect(heading(page, 'general')).toBeVisible();
  await (await ada.webhook(alerts)).post(`@${ada.username} look at db1`);
  await expect(toast(page)).toBeInViewport({ ratio: 1 });
  await expectNoSidewaysScroll(page);
  await toast(page).getByRole('link').tap();
  await expect(message(page, 'look at db1')).toBeVisible();
  await expect(heading(page, 'alerts')).toBeVisible();
});
