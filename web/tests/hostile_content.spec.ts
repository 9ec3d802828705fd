/** What is posted is text to look at, whatever it tries to be. */
import type { BrowserContext, Page } from '@playwright/test';

import { Problem } from '../src/api/problem';
import { AVATARS, CONTENTS, NAMES } from './support/hostile_payloads';
import { expect, signIn, test } from './support/test';
import { expectNothingInjected, touchEverything, Traps } from './support/traps';

/** Where pictures may come from; nothing answers there. */
const PICTURES = 'pictures.example';

async function expectHarmless(page: Page, traps: Traps): Promise<void> {
  await touchEverything(page);
  await expectNothingInjected(page);
  expect(await traps.caught()).toEqual([]);
}

/** Opens everything that shows names, one after another. */
async function lookAround(page: Page, look: () => Promise<void>): Promise<void> {
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog')).toBeVisible();
  await look();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Notifications/ }).click();
  await expect(page.getByRole('heading', { name: 'Notifications' })).toBeVisible();
  await look();
  await page.keyboard.press('Escape');
  const channels = page.getByRole('navigation', { name: 'Channels' });
  await channels.getByRole('link', { name: 'general' }).click({ button: 'right' });
  const card = page.getByRole('dialog', { name: 'Channel settings' });
  for (const section of ['General', 'Members', 'Webhooks']) {
    const button = card.getByRole('button', { name: section, exact: true });
    if ((await button.getAttribute('aria-expanded')) === 'false') await button.click();
    await look();
  }
  await page.keyboard.press('Escape');
  await expect(card).toBeHidden();
}

// Once as it is served, and once without the page's policy, which must not be what holds.
for (const bypassCSP of [false, true]) {
  test.describe(
    bypassCSP ? 'without the policy of the page' : 'with the policy of the page',
    () => {
      test.use({ bypassCSP });
      test.setTimeout(120_000);

      test('the traps notice what they are set for', async ({ server, context, complaints }) => {
        complaints.expect(/Content Security Policy/);
        const { page, traps } = await opened(context, server.url, '/', () => Promise.resolve());
        await page.evaluate(() => {
          const payload = '<img src=/x onerror="alert(1)"><a href="javascript:alert(1)">x</a>';
          document.body.insertAdjacentHTML('beforeend', payload);
        });
        await expect.poll(() => traps.caught()).toHaveLength(1);
        await expect(expectNothingInjected(page)).rejects.toThrow(/a handler[^]*an address/);
      });

      test('no text of a message does anything, live or from the history', async ({
        people,
        server,
        context,
      }) => {
        expect(CONTENTS.length).toBeGreaterThan(100);
        const ada = await people.register('ada');
        const general = await ada.general(await ada.community());
        const webhook = await ada.webhook(general);
        await webhook.post('The first one');
        const { page, traps } = await opened(context, server.url, `/c/${general.id}`, () =>
          signIn(context, server, ada),
        );
        const messages = page.getByRole('article');
        await expect(messages).toHaveCount(1);
        for (const content of CONTENTS) await webhook.post(content);
        await expect(messages).toHaveCount(CONTENTS.length + 1);
        await expectHarmless(page, traps);
        await page.reload();
        // The beginning of what is loaded, until that is the beginning of the channel.
        await expect(async () => {
          await page.getByRole('log').press('Home');
          expect(await messages.count()).toBe(CONTENTS.length + 1);
        }).toPass();
        await expectHarmless(page, traps);
        // Nothing is lost either: what is no Markdown can be read as it was sent.
        const shown = await messages.allInnerTexts();
        const tags = CONTENTS.filter((content) =>
          /^<(img|svg|script)\b[^&`\u00ad]*$/i.test(content),
        );
        expect(tags.length).toBeGreaterThan(20);
        const plain = (text: string) => text.replace(/\s+/g, '');
        for (const tag of tags) {
          expect(shown.some((text) => plain(text).includes(plain(tag)))).toBe(true);
        }
      });

      test('no alert does anything, as a toast or in the inbox', async ({
        people,
        server,
        context,
      }) => {
        const ada = await people.register('ada');
        const community = await ada.community();
        const webhook = await ada.webhook(await ada.general(community));
        const elsewhere = await ada.channel(community, 'elsewhere');
        const { page, traps } = await opened(context, server.url, `/c/${elsewhere.id}`, () =>
          signIn(context, server, ada),
        );
        await expect(page.getByRole('heading', { name: 'elsewhere', exact: true })).toBeVisible();
        const alarming = CONTENTS.filter((_, index) => index % 8 === 0);
        for (const [index, content] of alarming.entries()) {
          const username = NAMES[index % NAMES.length] ?? '';
          await webhook.post(`@${ada.username} ${content}`, { username });
        }
        const bell = page.getByRole('button', { name: `Notifications, ${alarming.length} unread` });
        await expect(bell).toBeVisible();
        await expectHarmless(page, traps);
        await bell.click();
        await expect(page.getByRole('heading', { name: 'Notifications' })).toBeVisible();
        await expectHarmless(page, traps);
      });

      test('no name and no picture of a sender does anything', async ({
        people,
        server,
        context,
      }) => {
        const ada = await people.register('ada');
        const general = await ada.general(await ada.community());
        const webhook = await ada.webhook(general);
        const { page, traps } = await opened(context, server.url, `/c/${general.id}`, () =>
          signIn(context, server, ada),
        );
        await expect(page.getByRole('log')).toBeVisible();
        for (const username of NAMES) await webhook.post(`I am ${username}`, { username });
        let taken = 0;
        for (const avatar_url of AVATARS) {
          const posted = await webhook.post('Look at me', { avatar_url }).then(
            () => true,
            (error: unknown) => {
              // Refused, and said why.
              expect(error).toBeInstanceOf(Problem);
              expect((error as Problem).status).toBe(422);
              return false;
            },
          );
          if (posted) taken += 1;
        }
        await expect(page.getByRole('article')).toHaveCount(NAMES.length + taken);
        for (const name of NAMES) {
          await expect(
            page.getByRole('log').locator('bdi').getByText(name, { exact: true }),
          ).toBeVisible();
        }
        await expectHarmless(page, traps);
        await page.reload();
        await expect(page.getByRole('article')).toHaveCount(NAMES.length + taken);
        await expectHarmless(page, traps);
      });

      test('no name of anything else does anything', async ({ people, server, context }) => {
        const ada = await people.register('ada');
        const community = await ada.community(NAMES[1]);
        const general = await ada.general(community);
        await ada.api.patch('/api/channels/{channel_id}', {
          path: { channel_id: general.id },
          body: { topic: NAMES[2] ?? '' },
        });
        for (const name of NAMES) await ada.webhook(general, name);
        const { page, traps } = await opened(context, server.url, `/c/${general.id}`, () =>
          signIn(context, server, ada),
        );
        await expect(page.getByRole('heading', { name: 'general', exact: true })).toBeVisible();
        await expectHarmless(page, traps);
        await lookAround(page, () => expectHarmless(page, traps));
      });
    },
  );
}

async function opened(
  context: BrowserContext,
  origin: string,
  path: string,
  enter: () => Promise<void>,
): Promise<{ page: Page; traps: Traps }> {
  const traps = await Traps.set(context, origin, PICTURES);
  await enter();
  const page = await context.newPage();
  await page.goto(path);
  return { page, traps };
}
