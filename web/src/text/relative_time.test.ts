import { expect, test } from 'vitest';

import { relativeTime } from './relative_time';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const away = (seconds: number) => relativeTime(new Date(NOW + seconds * 1000).toISOString(), NOW);

test('a time that has passed is so long ago', () => {
  expect([0, -59, -60, -119, -3599].map(away)).toEqual([
    'just now',
    'just now',
    '1 minute ago',
    '1 minute ago',
    '59 minutes ago',
  ]);
  expect([-3600, -86_399, -86_400, -6 * 86_400].map(away)).toEqual([
    '1 hour ago',
    '23 hours ago',
    'yesterday',
    '6 days ago',
  ]);
  expect([-45 * 86_400, -800 * 86_400].map(away)).toEqual(['last month', '2 years ago']);
});

test('a time to come is so far away', () => {
  expect([30, 80, 7 * 86_400 - 5].map(away)).toEqual([
    'in less than a minute',
    'in 1 minute',
    'in 7 days',
  ]);
});

test('what is no time has no distance', () => {
  expect(relativeTime('yesterday', NOW)).toBe('');
});
