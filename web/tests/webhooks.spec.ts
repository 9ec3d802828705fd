/** The webhooks in the settings card: making, using, switching, changing and deleting them. */
import type { Locator, Page } from '@playwright/test';

import type { Channel, Community } from '../src/api/types';
import type { Person } from './support/people';
import { message, openWebhooks } from './support/screens';
import { expect, test } from './support/test';

/** As many as a channel may have. */
const MOST = 50;
/** A picture of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBwIAMCbHYQAAAABJRU5ErkJggg==',
  'base64',
);

let ada: Person;
let community: Community;
let alerts: Channel;
let page: Page;

test.beforeEach(async ({ people, browserOf }) => {
  ada = await people.register('ada');
  community = await ada.community();
  alerts = await ada.channel(community, 'alerts');
  page = await browserOf(ada, `/c/${alerts.id}`);
});

async function add(card: Locator, name: string): Promise<void> {
  await card.getByLabel('Webhook name').fill(name);
  await card.getByRole('button', { name: 'Add', exact: true }).click();
}

const row = (card: Locator, name: string) => card.getByRole('listitem', { name, exact: true });

test('the section is folded until it is asked for', async () => {
  await page.getByRole('button', { name: 'Channel settings: alerts' }).click();
  const section = page
    .getByRole('dialog', { name: 'Channel settings' })
    .getByRole('button', { name: 'Webhooks', exact: true });
  await expect(section).toHaveAttribute('aria-expanded', 'false');
  await expect(page.getByLabel('Webhook name')).toBeHidden();
  await section.click();
  await expect(page.getByLabel('Webhook name')).toBeVisible();
  await expect(page.getByText('No webhooks yet.')).toBeVisible();
});

test('closing the card asks before the URL of a new webhook is lost', async () => {
  const card = await openWebhooks(page, 'alerts');
  await add(card, 'CI Pipeline');
  const url = card.getByText(/^http.*\/api\/webhooks\/execute\/\S+$/);
  await expect(url).toBeVisible();
  await page.keyboard.press('Escape');
  const asking = page.getByRole('alertdialog', { name: 'Close without copying the URL?' });
  await expect(asking).toContainText('CI Pipeline');
  await asking.getByRole('button', { name: 'Cancel' }).click();
  await expect(url).toBeVisible();
  await page.keyboard.press('Escape');
  await asking.getByRole('button', { name: 'Close anyway' }).click();
  await expect(card).toBeHidden();

  await openWebhooks(page, 'alerts');
  await expect(row(card, 'CI Pipeline')).toBeVisible();
  await expect(card.getByText('/api/webhooks/execute/')).toHaveCount(0);
});

test('the line that is copied posts a message', async ({ request }) => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const card = await openWebhooks(page, 'alerts');
  await add(card, 'CI Pipeline');
  await card.getByRole('button', { name: 'Copy command' }).click();
  const line = await page.evaluate(() => navigator.clipboard.readText());
  const [, url, body] = /^curl (\S+) -d '(.+)'$/.exec(line) ?? [];
  const answer = await request.post(url ?? '', {
    data: body ?? '',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  expect(answer.ok()).toBe(true);
  await page.keyboard.press('Escape');
  await expect(message(page, 'Hello from curl')).toBeVisible();
});

test('a webhook that is switched off answers nobody until it is on again', async ({ request }) => {
  const webhook = await ada.webhook(alerts);
  const post = async () =>
    (await request.post(webhook.made.url, { data: { content: 'Still there' } })).status();
  const card = await openWebhooks(page, 'alerts');
  const active = row(card, 'CI Pipeline').getByRole('switch', { name: 'Active' });
  await expect(active).toBeChecked();
  await expect(active).toHaveText('ON');

  const told = () =>
    page.waitForResponse(
      (answer) => answer.request().method() === 'PATCH' && answer.url().includes('/api/webhooks/'),
    );
  const off = told();
  await active.click();
  await off;
  await expect(active).toHaveText('OFF');
  expect(await post()).toBe(404);

  const on = told();
  await active.click();
  await on;
  await expect(active).toHaveText('ON');
  expect(await post()).toBeLessThan(300);
});

test('a webhook gets another name and a picture', async () => {
  const webhook = await ada.webhook(alerts);
  await page
    .context()
    .route('https://pictures.example/**', (route) =>
      route.fulfill({ contentType: 'image/png', body: PIXEL }),
    );
  const card = await openWebhooks(page, 'alerts');
  await card.getByRole('button', { name: 'Edit webhook CI Pipeline' }).click();
  await expect(card.getByLabel('Name', { exact: true })).toBeFocused();
  await card.getByLabel('Name', { exact: true }).fill('Deploys');
  await card.getByLabel('Avatar URL').fill('pictures.example/deploys.png');
  await row(card, 'CI Pipeline').getByRole('button', { name: 'Save' }).click();
  await expect(card.getByLabel('Avatar URL')).toHaveAttribute('aria-invalid', 'true');
  await card.getByLabel('Avatar URL').fill('https://pictures.example/deploys.png');
  await row(card, 'CI Pipeline').getByRole('button', { name: 'Save' }).click();
  await expect(row(card, 'Deploys').locator('img')).toHaveJSProperty('naturalWidth', 1);
  await expect(card.getByRole('button', { name: 'Edit webhook Deploys' })).toBeFocused();
  await page.keyboard.press('Escape');

  await webhook.post('Version 2 is out');
  await expect(message(page, 'Version 2 is out')).toHaveAccessibleName(/^Deploys /);
  await expect(page.getByRole('log').locator('img')).toHaveJSProperty('naturalWidth', 1);
});

test('Escape puts the changes to a webhook away and leaves the card open', async () => {
  await ada.webhook(alerts);
  const card = await openWebhooks(page, 'alerts');
  await card.getByRole('button', { name: 'Edit webhook CI Pipeline' }).click();
  await card.getByLabel('Name', { exact: true }).fill('Something else');
  await page.keyboard.press('Escape');
  await expect(card.getByLabel('Avatar URL')).toBeHidden();
  await expect(row(card, 'CI Pipeline')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(card).toBeHidden();
});

test('a picture that does not load becomes initials', async () => {
  await page.context().route('https://pictures.example/**', (route) => route.abort());
  const webhook = await ada.webhook(alerts);
  await webhook.post('No picture today', { avatar_url: 'https://pictures.example/gone.png' });
  await expect(message(page, 'No picture today')).toBeVisible();
  await expect(page.getByRole('log').locator('img')).toHaveCount(0);
  await expect(page.getByRole('log').getByText('CP', { exact: true })).toBeVisible();
});

test('deleting a webhook asks by its name, and ends its URL but not its messages', async ({
  request,
}) => {
  const webhook = await ada.webhook(alerts);
  await webhook.post('Posted before');
  const card = await openWebhooks(page, 'alerts');
  const remove = card.getByRole('button', { name: 'Delete webhook CI Pipeline' });
  const asking = page.getByRole('alertdialog', { name: 'Delete webhook CI Pipeline?' });

  await remove.click();
  await expect(asking).toContainText(/stops working at once/);
  await expect(asking).toContainText(/messages .* stay/);
  await expect(asking.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await asking.getByRole('button', { name: 'Cancel' }).click();
  await expect(asking).toBeHidden();
  await remove.click();
  await page.keyboard.press('Escape');
  await expect(asking).toBeHidden();
  await expect(remove).toBeFocused();
  await expect(card).toBeVisible();

  await remove.click();
  await asking.getByRole('button', { name: 'Delete' }).click();
  await expect(row(card, 'CI Pipeline')).toHaveCount(0);
  await expect(card.getByText('No webhooks yet.')).toBeVisible();
  const answer = await request.post(webhook.made.url, { data: { content: 'Too late' } });
  expect(answer.status()).toBe(404);
  await page.keyboard.press('Escape');
  await expect(message(page, 'Posted before')).toBeVisible();
  await expect(page.getByRole('log').getByText('Webhook · not E2EE')).toBeVisible();
});

test('a name has 1 to 64 characters, and one that is refused stays', async () => {
  const card = await openWebhooks(page, 'alerts');
  const name = card.getByLabel('Webhook name');
  await add(card, '');
  await expect(name).toHaveAttribute('aria-invalid', 'true');

  const long = 'ü'.repeat(65);
  await add(card, long);
  await expect(name).toHaveAttribute('aria-invalid', 'true');
  await expect(name).toHaveAccessibleDescription(/64/);
  await expect(name).toHaveValue(long);

  await add(card, long.slice(1));
  await expect(row(card, long.slice(1))).toBeVisible();
  await expect(name).toHaveValue('');
});

test('a channel that has all the webhooks it may have says so', async () => {
  for (let made = 0; made < MOST; made += 1) await ada.webhook(alerts, `Webhook ${made + 1}`);
  const card = await openWebhooks(page, 'alerts');
  await expect(card.getByRole('listitem')).toHaveCount(MOST);
  await add(card, 'One more');
  await expect(card.getByRole('alert')).toContainText(`at most ${MOST} are possible`);
  await expect(card.getByLabel('Webhook name')).toHaveValue('One more');
});

test('when a webhook was last used is told', async () => {
  const webhook = await ada.webhook(alerts);
  const card = await openWebhooks(page, 'alerts');
  await expect(row(card, 'CI Pipeline')).toContainText('never used');
  await page.keyboard.press('Escape');
  await webhook.post('Used');
  await expect(message(page, 'Used')).toBeVisible();
  await expect(async () => {
    await openWebhooks(page, 'alerts');
    const used = row(card, 'CI Pipeline').getByText(/last used just now/);
    await expect(used).toBeVisible({ timeout: 1_000 });
    await expect(used.locator('time')).toHaveAttribute('title', /\d{4}/);
  }).toPass();
});

test('an empty channel shows its admins how to make a webhook', async () => {
  await expect(page.getByText(/^curl .*\/api\/webhooks\/execute\/TOKEN/)).toBeVisible();
  await page.getByRole('button', { name: 'Create a webhook' }).click();
  await expect(page.getByLabel('Webhook name')).toBeVisible();
});
