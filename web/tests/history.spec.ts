/** Reading: old messages, new ones, and where one stands between them. */
import type { Page } from '@playwright/test';

import type { Channel, Community } from '../src/api/types';
import type { Person, Webhook } from './support/people';
import { channelLink, heading, message } from './support/screens';
import { expect, test } from './support/test';

let ada: Person;
let community: Community;
let general: Channel;
let webhook: Webhook;

test.beforeEach(async ({ people }) => {
  ada = await people.register('ada');
  community = await ada.community();
  general = await ada.general(community);
  webhook = await ada.webhook(general);
});

/** Posts messages from number `first` to number `last`, of different heights. */
async function post(first: number, last: number): Promise<void> {
  for (let number = first; number <= last; number += 1) {
    await webhook.post(`Message ${number}.${'\n\nand more of it'.repeat(number % 4)}`);
  }
}

const numbered = (page: Page, number: number) => message(page, `Message ${number}.`);

/** Says that somebody has read the channel up to here. */
async function read(seq: number): Promise<void> {
  await ada.api.post('/api/channels/{channel_id}/read', {
    path: { channel_id: general.id },
    body: { seq },
  });
}

test('scrolling up loads older messages and moves none that one reads', async ({ browserOf }) => {
  await post(1, 300);
  await read(300);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(numbered(page, 300)).toBeInViewport();
  const log = page.getByRole('log');

  for (let pages = 0; pages < 20; pages += 1) {
    if (await page.getByText('This is the beginning of #general.').isVisible()) break;
    // To the very top, where the next page is asked for; then the messages there must not move.
    const moved = await log.evaluate(async (list) => {
      list.scrollTop = Math.min(list.scrollTop, 600);
      const top = list.getBoundingClientRect().top;
      const read = [...list.querySelectorAll('article')].find(
        (article) => article.getBoundingClientRect().top >= top + 40,
      );
      if (!read) return null;
      const before = read.getBoundingClientRect().top;
      const frame = () => new Promise((next) => requestAnimationFrame(next));
      const count = list.querySelectorAll('article').length;
      let furthest = 0;
      for (let frames = 0; frames < 600; frames += 1) {
        await frame();
        const now = read.isConnected ? read.getBoundingClientRect().top : before + 10_000;
        furthest = Math.max(furthest, Math.abs(now - before));
        const loaded = list.querySelectorAll('article').length !== count;
        if (loaded || list.textContent?.includes('This is the beginning')) break;
      }
      for (let frames = 0; frames < 5; frames += 1) {
        await frame();
        furthest = Math.max(furthest, Math.abs(read.getBoundingClientRect().top - before));
      }
      return furthest;
    });
    expect(moved, 'pixels that what one reads has moved').toBeLessThanOrEqual(2);
  }
  await log.evaluate((list) => (list.scrollTop = 0));
  await expect(page.getByText('This is the beginning of #general.')).toBeInViewport();
  await expect(numbered(page, 1)).toBeInViewport();
});

test('what arrives while one reads further up is counted and moves nothing', async ({
  browserOf,
}) => {
  await post(1, 80);
  await read(80);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(numbered(page, 80)).toBeInViewport();
  await numbered(page, 60).scrollIntoViewIfNeeded();
  const jump = page.getByRole('button', { name: /^Jump to latest/ });
  await expect(jump).toHaveText('Jump to latest');
  const before = await numbered(page, 60).boundingBox();
  await post(81, 83);
  await expect(jump).toHaveText('Jump to latest (3 new)');
  const after = await numbered(page, 60).boundingBox();
  expect(Math.abs((after?.y ?? 0) - (before?.y ?? 0))).toBeLessThanOrEqual(2);
  await jump.click();
  await expect(numbered(page, 83)).toBeInViewport();
  await expect(jump).toBeHidden();
  await post(84, 84);
  await expect(numbered(page, 84)).toBeInViewport();
});

test('a link to a message opens there and points it out', async ({ browserOf }) => {
  await post(1, 200);
  await read(200);
  const page = await browserOf(ada, `/c/${general.id}/42`);
  await expect(numbered(page, 42)).toBeInViewport();
  await expect(numbered(page, 42)).toBeFocused();
  await page.getByRole('button', { name: 'Jump to latest' }).click();
  await expect(numbered(page, 200)).toBeInViewport();
  await page.reload();
  await expect(numbered(page, 42)).toBeInViewport();
});

test('a channel opens at what is new, under a line, and counts what is unread', async ({
  browserOf,
}) => {
  await post(1, 60);
  await read(20);
  const alerts = await ada.channel(community, 'alerts');
  const page = await browserOf(ada, `/c/${alerts.id}`);
  await expect(heading(page, 'alerts')).toBeVisible();
  await expect(channelLink(page, 'general')).toHaveAccessibleDescription('40 unread messages');
  await channelLink(page, 'general').click();
  const line = page.getByRole('separator', { name: 'New messages' });
  await expect(line).toBeInViewport();
  await expect(numbered(page, 20)).toBeInViewport();
  await expect(numbered(page, 21)).toBeInViewport();
  await expect(numbered(page, 60)).not.toBeInViewport();
  await page.getByRole('button', { name: /^Jump to latest \(\d+ new\)$/ }).click();
  await expect(numbered(page, 60)).toBeInViewport();
  await expect(channelLink(page, 'general')).not.toHaveAccessibleDescription(/unread/);
  await channelLink(page, 'alerts').click();
  await channelLink(page, 'general').click();
  await expect(numbered(page, 60)).toBeInViewport();
  await expect(line).toHaveCount(0);
});

test('days stand between messages, and times say how far they are', async ({ browserOf }) => {
  await post(1, 1);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(page.getByRole('separator', { name: 'Today' })).toBeVisible();
  const time = page.getByRole('log').locator('time');
  await expect(time).toHaveText(/^\d\d:\d\d$/);
  await expect(time).toHaveAttribute('title', /^\w+, \d+ \w+ \d{4} .*\d\d:\d\d:\d\d/);
  await expect(time).toHaveAttribute('datetime', /^\d{4}-\d\d-\d\dT/);

  const daysLater = async (days: number) => {
    await page.clock.setFixedTime(Date.now() + days * 86_400_000);
    await page.reload();
  };
  await daysLater(1);
  await expect(page.getByRole('separator', { name: 'Yesterday' })).toBeVisible();
  await expect(time).toHaveText(/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d:\d\d$/);
  await daysLater(9);
  await expect(page.getByRole('separator', { name: /day \d+ \w+/ })).toBeVisible();
  await expect(time).toHaveText(/^\d+ \w+ \d{4}$/);
});
