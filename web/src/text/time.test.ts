import { expect, it } from 'vitest';

import { clockTime, dayName, fullTime, sameDay, shortTime } from './time';

const today = new Date(2026, 5, 10, 15, 0);

it.each([
  [new Date(2026, 5, 10, 9, 41), '09:41'],
  [new Date(2026, 5, 10, 0, 0), '00:00'],
  [new Date(2026, 5, 9, 23, 59), 'Tue 23:59'],
  [new Date(2026, 5, 4, 9, 41), 'Thu 09:41'],
  [new Date(2026, 5, 3, 9, 41), '3 Jun 2026'],
  [new Date(2025, 5, 10, 9, 41), '10 Jun 2025'],
  [new Date(2026, 5, 11, 9, 41), '11 Jun 2026'],
])('the short time of %s is %s', (time, expected) => {
  expect(shortTime(time, today)).toBe(expected);
});

it.each([
  [new Date(2026, 5, 10, 9, 41), /^Today$/],
  [new Date(2026, 5, 9, 23, 59), /^Yesterday$/],
  [new Date(2026, 5, 1), /^Monday,? 1 June$/],
  [new Date(2025, 5, 1), /^Sunday,? 1 June 2025$/],
])('the day of %s is called %s', (time, expected) => {
  expect(dayName(time, today)).toMatch(expected);
});

it('a day ends at midnight', () => {
  expect(sameDay(new Date(2026, 5, 9, 23, 59, 59), new Date(2026, 5, 10))).toBe(false);
  expect(sameDay(new Date(2026, 5, 10), new Date(2026, 5, 10, 23, 59, 59))).toBe(true);
});

it('the full time has the day, the year and the second', () => {
  expect(fullTime(new Date(2026, 5, 10, 9, 41, 7))).toMatch(/Wednesday,? 10 June 2026.* 09:41:07/);
  expect(clockTime(new Date(2026, 5, 10, 9, 41, 7))).toBe('09:41');
});
