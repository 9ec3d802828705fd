import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { CryptoEngine } from '../encryption/types';
import { LONGEST_PAUSE_MS } from '../protocol/backoff';
import { Encryption } from './encryption.svelte';

let fails: boolean;
let attempts: number;
let encryption: Encryption;

beforeEach(() => {
  vi.useFakeTimers();
  fails = true;
  attempts = 0;
  encryption = new Encryption({
    open: async () => {
      attempts += 1;
      if (fails) throw new Error('no network');
      return {
        state: async () => ({
          recovery: 'unlocked',
          identityReplaced: false,
          backup: 'ok',
          verification: null,
          identityChanges: [],
        }),
        unlock: async () => {},
      } as unknown as CryptoEngine;
    },
    keysCame: () => {},
    devicesChanged: () => {},
    isRepeat: () => {},
  });
});

afterEach(() => {
  vi.useRealTimers();
});

test('encryption that cannot be opened is not tried again for every message', async () => {
  for (let message = 0; message < 20; message += 1) {
    await expect(encryption.engine()).rejects.toThrow('no network');
  }
  expect(attempts).toBe(1);
  expect(encryption.status).toBe('error');
  vi.advanceTimersByTime(LONGEST_PAUSE_MS);
  fails = false;
  await encryption.engine();
  expect(attempts).toBe(2);
  expect(encryption.status).toBe('ready');
});

test('what the user asks for by hand tries to open it at once', async () => {
  await encryption.open();
  await encryption.retry();
  expect(attempts).toBe(2);
  fails = false;
  await encryption.unlock('a recovery key');
  expect(attempts).toBe(3);
});

test('whoever signs in next does not wait for what failed before', async () => {
  await encryption.open();
  encryption.reset();
  fails = false;
  await encryption.engine();
  expect(encryption.status).toBe('ready');
});
