/** The parts of the page that tests come back to, by the names that people know them by. */
import type { Locator, Page } from '@playwright/test';

/** The list of messages. */
export function messages(page: Page): Locator {
  return page.getByRole('log');
}

/** The messages that say `text`. */
export function message(page: Page, text: string): Locator {
  return messages(page).getByRole('article').filter({ hasText: text });
}

/** The name of the channel that is shown, above its messages. */
export function heading(page: Page, channel: string): Locator {
  return page.getByRole('heading', { name: channel, exact: true });
}

/** A channel in the sidebar. */
export function channelLink(page: Page, name: string): Locator {
  return page
    .getByRole('navigation', { name: 'Channels' })
    .getByRole('link', { name, exact: true });
}

/** The toast of a live mention. */
export function toast(page: Page): Locator {
  return page.getByRole('group', { name: 'Mention' });
}

/** Opens the settings card of a channel by its icon in the sidebar. */
export async function openCard(page: Page, channel: string): Promise<Locator> {
  await page.getByRole('button', { name: `Channel settings: ${channel}` }).click();
  return page.getByRole('dialog', { name: 'Channel settings' });
}

/** Opens the webhooks in the settings card of a channel. */
export async function openWebhooks(page: Page, channel: string): Promise<Locator> {
  const card = await openCard(page, channel);
  await card.getByRole('button', { name: 'Webhooks', exact: true }).click();
  return card;
}

/** Opens a part of the settings of the community that is shown. */
export async function openCommunitySettings(
  page: Page,
  community: string,
  section: string,
): Promise<Locator> {
  await page.getByRole('button', { name: community }).click();
  await page.getByRole('menuitem', { name: 'Community settings' }).click();
  const settings = page.getByRole('dialog', { name: 'Community settings' });
  await settings.getByRole('button', { name: section, exact: true }).click();
  return settings;
}
