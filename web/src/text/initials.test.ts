import { expect, it } from 'vitest';

import { initials, toneOf } from './initials';

it.each([
  ['alice', 'A'],
  ['CI Pipeline', 'CP'],
  ['the nightly backup job', 'TJ'],
  ['ops-bot', 'O'],
  ['  spaced  out ', 'SO'],
  ['日本 語', '日語'],
  ['🚀 Deploys', 'D'],
  ['🚀', '🚀'],
  ['', '?'],
])('the initials of %j are %j', (name, expected) => {
  expect(initials(name)).toBe(expected);
});

it('a letter with accents piled upon it does not grow without bound', () => {
  expect(initials(`Z${'\u0301'.repeat(500)}`).length).toBeLessThanOrEqual(8);
});

it('a name always has the same tone', () => {
  expect(toneOf('alice')).toBe(toneOf('alice'));
  expect(toneOf('🚀'.repeat(64))).toBeGreaterThanOrEqual(0);
});
