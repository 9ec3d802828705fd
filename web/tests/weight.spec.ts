/** What a first visit costs. */
import { expect, test } from './support/test';

/** Kilobytes of JavaScript, compressed with gzip, before anything can be used. */
const INITIAL_SCRIPT_KB = 150;

test('a first visit loads little script', async ({ request }) => {
  const page = await (await request.get('/')).text();
  const scripts = new Set(page.match(/\/assets\/[^"]+\.js/g));
  expect(scripts.size).toBeGreaterThan(0);
  let bytes = 0;
  for (const script of scripts) {
    const answer = await request.head(script, { headers: { 'Accept-Encoding': 'gzip' } });
    bytes += Number(answer.headers()['content-length']);
  }
  expect(bytes / 1000, 'KB of script').toBeLessThanOrEqual(INITIAL_SCRIPT_KB);
});
