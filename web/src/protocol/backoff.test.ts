import { describe, expect, test } from 'vitest';

import { LONGEST_PAUSE_MS, pauseBefore, verdictOn } from './backoff';

describe('the pause before an attempt', () => {
  test('is short the first time', () => {
    expect(pauseBefore(0, () => 0.999)).toBeLessThanOrEqual(500);
  });

  test('doubles its span with every attempt, up to the longest', () => {
    const spans = [0, 1, 2, 3, 4, 5, 6, 7, 50].map((attempt) => pauseBefore(attempt, () => 1));
    expect(spans).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('is anywhere within its span, so that clients come back spread out', () => {
    const pauses = Array.from({ length: 2_000 }, () => pauseBefore(20));
    expect(Math.min(...pauses)).toBeLessThan(LONGEST_PAUSE_MS * 0.1);
    expect(Math.max(...pauses)).toBeGreaterThan(LONGEST_PAUSE_MS * 0.9);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(LONGEST_PAUSE_MS);
  });

  test('is never nothing', () => {
    expect(pauseBefore(9, () => 0)).toBeGreaterThan(0);
  });
});

describe('a close code', () => {
  test.each([1000, 1001, 1006, 1011, 4001, 4002, 4003, 4004, 4499])('%i: again', (code) => {
    expect(verdictOn(code)).toBe('again');
  });

  test.each([1002, 1003, 1008, 1009])('%i: slowly', (code) => {
    expect(verdictOn(code)).toBe('slowly');
  });

  test.each([4500, 4501, 4999])('%i: signed out', (code) => {
    expect(verdictOn(code)).toBe('signed_out');
  });
});
