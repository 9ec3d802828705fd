/** Web Push: the switch, what the service worker shows, and where a click leads. */
import type { Page } from '@playwright/test';

import { type Device, expect, PUSHING, test } from './support/device';
import type { People, Person, Webhook } from './support/people';
import type { Channel } from '../src/api/types';

test.use({ settings: PUSHING });

/** Somebody who is mentioned, and where. */
interface Scene {
  ada: Person;
  general: Channel;
  elsewhere: Channel;
  webhook: Webhook;
}

async function scene(people: People): Promise<Scene> {
  const ada = await people.register('ada');
  const community = await ada.community();
  const general = await ada.general(community);
  const elsewhere = await ada.channel(community, 'elsewhere');
  return { ada, general, elsewhere, webhook: await ada.webhook(general) };
}

/** The newest notification as a push says it. */
async function pushOf(ada: Person): Promise<Record<string, unknown> & { id: string }> {
  const { notifications } = await ada.api.get('/api/notifications', {});
  const [newest] = notifications;
  if (newest === undefined) throw new Error('There is no notification');
  return { ...newest, url: `/c/${newest.channel_id}/${newest.seq}` };
}

function pushSwitch(page: Page) {
  return page.getByRole('switch', { name: 'Notify me on this device' });
}

async function switchOn(device: Device, page: Page): Promise<void> {
  await device.setPermission('granted');
  await pushSwitch(page).click();
  await expect(pushSwitch(page)).toBeChecked();
  await expect(page.getByRole('listitem', { name: 'This device' })).toBeVisible();
}

test.describe('the service worker', () => {
  test.beforeEach(({ device }) => device.setPermission('granted'));

  test('shows a mention while no tab is open, and while it was asleep', async ({
    device,
    people,
  }) => {
    const { ada, webhook } = await scene(people);
    await webhook.post(`Disk **full** @${ada.username}`);
    const push = await pushOf(ada);
    await device.open();
    await device.closeTabs();
    await device.putWorkerToSleep();
    await device.deliver(push);
    await expect
      .poll(() => device.shown())
      .toEqual([
        {
          title: 'CI Pipeline in #general',
          body: `Disk full @${ada.username}`,
          tag: push.id,
          icon: '/icon-192.png',
          silent: false,
        },
      ]);
  });

  test('replaces a repeat and keeps what is something else', async ({ device, people }) => {
    const { ada, webhook } = await scene(people);
    await webhook.post(`first @${ada.username}`);
    const first = await pushOf(ada);
    await webhook.post(`second @${ada.username}`);
    const second = await pushOf(ada);
    await device.open();
    await device.closeTabs();
    await device.deliver(first);
    await device.deliver(second);
    await device.deliver(first);
    await expect
      .poll(async () => (await device.shown()).map(({ tag }) => tag).sort())
      .toEqual([first.id, second.id].sort());
  });

  for (const [what, data] of [
    ['no JSON', 'not { JSON'],
    ['nothing', ''],
    ['a list', '[1, 2]'],
    ['wrong types', '{"id": 5, "author": "x", "seq": "many"}'],
  ] as const) {
    test(`shows something for a push that is ${what}`, async ({ device }) => {
      await device.open();
      await device.closeTabs();
      await device.deliver(data);
      await expect
        .poll(() => device.shown())
        .toEqual([expect.objectContaining({ title: 'Chatalot', tag: 'unreadable' })]);
    });
  }

  test('shows nothing over a tab in front that has alerted', async ({ device, people }) => {
    const { ada, elsewhere, webhook } = await scene(people);
    await device.signIn(ada);
    const page = await device.open(`/c/${elsewhere.id}`);
    await expect(page.getByRole('heading', { name: 'elsewhere', exact: true })).toBeVisible();
    await page.bringToFront();
    await webhook.post(`Disk full @${ada.username}`);
    await expect(page.getByText(`Disk full @${ada.username}`)).toBeVisible();
    await device.deliver(await pushOf(ada));
    // What comes after it is shown: the one before has been dealt with by then.
    await device.deliver({ id: 'later', preview: 'Another one' });
    await expect.poll(async () => (await device.shown()).map(({ tag }) => tag)).toEqual(['later']);
  });

  test('clears what is read in a page', async ({ device, people }) => {
    const { ada, general, elsewhere, webhook } = await scene(people);
    await webhook.post(`Disk full @${ada.username}`);
    const push = await pushOf(ada);
    await device.open();
    await device.closeTabs();
    await device.deliver(push);
    await expect.poll(async () => (await device.shown()).length).toBe(1);
    await device.signIn(ada);
    const page = await device.open(`/c/${elsewhere.id}`);
    await expect(page.getByRole('heading', { name: 'elsewhere', exact: true })).toBeVisible();
    expect((await device.shown()).length).toBe(1);
    await page.goto(`/c/${general.id}`);
    await expect(page.getByRole('article').filter({ hasText: 'Disk full' })).toBeVisible();
    await expect.poll(() => device.shown()).toEqual([]);
  });

  test('leads from a click to the message in the page that is open', async ({ device, people }) => {
    const { ada, elsewhere, webhook } = await scene(people);
    await webhook.post(`Disk full @${ada.username}`);
    const push = await pushOf(ada);
    await device.open();
    await device.closeTabs();
    await device.deliver(push);
    await expect.poll(async () => (await device.shown()).length).toBe(1);
    await device.signIn(ada);
    const page = await device.open(`/c/${elsewhere.id}`);
    await expect(page.getByRole('heading', { name: 'elsewhere', exact: true })).toBeVisible();
    expect(await device.click()).toBeNull();
    await expect(page).toHaveURL(new RegExp(`${push['url'] as string}$`));
    await expect(page.getByRole('article').filter({ hasText: 'Disk full' })).toBeVisible();
    await expect.poll(() => device.shown()).toEqual([]);
  });

  test('opens the message in a new window when no page is open', async ({ device, people }) => {
    const { ada, webhook } = await scene(people);
    await webhook.post(`Disk full @${ada.username}`);
    const push = await pushOf(ada);
    await device.open();
    await device.closeTabs();
    await device.deliver(push);
    await expect.poll(async () => (await device.shown()).length).toBe(1);
    expect(await device.click()).toMatch(new RegExp(`${push['url'] as string}$`));
    expect(await device.shown()).toEqual([]);
  });

  test('opens nothing at another origin', async ({ device, server }) => {
    await device.open();
    await device.closeTabs();
    await device.deliver({ id: 'foreign', preview: 'x', url: 'https://example.com/c/1' });
    await expect.poll(async () => (await device.shown()).length).toBe(1);
    const opened = await device.click();
    expect(new URL(opened ?? '', server.url).origin).toBe(server.url);
  });
});

