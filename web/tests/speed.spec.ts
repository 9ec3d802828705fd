/** What keeps the page fast whatever comes. How fast it is, `npm run measure` says. */
import type { Page } from '@playwright/test';

import { expect, test } from './support/test';

/** The most messages of a channel that a page holds. */
const MOST_HELD = 1000;

/** The places of the messages in the page, in the order in which they stand. */
async function places(page: Page): Promise<number[]> {
  return page
    .getByRole('article')
    .evaluateAll((articles) =>
      articles.map((article) => Number((article as HTMLElement).dataset['seq'])),
    );
}

function expectWhole(shown: readonly number[]): void {
  const first = shown[0] ?? 0;
  expect(shown).toEqual(shown.map((_, index) => first + index));
}

test('a flood of posts is shown whole and in order, and the page stays in use', async ({
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const webhook = await ada.webhook(general);
  await webhook.post('The first one');
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(page.getByRole('article')).toHaveCount(1);
  const flood = Array.from({ length: 400 }, (_, number) => webhook.post(`Number ${number}`));
  // Meanwhile somebody looks for something else.
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog').getByRole('option').first()).toBeVisible();
  await page.keyboard.press('Escape');
  await Promise.all(flood);
  await expect(page.getByRole('article')).toHaveCount(401);
  expectWhole(await places(page));
  await expect(page.getByRole('article').last()).toBeInViewport();
});

test('a long channel is read to its beginning without the page growing', async ({
  people,
  browserOf,
}) => {
  test.setTimeout(90_000);
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const webhook = await ada.webhook(general);
  for (let number = 0; number < 1500; number += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, more) => webhook.post(`${number + more}.`)));
  }
  await ada.api.post('/api/channels/{channel_id}/read', {
    path: { channel_id: general.id },
    body: { seq: 1500 },
  });
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(page.getByRole('article').last()).toBeInViewport();
  const beginning = page.getByText('This is the beginning of #general.');
  await expect(async () => {
    await page.getByRole('log').press('Home');
    const shown = await places(page);
    expect(shown.length).toBeLessThanOrEqual(MOST_HELD);
    expectWhole(shown);
    await expect(beginning).toBeInViewport({ timeout: 100 });
  }).toPass({ intervals: [50] });
  await page.getByRole('button', { name: /^Jump to latest/ }).click();
  await expect(page.getByRole('article').last()).toBeInViewport();
  expect((await places(page)).at(-1)).toBe(1500);
});
