/** Whatever a sender is called and says, the badge stands whole beside the name, and alone. */
import type { Locator, Page } from '@playwright/test';

import type { Channel } from '../src/api/types';
import type { People, Person, Webhook } from './support/people';
import { expect, test } from './support/test';

const BADGE = 'Webhook · not E2EE';

const NAMES = {
  'an ordinary one': 'CI Pipeline',
  'of 64 wide characters': 'W'.repeat(64),
  'of 64 full-width characters': '\uff37'.repeat(64),
  'of 64 ligatures as wide as a word': '\ufdfd'.repeat(64),
  'with spaces to push the badge out': `ada${'\u3000'.repeat(60)}x`,
  'that reads like the badge': BADGE,
  'that reads like another kind of badge': 'ada ✓ verified · E2EE 🔒',
  'in a script from right to left': 'צינור הבנייה של המערכת',
  'with a right-to-left mark': 'ada\u200f\u200f (person)\u200f',
  'with an Arabic letter mark': 'ada \u061c \u061c deploys',
  'with invisible characters': 'a\u200bd\u200ba\u2060\ufeff',
  'of nothing but invisible characters': '\u2060\u2060\u2063',
  'of nothing to see': '\u3164\u115f\u2800',
  'of emoji': '👩‍👩‍👧‍👦🏳️‍🌈🔒✅'.repeat(2),
  'of Markdown': '**ada** `code` [x](https://example.com) # h',
  'of HTML': '<b style="position:fixed">ada</b>',
  'of letters piled up high': `a${'\u0300\u0330\u0489'.repeat(20)}`,
  'of signs higher than a line': '\ua9c5\u12ab\ud80c\udc00\u0f3a\u{1242b}'.repeat(4),
  'with marks that enclose': 'a\u20dd\u20de\u20e0\u20e3\u20e4d\u20dda',
  'of yellow blocks': '🟨🟨🟨🟨🟨🟨🟨🟨🟨🟨',
};

const CONTENTS = {
  'letters piled up high': `a${'\u0300\u030d\u030e\u0310\u0489'.repeat(300)} b${'\u0330\u0316'.repeat(300)}`,
  'signs higher than a line': '\u{12031}\u{1242b}\ua9c5\ufdfd'.repeat(20),
  'the words of the badge, as code and as a heading': `# ${BADGE}\n\n\`${BADGE}\`\n\n**${BADGE}**`,
  'the markup of the badge': `<span class="badge">${BADGE}</span>`,
  'styles for it': '.badge { display: none } <style>.badge{display:none}</style>',
  'marks that turn the text around': `\u202e\u2067\u2066\u202d ${BADGE} \u2068`,
  'a word without an end': 'x'.repeat(3000),
  'a wide table': `| ${'a | '.repeat(60)}\n| ${'--- | '.repeat(60)}\n| ${'W'.repeat(40)} |`,
  'deep quotes and lists': `${'> '.repeat(40)}x\n\n${'- '.repeat(40)}y`,
  'many empty lines': `${'&nbsp;\n\n'.repeat(60)}end`,
  'a code block that is wider and higher': `\`\`\`\n${`${'W'.repeat(200)}\n`.repeat(15)}\`\`\``,
};

interface Scene {
  ada: Person;
  general: Channel;
  webhook: Webhook;
}

async function scene(people: People): Promise<Scene> {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  return { ada, general, webhook: await ada.webhook(general) };
}

/** The header of the message that says `text`: the sender's name with the badge. */
function headerOf(page: Page, text: string): Locator {
  const group = page.locator('.group').filter({ hasText: text });
  return group.locator('.sender');
}

/** Sees to it that a badge is drawn whole, over everything, in its own words and colours. */
async function expectWhole(header: Locator): Promise<void> {
  const badge = header.getByRole('note');
  await expect(badge).toHaveText(BADGE);
  await badge.scrollIntoViewIfNeeded();
  const seen = await badge.evaluate((element) => {
    const box = element.getBoundingClientRect();
    const inset = 2;
    const points = [
      [box.left + box.width / 2, box.top + box.height / 2],
      ...[box.left + inset, box.right - inset].flatMap((x) =>
        [box.top + inset, box.bottom - inset].map((y) => [x, y]),
      ),
    ];
    const onTop = points.map(([x, y]) => {
      const top = document.elementFromPoint(x ?? 0, y ?? 0);
      return top === element || element.contains(top);
    });
    const range = document.createRange();
    range.selectNodeContents(element);
    const words = range.getBoundingClientRect();
    const header = element.parentElement?.getBoundingClientRect() ?? box;
    const name = element.parentElement?.querySelector('bdi');
    const nameBox = name?.getBoundingClientRect() ?? box;
    const style = getComputedStyle(element);
    return {
      onTop,
      wordsInside: words.left >= box.left && words.right <= box.right && words.height <= box.height,
      notCut: element.scrollWidth <= element.clientWidth,
      inHeader: box.left >= header.left && box.right <= header.right,
      inWindow: box.left >= 0 && box.right <= innerWidth,
      afterName: nameBox.right <= box.left && nameBox.width > 0,
      nameInHeader: nameBox.top >= header.top - 1 && nameBox.bottom <= header.bottom + 1,
      overflow: name ? getComputedStyle(name).textOverflow : '',
      colours: `${style.color} on ${style.backgroundColor}`,
      size: style.fontSize,
    };
  });
  expect(seen).toEqual({
    onTop: [true, true, true, true, true],
    wordsInside: true,
    notCut: true,
    inHeader: true,
    inWindow: true,
    afterName: true,
    nameInHeader: true,
    overflow: 'ellipsis',
    colours: 'rgb(66, 32, 6) on rgb(250, 204, 21)',
    size: '12px',
  });
}