test.describe('the switch', () => {
  test('asks for permission on a click, and not before', async ({ device, people }) => {
    const { ada } = await scene(people);
    await device.context.addInitScript(() => {
      const counted = window as unknown as { asked: number };
      counted.asked = 0;
      const ask = Notification.requestPermission.bind(Notification);
      Notification.requestPermission = () => {
        counted.asked += 1;
        return ask();
      };
    });
    await device.setPermission('prompt');
    await device.signIn(ada);
    const page = await device.open('/settings/notifications');
    const asked = () => page.evaluate(() => (window as unknown as { asked: number }).asked);
    await expect(pushSwitch(page)).not.toBeChecked();
    await expect(page.getByText('The browser asks for your permission first')).toBeVisible();
    expect(await asked()).toBe(0);
    await pushSwitch(page).click();
    await expect.poll(asked).toBe(1);
  });

  test('explains a denied permission, and hears of one that is given', async ({
    device,
    people,
  }) => {
    const { ada } = await scene(people);
    await device.setPermission('denied');
    await device.signIn(ada);
    const page = await device.open('/settings/notifications');
    await expect(page.getByText('Notifications of this site are blocked')).toBeVisible();
    await expect(pushSwitch(page)).toBeDisabled();
    await device.setPermission('granted');
    await device.leaveTabs();
    await page.bringToFront();
    await expect(pushSwitch(page)).toBeEnabled();
  });

  test('brings a test notification through the push service to this device', async ({
    device,
    people,
  }) => {
    const { ada } = await scene(people);
    await device.signIn(ada);
    const page = await device.open('/settings/notifications');
    await switchOn(device, page);
    expect(device.service.endpoints).toBe(1);
    await page.getByRole('button', { name: 'Send test notification' }).click();
    await device.handled(1);
    await expect
      .poll(() => device.shown())
      .toEqual([expect.objectContaining({ title: 'Test notification' })]);
    await expect(page.getByText('The push service took it')).toBeVisible();
    await expect(page.getByRole('listitem', { name: 'This device' })).toContainText('last reached');
  });

  test('brings a mention to a device without a tab', async ({ device, people }) => {
    const { ada, webhook } = await scene(people);
    await device.signIn(ada);
    const page = await device.open('/settings/notifications');
    await switchOn(device, page);
    await device.closeTabs();
    await webhook.post(`Disk full @${ada.username}`);
    await device.handled(1);
    await expect
      .poll(() => device.shown())
      .toEqual([expect.objectContaining({ title: 'CI Pipeline in #general' })]);
  });

  test('is still on after a reload, and off after it was switched off', async ({
    device,
    people,
  }) => {
    const { ada } = await scene(people);
    await device.signIn(ada);
    const page = await device.open('/settings/notifications');
    await switchOn(device, page);
    await page.reload();
    await expect(pushSwitch(page)).toBeChecked();
    await pushSwitch(page).click();
    await expect(pushSwitch(page)).not.toBeChecked();
    await expect(page.getByText('No device is notified')).toBeVisible();
    await expect.poll(() => device.service.endpoints).toBe(0);
    expect(await ada.api.get('/api/push/subscriptions', {})).toEqual([]);
  });

  test('goes off when this device is removed from the list', async ({ device, people }) => {
    const { ada } = await scene(people);
    await device.signIn(ada);
    const page = await device.open('/settings/notifications');
    await switchOn(device, page);
    await page.getByRole('button', { name: 'Remove this device' }).click();
    await page
      .getByRole('alertdialog')
      .getByRole('button', { name: 'Remove', exact: true })
      .click();
    await expect(pushSwitch(page)).not.toBeChecked();
    await expect.poll(() => device.service.endpoints).toBe(0);
  });

  test('goes off with the session: signing out waits for the browser to unsubscribe', async ({
    device,
    people,
  }) => {
    const { ada } = await scene(people);
    await device.signIn(ada);
    const page = await device.open('/settings/notifications');
    await switchOn(device, page);
    const order: string[] = [];
    page.on('request', (request) => {
      const path = new URL(request.url()).pathname;
      if (path === '/api/auth/logout') order.push('signed out');
      if (request.method() === 'DELETE' && path.startsWith('/api/push/'))
        order.push('unsubscribed');
    });
    await page.getByRole('link', { name: 'Sessions' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).first().click();
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
    expect(order).toEqual(['unsubscribed', 'signed out']);
    expect(await ada.api.get('/api/push/subscriptions', {})).toEqual([]);
    await expect.poll(() => device.service.endpoints).toBe(0);
  });
});
