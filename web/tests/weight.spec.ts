/** What a first visit costs. */
import type { APIRequestContext } from '@playwright/test';

import { canBeWrittenTo, PATIENCE, say, signInAt } from './support/encryption';
import { message } from './support/screens';
import { expect, test } from './support/test';

/** Kilobytes of JavaScript, compressed with gzip, before anything can be used. */
const INITIAL_SCRIPT_KB = 150;

async function kilobytes(request: APIRequestContext, scripts: Iterable<string>): Promise<number> {
  let bytes = 0;
  for (const script of scripts) {
    const answer = await request.head(script, { headers: { 'Accept-Encoding': 'gzip' } });
    bytes += Number(answer.headers()['content-length']);
  }
  return bytes / 1000;
}

test('a first visit loads little script', async ({ request }) => {
  const page = await (await request.get('/')).text();
  const scripts = new Set(page.match(/\/assets\/[^"]+\.js/g));
  expect(scripts.size).toBeGreaterThan(0);
  expect(await kilobytes(request, scripts), 'KB of script').toBeLessThanOrEqual(INITIAL_SCRIPT_KB);
});

test('a channel is shown with little script, and nothing from anywhere else', async ({
  people,
  browserOf,
  server,
}) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const webhook = await ada.webhook(general);
  await webhook.post(`**Deployed** [the build](https://example.com/142), @${ada.username}`, {
    avatar_url: 'https://example.com/avatar.png',
  });
  const page = await browserOf(ada, '/nothing-here');
  const requested: URL[] = [];
  const scripts = new Set<string>();
  page.on('request', (request) => {
    requested.push(new URL(request.url()));
    if (request.resourceType() === 'script') scripts.add(request.url());
  });
  await page.goto(`/c/${general.id}`);
  await expect(page.getByRole('article')).toContainText('Deployed the build');
  expect(scripts.size).toBeGreaterThan(0);
  const weight = await kilobytes(page.request, scripts);
  expect(weight, 'KB of script').toBeLessThanOrEqual(INITIAL_SCRIPT_KB);
  // The one thing that leads elsewhere is a picture that somebody chose for an avatar.
  const avatar = 'https://example.com/avatar.png';
  const foreign = requested.filter(({ origin, href }) => origin !== server.url && href !== avatar);
  expect(foreign.map(String)).toEqual([]);
});

test('reading what webhooks post loads nothing of encryption, until there is something to decrypt', async ({
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const general = await ada.general(community);
  const written = await ada.channel(community, 'written');
  const webhook = await ada.webhook(general);
  const page = await browserOf(null);
  // A new device publishes its keys once, so that others can write to it.
  await signInAt(page, ada, `/c/${written.id}`);
  await canBeWrittenTo(ada);
  await say(page, 'a secret');

  const loaded: string[] = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  const ofEncryption = () => loaded.filter((path) => /engine|\.wasm$|[Ee]ncrypt|e2ee/.test(path));
  await page.goto(`/c/${general.id}`);
  await webhook.post('Deployed **v42**');
  await expect(message(page, 'Deployed v42')).toBeVisible();
  // What is not needed at first is fetched when the page has nothing else to do.
  await expect.poll(() => loaded.some((path) => path.includes('/Shortcuts')), PATIENCE).toBe(true);
  expect(ofEncryption()).toEqual([]);

  await page.goto(`/c/${written.id}`);
  await expect(message(page, 'a secret')).toBeVisible(PATIENCE);
  expect(ofEncryption()).not.toEqual([]);
});
