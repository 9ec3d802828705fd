import { expect, test } from 'vitest';

import { isRead } from './clearing';
import type { ToWorker } from './messages';

test('what was read is cleared by its id, or all of it', () => {
  expect(isRead('a', { type: 'read', ids: ['b', 'a'] })).toBe(true);
  expect(isRead('a', { type: 'read', ids: ['b'] })).toBe(false);
  expect(isRead('a', { type: 'read', all: true })).toBe(true);
});

test('a message that is newer than this worker clears nothing', () => {
  const newer = { type: 'muted', all: true } as unknown as ToWorker;
  expect(isRead('a', newer)).toBe(false);
});
