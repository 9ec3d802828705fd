/**
 * How fast the page is: `npm run measure`. Nothing is asserted about times, which depend on the
 * machine; the figures go to `test-results/measured.json` and to the screen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { BrowserContext, Page } from '@playwright/test';

import type { Channel } from '../src/api/types';
import { percentile, startRecording, stopRecording, weigh } from './support/frames';
import type { People, Person, Webhook } from './support/people';
import type { Server } from './support/server';
import { expect, signIn, test } from './support/test';

const VISITS = 15;
const MESSAGES = 10_000;
const PER_SECOND = 50;
const SECONDS = 20;

/** What automations post, of all sizes. */
const POSTS = [
  'Build #142 of **main** passed in 3 min 12 s.',
  'Deployed `v2.14.1` to [production](https://example.com/deploys/142).',
  ':warning: disk of db1 is **91 %** full\n\n- /var 91 %\n- / 40 %',
  'All good.',
  '```json\n{"service": "api", "state": "degraded", "latency_ms": 1250}\n```',
  'A longer report. '.repeat(20),
  '> 12 tests failed\n\n1. `login_fails_without_password`\n2. `posts_are_stored`\n\nSee https://example.com/ci/142',
  '| host | load |\n| --- | ---: |\n| web1 | 0.4 |\n| web2 | 3.9 |',
];

const measured: Record<string, unknown> = {};

test.afterAll(({ browser }) => {
  const [cpu] = cpus();
  const conditions = {
    processor: `${cpus().length} × ${cpu?.model ?? 'unknown'}`,
    memory_gb: Math.round(totalmem() / 1e9),
    browser: `Chromium ${browser.version()}, headless, without a GPU`,
  };
  const text = JSON.stringify({ conditions, ...measured }, null, 2);
  const directory = resolve(import.meta.dirname, '../test-results');
  mkdirSync(directory, { recursive: true });
  writeFileSync(resolve(directory, 'measured.json'), `${text}\n`);
  process.stdout.write(`${text}\n`);
});

async function fill(webhook: Webhook, count: number): Promise<void> {
  let next = 0;
  const poster = async () => {
    while (next < count) {
      const number = next;
      next += 1;
      const username = `Automation ${Math.floor(number / 3) % 7}`;
      await webhook.post(`${number}: ${POSTS[number % POSTS.length] ?? ''}`, { username });
    }
  };
  await Promise.all(Array.from({ length: 16 }, poster));
}

async function filledChannel(
  people: People,
  count: number,
): Promise<{ ada: Person; general: Channel; webhook: Webhook }> {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const webhook = await ada.webhook(general);
  await fill(webhook, count);
  const { last_seq: seq } = await ada.api.get('/api/channels/{channel_id}', {
    path: { channel_id: general.id },
  });
  await ada.api.post('/api/channels/{channel_id}/read', {
    path: { channel_id: general.id },
    body: { seq },
  });
  return { ada, general, webhook };
}

/** Says when, after its navigation began, something in the page could first be seen. */
async function seenAfter(page: Page, path: string, selector: string): Promise<number> {
  await page.goto(path, { waitUntil: 'commit' });
  return page.evaluate(
    (selector) =>
      new Promise<number>((done) => {
        const look = () => {
          const found = [...document.querySelectorAll(selector)].at(-1);
          if (found?.checkVisibility({ visibilityProperty: true })) {
            requestAnimationFrame(() => done(performance.now()));
          } else requestAnimationFrame(look);
        };
        look();
      }),
    selector,
  );
}

async function visits(
  context: () => Promise<BrowserContext>,
  path: string,
  selector: string,
): Promise<unknown> {
  const [first, again]: [number[], number[]] = [[], []];
  for (let visit = 0; visit < VISITS; visit += 1) {
    const own = await context();
    for (const times of [first, again]) {
      const page = await own.newPage();
      times.push(await seenAfter(page, path, selector));
      await page.close();
    }
    await own.close();
  }
  const [cold, warm] = [first, again].map((times) => {
    const sorted = times.sort((a, b) => a - b);
    return {
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      max: percentile(sorted, 1),
    };
  });
  return { visits: VISITS, nothing_cached_ms: cold, second_visit_ms: warm };
}

async function signedIn(page: Page, server: Server, person: Person, path: string): Promise<void> {
  await signIn(page.context(), server, person);
  await page.goto(path);
  await expect(page.getByRole('article').last()).toBeInViewport();
}

test('the first screen', async ({ people, server, browser }) => {
  const { ada, general } = await filledChannel(people, 500);
  const nobody = () => browser.newContext({ baseURL: server.url });
  const somebody = async () => {
    const context = await nobody();
    await signIn(context, server, ada);
    return context;
  };
  // Once before, so that neither the server nor the browser does anything for the first time.
  await (await somebody()).newPage().then((page) => seenAfter(page, '/', 'article'));
  measured['first_screen'] = {
    channel_with_messages: await visits(somebody, `/c/${general.id}`, '[role=log] article'),
    sign_in: await visits(nobody, '/', 'form button'),
  };
});

test('scrolling through many messages', async ({ people, server, page }) => {
  const { ada, general } = await filledChannel(people, MESSAGES);
  await signedIn(page, server, ada, `/c/${general.id}`);
  const beginning = page.getByText('This is the beginning of #general.');
  const log = page.getByRole('log');
  await log.hover();
  const before = await weigh(page);
  await startRecording(page);
  while (!(await beginning.isVisible())) {
    for (let turn = 0; turn < 20; turn += 1) {
      await page.mouse.wheel(0, -400);
      await pause(16);
    }
  }
  const up = await stopRecording(page);
  const atBeginning = await weigh(page);
  await startRecording(page);
  for (let turn = 0; turn < 1500; turn += 1) {
    await page.mouse.wheel(0, 400);
    await pause(16);
  }
  const down = await stopRecording(page);
  await startRecording(page);
  await page.getByRole('button', { name: 'Jump to latest' }).click();
  await expect(page.getByRole('article').filter({ hasText: `${MESSAGES - 1}:` })).toBeInViewport();
  const jump = await stopRecording(page);
  measured['scrolling'] = {
    messages: MESSAGES,
    up: { ...up, messages_per_second: Math.round(MESSAGES / up.seconds) },
    down,
    jump_to_latest: jump,
    before,
    at_the_beginning: atBeginning,
    after: await weigh(page),
  };
});

test('many messages arriving', async ({ people, server, page }) => {
  const { ada, general, webhook } = await filledChannel(people, 500);
  await signedIn(page, server, ada, `/c/${general.id}`);
  const before = await weigh(page);
  await startRecording(page);
  const posts: Promise<void>[] = [];
  const began = performance.now();
  for (let number = 0; number < PER_SECOND * SECONDS; number += 1) {
    const due = began + (number * 1000) / PER_SECOND;
    await pause(Math.max(0, due - performance.now()));
    posts.push(webhook.post(`live ${number}: ${POSTS[number % POSTS.length] ?? ''}`));
  }
  await Promise.all(posts);
  const posted = (performance.now() - began) / 1000;
  const last = page.getByRole('article').filter({ hasText: `live ${PER_SECOND * SECONDS - 1}:` });
  await expect(last).toBeInViewport();
  const smoothness = await stopRecording(page);
  measured['arriving'] = {
    messages: PER_SECOND * SECONDS,
    posted_per_second: Math.round((PER_SECOND * SECONDS) / posted),
    ...smoothness,
    before,
    after: await weigh(page),
  };
});
