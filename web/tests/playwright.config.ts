/** How the browser tests run: the real client in a real Chromium against the real server. */
import { defineConfig } from '@playwright/test';

import { chromium } from './support/chromium';

export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  // Each worker has a server with a database of its own, and a browser.
  workers: 1,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 30_000,
  reporter: 'list',
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: chromium(),
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // Nothing that a test shows leaves this machine.
        '--no-proxy-server',
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      ],
    },
  },
});
