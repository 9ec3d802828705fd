/** The connection goes and comes back: nothing is missing, and nothing that was typed is lost. */
import type { Page } from '@playwright/test';

import { channelLink, heading, message, openWebhooks } from './support/screens';
import { expect, test } from './support/test';

test.beforeEach(({ complaints }) => {
  complaints.expect(/WebSocket connection to .* failed/);
});

const reconnecting = (page: Page) => page.getByText('Reconnecting…');

test('what was posted while the page was away is there when it is back, without a gap', async ({
  server,
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const general = await ada.general(community);
  const alerts = await ada.channel(community, 'alerts');
  const webhook = await ada.webhook(general);
  const other = await ada.webhook(alerts);
  await webhook.post('Before the restart');
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(message(page, 'Before the restart')).toBeVisible();

  await server.stop();
  await expect(reconnecting(page)).toBeVisible();
  await expect(message(page, 'Before the restart')).toBeVisible();
  // The page tries again while the server starts; it finds it only when the messages are there.
  const holding = await hold(page);
  await server.start();
  for (let count = 1; count <= 20; count += 1) await webhook.post(`Missed ${count}.`);
  await other.post(`@${ada.username} missed in another channel`);
  await holding.letGo();
  await comeBack(page);

  await expect(message(page, 'Missed 20.')).toBeVisible();
  const said = await page
    .getByRole('log')
    .getByText(/^Missed \d+\.$/)
    .allTextContents();
  expect(said).toEqual(Array.from({ length: 20 }, (_, index) => `Missed ${index + 1}.`));
  await expect(channelLink(page, 'alerts')).toHaveAccessibleDescription(/1 unread mention/);
  await webhook.post('Live again');
  await expect(message(page, 'Live again')).toBeVisible();
});

test('the page comes back after a crash, at once when it is asked to', async ({
  server,
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const webhook = await ada.webhook(general);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(heading(page, 'general')).toBeVisible();
  await server.kill();
  await expect(reconnecting(page)).toBeVisible();
  await server.start();
  await comeBack(page);
  await webhook.post('Live again');
  await expect(message(page, 'Live again')).toBeVisible();
});

test('what failed while the server was away keeps what was typed, and works the second time', async ({
  server,
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const general = await ada.general(community);
  const alerts = await ada.channel(community, 'alerts');
  await (await ada.webhook(alerts)).post('Read later');
  const page = await browserOf(ada, `/c/${general.id}`);
  const card = await openWebhooks(page, 'general');
  await expect(card.getByText('No webhooks yet.')).toBeVisible();

  await server.stop();
  await card.getByLabel('Webhook name').fill('CI Pipeline');
  await card.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(card.getByRole('alert')).toContainText('The server cannot be reached');
  await expect(card.getByLabel('Webhook name')).toHaveValue('CI Pipeline');
  await page.keyboard.press('Escape');
  await channelLink(page, 'alerts').click();
  await expect(page.getByText('The messages could not be loaded.')).toBeVisible();
  const again = page.getByRole('main').getByRole('button', { name: 'Try again' });
  await expect(again).toBeVisible();

  await server.start();
  // Whichever comes first: the page by itself, or somebody who presses the button.
  await expect(async () => {
    if (await again.isVisible()) await again.click({ timeout: 500 });
    await expect(message(page, 'Read later')).toBeVisible({ timeout: 500 });
  }).toPass();
  await openWebhooks(page, 'alerts');
  await card.getByLabel('Webhook name').fill('Second try');
  await card.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(card.getByRole('button', { name: 'Click to copy URL' })).toBeVisible();
});

test('a page that is opened while the server is away says so, and lets one try again', async ({
  server,
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const page = await browserOf(null);
  await page.route('**/api/auth/session', (route) => route.abort('connectionrefused'));
  await page.goto(`${server.url}/c/${general.id}`);
  await expect(page.getByRole('heading', { name: 'The server does not answer' })).toBeVisible();
  await page.unroute('**/api/auth/session');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
});

/** Waits for the connection, and does not wait for its next attempt. */
async function comeBack(page: Page): Promise<void> {
  const tryNow = page.getByRole('button', { name: 'Try now' });
  await expect(async () => {
    if (await tryNow.isVisible()) await tryNow.click({ timeout: 500 });
    await expect(reconnecting(page)).toBeHidden({ timeout: 500 });
  }).toPass();
}

/** Refuses the page's connections until they are let go. */
async function hold(page: Page): Promise<{ letGo: () => Promise<void> }> {
  let held = true;
  await page
    .context()
    .route('**/api/auth/session', (route) =>
      held ? route.abort('connectionrefused') : route.continue(),
    );
  await page.routeWebSocket('**/api/ws', (socket) => {
    if (held) void socket.close();
    else socket.connectToServer();
  });
  return {
    letGo: async () => {
      held = false;
      await page.context().unroute('**/api/auth/session');
    },
  };
}