/** Sees to it that nothing of a message is drawn outside the box below its header. */
async function expectContained(header: Locator): Promise<void> {
  const group = header.locator('..');
  const outside = await group.evaluate((element) => {
    const header = element.querySelector('.sender');
    const above = header?.getBoundingClientRect() ?? new DOMRect();
    // The header stays in view while what is below it scrolls away beneath: it covers that whole.
    const covers = Array.from({ length: 40 }, (_, step) => {
      const x = above.left + (above.width * (step + 0.5)) / 40;
      const top = document.elementFromPoint(x, above.top + above.height / 2);
      return header?.contains(top) === true;
    });
    const text = element.querySelector('.text');
    const box = text?.getBoundingClientRect() ?? new DOMRect();
    const style = text ? getComputedStyle(text) : undefined;
    return {
      belowHeader: box.top >= element.getBoundingClientRect().top + above.height - 0.5,
      covered: covers.every(Boolean),
      clips: style?.overflow === 'hidden' && style.contain.includes('content'),
      inWindow: box.right <= innerWidth,
    };
  });
  expect(outside).toEqual({ belowHeader: true, covered: true, clips: true, inWindow: true });
}

for (const [where, viewport] of [
  ['wide', { width: 1280, height: 800 }],
  ['narrow', { width: 390, height: 800 }],
] as const) {
  test.describe(`on a ${where} screen`, () => {
    test.use({ viewport });

    test('no name of a sender hides the badge or imitates it', async ({ people, browserOf }) => {
      const { ada, general, webhook } = await scene(people);
      const page = await browserOf(ada, `/c/${general.id}`);
      await page.setViewportSize(viewport);
      for (const [what, username] of Object.entries(NAMES)) {
        await test.step(`a name ${what}`, async () => {
          const text = `a name ${what}!`;
          await webhook.post(text, { username });
          const header = headerOf(page, text);
          await expectWhole(header);
          await expectContained(header);
        });
      }
      // One badge for each sender, and no other element that looks like one.
      const yellow = await page
        .getByRole('log')
        .evaluate(
          (log) =>
            [...log.querySelectorAll('*')].filter(
              (each) => getComputedStyle(each).backgroundColor === 'rgb(250, 204, 21)',
            ).length,
        );
      expect(yellow).toBe(Object.keys(NAMES).length);
    });

    test('nothing that a message says reaches its header', async ({ people, browserOf }) => {
      const { ada, general, webhook } = await scene(people);
      const page = await browserOf(ada, `/c/${general.id}`);
      await page.setViewportSize(viewport);
      for (const [what, content] of Object.entries(CONTENTS)) {
        await test.step(what, async () => {
          const username = `Says ${what}`;
          await webhook.post(content, { username });
          const header = headerOf(page, username);
          await expectWhole(header);
          await expectContained(header);
        });
      }
      const badges = page.getByRole('log').locator('.badge');
      await expect(badges).toHaveCount(Object.keys(CONTENTS).length);
    });
  });
}

test('the badge stays with a message that is higher than the window', async ({
  people,
  browserOf,
}) => {
  const { ada, general, webhook } = await scene(people);
  await webhook.post(`${'a line\n'.repeat(400)}the end`);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(page.getByText('the end')).toBeVisible();
  await page.getByRole('log').press('End');
  await expect(page.getByText('the end')).toBeInViewport();
  const badge = page.getByRole('note');
  await expect(badge).toBeInViewport({ ratio: 1 });
  await expectWhole(headerOf(page, 'the end'));
});

test('a picture of a badge stays in the place of the avatar', async ({ people, browserOf }) => {
  const { ada, general, webhook } = await scene(people);
  const avatar = 'https://pictures.example/badge.svg';
  await webhook.post('Look at me', { avatar_url: avatar });
  const page = await browserOf(ada, '/');
  await page.route(avatar, (route) =>
    route.fulfill({
      contentType: 'image/svg+xml',
      body: `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="300"><rect width="4000" height="300" fill="#facc15"/><text y="200" font-size="200">Person · E2EE</text></svg>`,
    }),
  );
  await page.goto(`/c/${general.id}`);
  const header = headerOf(page, 'Look at me');
  const picture = header.locator('img');
  await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(4000);
  const box = await picture.boundingBox();
  expect([box?.width, box?.height]).toEqual([36, 36]);
  await expectWhole(header);
});
