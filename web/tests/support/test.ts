/** `test` with a server, people, and browsers that may not complain. */
import {
  test as base,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from '@playwright/test';

import { People, PASSWORD, type Person } from './people';
import { Server, type Settings } from './server';

export { expect } from '@playwright/test';

/** What browsers complained of: errors of scripts, and what the page's policy refused. */
export class Complaints {
  readonly #heard: string[] = [];
  readonly #expected: RegExp[] = [];

  /** Lets complaints that match `pattern` pass, in a test that provokes them. */
  expect(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  listenTo(context: BrowserContext): void {
    context.on('console', (message) => {
      // An answer that is an error is the page's to show, and a test's to look at.
      const answered = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !answered) this.#heard.push(message.text());
    });
    context.on('weberror', (error) => this.#heard.push(String(error.error().stack)));
  }

  get heard(): string[] {
    return this.#heard.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
  }
}

interface TestFixtures {
  /** What the test's browsers complained of; whatever was not expected fails the test. */
  complaints: Complaints;
  /** Makes accounts at the worker's server. */
  people: People;
  /** A server of this test alone, empty. */
  emptyServer: Server;
  /** Opens a browser of its own, in which `person` is signed in, or nobody; at the start page. */
  browserOf: (
    person: Person | null,
    path?: string,
    options?: BrowserContextOptions,
  ) => Promise<Page>;
}

interface WorkerFixtures {
  /** Settings beside the usual ones, by `test.use`; such tests get a server of their own. */
  settings: Settings;
  /** The server that the tests of a worker share. What they make there has unique names. */
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  settings: [{}, { option: true, scope: 'worker' }],

  server: [
    async ({ settings }, use) => {
      const server = await Server.start(settings);
      await use(server);
      await server.dispose();
    },
    { scope: 'worker', timeout: 90_000 },
  ],

  emptyServer: [
    async ({ settings }, use) => {
      const server = await Server.start(settings);
      await use(server);
      await server.dispose();
    },
    { timeout: 90_000 },
  ],

  baseURL: async ({ server }, use) => {
    await use(server.url);
  },

  people: async ({ server }, use) => {
    await use(new People(server.url));
  },

  complaints: async ({}, use) => {
    const complaints = new Complaints();
    await use(complaints);
    test.expect(complaints.heard, 'what the browsers complained of').toEqual([]);
  },

  context: async ({ context, complaints }, use) => {
    complaints.listenTo(context);
    await use(context);
  },

  browserOf: async ({ browser, server, complaints }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (person, path = '/', options = {}) => {
      const context = await browser.newContext({ ...options, baseURL: server.url });
      contexts.push(context);
      complaints.listenTo(context);
      if (person !== null) await signIn(context, server, person);
      const page = await context.newPage();
      await page.goto(path);
      return page;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});

/** Signs `person` in, in every page of `context`, without a form. */
export async function signIn(
  context: BrowserContext,
  server: Server,
  person: Person,
): Promise<void> {
  const answer = await context.request.post(`${server.url}/api/auth/login`, {
    headers: { Origin: server.url },
    data: { username: person.username, password: PASSWORD },
  });
  test.expect(answer.ok(), await answer.text()).toBe(true);
}
