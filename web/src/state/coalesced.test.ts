import { describe, expect, test } from 'vitest';

import { Coalesced } from './coalesced';
import { Recent } from './recent';

describe('coalesced work', () => {
  test('is done once more for all who ask while it is done', async () => {
    const ends: (() => void)[] = [];
    const work = new Coalesced(() => new Promise((resolve) => ends.push(resolve)));
    const first = work.run();
    const later = [work.run(), work.run(), work.run()];
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await first;
    await Promise.resolve();
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await Promise.all(later);
    expect(ends).toHaveLength(2);
  });

  test('is done again after it failed', async () => {
    let runs = 0;
    const work = new Coalesced(async () => {
      runs += 1;
      if (runs === 1) throw new Error('once');
    });
    const first = work.run();
    const second = work.run();
    await expect(first).rejects.toThrow('once');
    await second;
    await work.run();
    expect(runs).toBe(3);
  });
});

test('the recent values are those used last', () => {
  const recent = new Recent<number>(2);
  recent.get('a', () => 1);
  recent.get('b', () => 2);
  recent.get('a', () => 3);
  recent.get('c', () => 4);
  expect(recent.entries()).toEqual([
    ['a', 1],
    ['c', 4],
  ]);
});
