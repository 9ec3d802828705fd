import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Problem } from '../api/http';
import { ReadMarks } from './read_marks';

describe('read marks', () => {
  let sent: [string, number, boolean][];
  let fail: Problem | null;
  let marks: ReadMarks;

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    fail = null;
    marks = new ReadMarks(async (channelId, seq, leaving) => {
      sent.push([channelId, seq, leaving]);
      if (fail) throw fail;
    });
  });

  afterEach(() => {
    marks.clear();
    vi.useRealTimers();
  });

  test('are told together, the newest of each channel', async () => {
    for (let seq = 1; seq <= 40; seq += 1) marks.mark('a', seq);
    marks.mark('b', 3);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([
      ['a', 40, false],
      ['b', 3, false],
    ]);
  });

  test('never go back', async () => {
    marks.mark('a', 40);
    await vi.advanceTimersByTimeAsync(1_000);
    marks.mark('a', 12);
    marks.mark('a', 40);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
  });

  test('are told at once when the page is left', async () => {
    marks.mark('a', 4);
    await marks.flush(true);
    expect(sent).toEqual([['a', 4, true]]);
  });

  test('are kept while the network is away, and told when asked again', async () => {
    fail = new Problem(0, 'network', '', '');
    marks.mark('a', 4);
    await vi.advanceTimersByTimeAsync(1_000);
    marks.mark('a', 6);
    fail = null;
    await marks.flush();
    expect(sent.at(-1)).toEqual(['a', 6, false]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(2);
  });

  test('are dropped when the channel is gone', async () => {
    fail = new Problem(404, 'not_found', '', '');
    marks.mark('a', 4);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
  });

  test('do not ask a server that is away often', async () => {
    fail = new Problem(0, 'network', '', '');
    marks.mark('a', 4);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.length).toBeLessThanOrEqual(7);
  });
});
