/** Everything by the keyboard alone. */
import type { Page } from '@playwright/test';

import { PASSWORD } from './support/people';
import { channelLink, heading, message, openWebhooks } from './support/screens';
import { expect, test } from './support/test';

/** More than there are places on a page where the focus can be. */
const MOST_TABS = 60;

/** Goes on with Tab until something has the focus that is called `name`, which one can see. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = [];
  for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    if ((await focused.count()) === 0) continue;
    const found = await focused.evaluate((element) => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const label = element.getAttribute('aria-label') ?? '';
      const labelled = element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : '';
      return {
        name: label || labelled?.trim() || element.textContent?.trim() || '',
        marked: (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none',
      };
    });
    expect(found.marked, `whether one sees that "${found.name}" has the focus`).toBe(true);
    await expect(focused).toBeInViewport();
    if (typeof name === 'string' ? found.name === name : name.test(found.name)) return;
    passed.push(found.name);
  }
  throw new Error(`Tab does not lead to ${String(name)}, but to ${passed.join(', ')}`);
}

test('from signing in to a webhook in the second channel', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const alerts = await ada.channel(community, 'alerts');
  await (await ada.webhook(alerts)).post('Read me');
  const page = await browserOf(null);
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await tabTo(page, 'Username');
  await page.keyboard.type(ada.username);
  await tabTo(page, 'Password');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await expect(heading(page, 'general')).toBeVisible();

  await tabTo(page, 'alerts');
  await page.keyboard.press('Enter');
  await expect(message(page, 'Read me')).toBeVisible();
  await expect(channelLink(page, 'alerts')).toBeFocused();

  await tabTo(page, 'Channel settings: alerts');
  await page.keyboard.press('Enter');
  const card = page.getByRole('dialog', { name: 'Channel settings' });
  await expect(card).toBeVisible();
  await tabTo(page, 'Webhooks');
  await page.keyboard.press('Space');
  await tabTo(page, 'Webhook name');
  await page.keyboard.type('Deploys');
  await page.keyboard.press('Enter');
  await expect(card.getByRole('button', { name: 'Click to copy URL' })).toBeVisible();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await tabTo(page, 'Click to copy URL');
  await page.keyboard.press('Enter');
  await expect(card.getByRole('button', { name: 'Copied' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(card).toBeHidden();
  await expect(page.getByRole('button', { name: 'Channel settings: alerts' })).toBeFocused();
});

test('Alt and the arrows go from channel to channel, and round', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  for (const name of ['alerts', 'releases']) await ada.channel(community, name);
  const page = await browserOf(ada);
  const names = page
    .getByRole('navigation', { name: 'Channels' })
    .getByRole('listitem')
    .getByRole('link');
  await expect(names).toHaveCount(3);
  const order = (await names.allTextContents()).map((name) => name.trim());
  await names.first().click();
  for (const name of [...order.slice(1), order[0], order.at(1)]) {
    await page.keyboard.press('Alt+ArrowDown');
    await expect(heading(page, name ?? '')).toBeVisible();
  }
  await page.keyboard.press('Alt+ArrowUp');
  await expect(heading(page, order[0] ?? '')).toBeVisible();
  await page.keyboard.press('Alt+ArrowUp');
  await expect(heading(page, order.at(-1) ?? '')).toBeVisible();
});

test('the switcher leads to a channel by a part of its name', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const ops = await ada.community();
  const other = await ada.community();
  await ada.channel(other, 'release-notes');
  const general = await ada.general(ops);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(heading(page, 'general')).toBeVisible();
  await channelLink(page, 'general').focus();
  await page.keyboard.press('Control+k');
  const input = page.getByRole('combobox');
  await expect(input).toBeFocused();
  await page.keyboard.type('no such channel');
  await expect(page.getByText('No channel or community is called like that.')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(input).toBeHidden();
  await expect(channelLink(page, 'general')).toBeFocused();

  await page.keyboard.press('Control+k');
  await expect(input).toBeFocused();
  await page.keyboard.type('notes');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(heading(page, 'release-notes')).toBeVisible();
  await expect(page.getByRole('button', { name: other.name })).toBeVisible();
});

test('"?" lists the shortcuts, but not while one types', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  await ada.community();
  const page = await browserOf(ada);
  await expect(heading(page, 'general')).toBeVisible();
  await page.keyboard.press('?');
  const shortcuts = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(shortcuts).toContainText('Go to a channel or community');
  await page.keyboard.press('Escape');
  await expect(shortcuts).toBeHidden();
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox')).toBeFocused();
  await page.keyboard.type('?');
  await expect(page.getByRole('combobox')).toHaveValue('?');
  await expect(shortcuts).toBeHidden();
});

test('the arrows go from message to message, and End to the latest', async ({
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const webhook = await ada.webhook(general);
  for (let number = 1; number <= 40; number += 1) await webhook.post(`Message ${number}.`);
  const page = await browserOf(ada, `/c/${general.id}/40`);
  await expect(message(page, 'Message 40.')).toBeFocused();
  for (let steps = 0; steps < 39; steps += 1) await page.keyboard.press('ArrowUp');
  await expect(message(page, 'Message 1.')).toBeFocused();
  await expect(message(page, 'Message 1.')).toBeInViewport();
  await page.keyboard.press('End');
  await expect(message(page, 'Message 40.')).toBeInViewport();
  await expect(page.getByRole('log')).toBeFocused();
});

test('what opens over another closes first', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  await ada.webhook(general);
  const page = await browserOf(ada, `/c/${general.id}`);
  await page.getByRole('button', { name: 'Channel settings: general' }).press('Enter');
  const card = page.getByRole('dialog', { name: 'Channel settings' });
  await card.getByRole('button', { name: 'Webhooks', exact: true }).press('Enter');
  const remove = card.getByRole('button', { name: 'Delete webhook CI Pipeline' });
  await remove.press('Enter');
  const asking = page.getByRole('alertdialog');
  await expect(asking.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expect(asking.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(asking).toBeHidden();
  await expect(remove).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(card).toBeHidden();
  await expect(page.getByRole('button', { name: 'Channel settings: general' })).toBeFocused();
});

test('no shortcut takes a dialog away from under what it holds', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const general = await ada.general(community);
  await ada.channel(community, 'alerts');
  const page = await browserOf(ada, `/c/${general.id}`);
  const card = await openWebhooks(page, 'general');
  await card.getByLabel('Webhook name').fill('CI Pipeline');
  await page.keyboard.press('Enter');
  const url = card.getByText(/^http.*\/api\/webhooks\/execute\/\S+$/);
  await expect(url).toBeVisible();
  for (const shortcut of ['Control+k', 'Alt+ArrowDown']) await page.keyboard.press(shortcut);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('alertdialog')).toContainText('has not been copied');
  await expect(url).toBeVisible();
  await expect(page).toHaveURL(`/c/${general.id}`);
});
