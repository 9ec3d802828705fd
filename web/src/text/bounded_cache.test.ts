import { expect, it, vi } from 'vitest';

import { BoundedCache } from './bounded_cache';

it('a value is made once while it is kept', () => {
  const cache = new BoundedCache<string, number>(2);
  const make = vi.fn(() => 1);
  cache.get('a', make);
  cache.get('a', make);
  expect(make).toHaveBeenCalledTimes(1);
});

it('beyond the limit the value unused for longest is forgotten', () => {
  const cache = new BoundedCache<string, string>(2);
  cache.get('a', () => 'first');
  cache.get('b', () => 'first');
  cache.get('a', () => 'again');
  cache.get('c', () => 'first');
  expect(cache.get('a', () => 'again')).toBe('first');
  expect(cache.get('b', () => 'again')).toBe('again');
});
