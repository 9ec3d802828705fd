/** How the page is measured: alone on the machine, against a release build of the server. */
import { defineConfig } from '@playwright/test';

import tests from './playwright.config';

export default defineConfig(tests, {
  testMatch: '*.measure.ts',
  timeout: 600_000,
  use: { trace: 'off', viewport: { width: 1280, height: 800 } },
});
