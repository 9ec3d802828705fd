/** Mentions: the toast, the inbox, and what counts as read. */
import type { Channel, Community } from '../src/api/types';
import type { Person, Webhook } from './support/people';
import { channelLink, heading, message, toast } from './support/screens';
import { expect, test } from './support/test';

let ada: Person;
let community: Community;
let general: Channel;
let alerts: Channel;
let webhook: Webhook;

test.beforeEach(async ({ people }) => {
  ada = await people.register('ada');
  community = await ada.community();
  general = await ada.general(community);
  alerts = await ada.channel(community, 'alerts');
  webhook = await ada.webhook(alerts);
});

test('the inbox lists what came while one was away, and leads to the messages', async ({
  browserOf,
}) => {
  await webhook.post(`@${ada.username} the first`);
  await webhook.post('Nobody is meant');
  await webhook.post(`@${ada.username} the **second**`);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(page).toHaveTitle(/^\(2\) /);
  const bell = page.getByRole('button', { name: 'Notifications, 2 unread' });
  await bell.click();
  await expect(page.getByRole('heading', { name: 'Notifications' })).toBeVisible();
  const inbox = page.getByRole('list', { name: 'Notifications' }).getByRole('listitem');
  await expect(inbox).toHaveCount(2);
  await expect(inbox.first()).toContainText('the second');
  await expect(inbox.first()).toContainText('in #alerts');

  // That the list was seen does not make its messages read.
  await page.keyboard.press('Escape');
  await expect(page.getByRole('heading', { name: 'Notifications' })).toBeHidden();
  await expect(bell).toBeFocused();
  await bell.click();
  await inbox.nth(1).getByRole('link').click();
  await expect(message(page, 'the first')).toBeFocused();
  await expect(page).toHaveURL(`/c/${alerts.id}/1`);
  await expect(page).toHaveTitle('#alerts · Chatalot');
  await expect(page.getByRole('button', { name: 'Notifications', exact: true })).toBeVisible();
});

test('one and all are marked as read without being opened', async ({ browserOf }) => {
  for (const text of ['first', 'second', 'third']) await webhook.post(`@${ada.username} ${text}`);
  const page = await browserOf(ada, `/c/${general.id}`);
  await page.getByRole('button', { name: 'Notifications, 3 unread' }).click();
  await page.getByRole('button', { name: 'Mark as read' }).first().click();
  await expect(page.getByRole('button', { name: 'Notifications, 2 unread' })).toBeVisible();
  await page.getByRole('button', { name: 'Mark all as read' }).click();
  await expect(page.getByRole('button', { name: 'Notifications', exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Mark all as read' })).toHaveCount(0);
  await expect(page).toHaveTitle('#general · Chatalot');
  await expect(channelLink(page, 'alerts')).toHaveAccessibleDescription('3 unread messages');
  await page.reload();
  await expect(page.getByRole('button', { name: 'Notifications', exact: true })).toBeVisible();
});

test('an empty inbox says what will be in it', async ({ browserOf }) => {
  const page = await browserOf(ada, `/c/${general.id}`);
  await page.getByRole('button', { name: 'Notifications' }).click();
  await expect(page.getByText('You are all caught up')).toBeVisible();
  await page.getByRole('link', { name: 'Choose how you are notified' }).click();
  await expect(page.getByRole('switch', { name: 'Notify me on this device' })).toBeVisible();
});

test('a toast is dismissed, and its mention stays unread', async ({ browserOf }) => {
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(heading(page, 'general')).toBeVisible();
  await webhook.post(`@${ada.username} look at db1`);
  await toast(page).getByRole('button', { name: 'Dismiss' }).click();
  await expect(toast(page)).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Notifications, 1 unread' })).toBeVisible();
});

test('a toast goes when its message is gone to, or the inbox lists it', async ({ browserOf }) => {
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(heading(page, 'general')).toBeVisible();
  await webhook.post(`@${ada.username} the first`);
  await expect(toast(page)).toBeVisible();
  await page.getByRole('button', { name: 'Notifications, 1 unread' }).click();
  await expect(toast(page)).toHaveCount(0);
  await page.getByRole('button', { name: 'Close notifications' }).click();
  await webhook.post(`@${ada.username} the second`);
  await expect(toast(page)).toBeVisible();
  await channelLink(page, 'alerts').click();
  await expect(message(page, 'the second')).toBeVisible();
  await expect(toast(page)).toHaveCount(0);
  // One that comes where somebody reads already is shown all the same.
  await webhook.post(`@${ada.username} the third`);
  await expect(toast(page)).toContainText('the third');
});

test('of two tabs one shows the toast, and both count', async ({ browserOf }) => {
  const first = await browserOf(ada, `/c/${general.id}`);
  const second = await first.context().newPage();
  await second.goto(`/c/${general.id}`);
  for (const page of [first, second]) await expect(heading(page, 'general')).toBeVisible();
  await webhook.post(`@${ada.username} look at db1`);
  for (const page of [first, second]) await expect(page).toHaveTitle(/^\(1\) /);
  await expect
    .poll(async () => (await toast(first).count()) + (await toast(second).count()))
    .toBe(1);
});

test('whoever reads the channel has read its mentions', async ({ browserOf }) => {
  const page = await browserOf(ada, `/c/${alerts.id}`);
  await expect(heading(page, 'alerts')).toBeVisible();
  await webhook.post(`@${ada.username} you look at this already`);
  await expect(message(page, 'you look at this already')).toBeVisible();
  await expect(page).toHaveTitle('#alerts · Chatalot');
  await expect(page.getByRole('button', { name: 'Notifications', exact: true })).toBeVisible();
});

test('sound and notifications of this device are set in the settings', async ({ browserOf }) => {
  const page = await browserOf(ada, '/settings/notifications');
  const sound = page.getByRole('switch', { name: 'Play a sound for mentions' });
  await expect(sound).toBeChecked();
  await sound.click();
  await page.reload();
  await expect(sound).not.toBeChecked();
  await expect(page.getByRole('switch', { name: 'Notify me on this device' })).toBeVisible();
});
