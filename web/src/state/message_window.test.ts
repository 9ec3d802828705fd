import { describe, expect, test } from 'vitest';

import {
  append,
  cutNewest,
  cutOldest,
  EMPTY,
  holds,
  type MessageWindow,
  MOST_HELD,
  prepend,
  revise,
} from './message_window';
import { message, messages, range, seqs } from './testing/messages';

function windowOf(from: number, to: number): MessageWindow {
  return { messages: messages(from, to), hasOlder: from > 1, hasNewer: false };
}

describe('adding to the end', () => {
  test('takes what follows', () => {
    const { window, detached } = append(windowOf(1, 3), messages(4, 6));
    expect(seqs(window.messages)).toEqual(range(1, 6));
    expect(detached).toEqual([]);
  });

  test('drops silently what is held already', () => {
    const before = windowOf(5, 9);
    expect(append(before, messages(7, 9)).window).toBe(before);
    expect(seqs(append(before, messages(3, 11)).window.messages)).toEqual(range(5, 11));
  });

  test('puts in order what came in disorder, and takes each once', () => {
    const { window } = append(windowOf(1, 2), [message(4), message(3), message(4), message(5)]);
    expect(seqs(window.messages)).toEqual(range(1, 5));
  });

  test('stops at a gap and says what lies behind it', () => {
    const { window, detached } = append(windowOf(1, 3), [message(4), message(6), message(7)]);
    expect(seqs(window.messages)).toEqual(range(1, 4));
    expect(seqs(detached)).toEqual([6, 7]);
  });

  test('begins an empty channel with its first message', () => {
    expect(seqs(append(EMPTY, messages(1, 2)).window.messages)).toEqual([1, 2]);
    expect(seqs(append(EMPTY, [message(2)]).detached)).toEqual([2]);
  });
});

describe('adding to the beginning', () => {
  test('takes the page that adjoins', () => {
    const window = prepend(windowOf(51, 60), messages(1, 50), false);
    expect(seqs(window.messages)).toEqual(range(1, 60));
    expect(window.hasOlder).toBe(false);
  });

  test('takes nothing that does not adjoin', () => {
    const before = windowOf(51, 60);
    expect(prepend(before, messages(1, 40), true)).toBe(before);
  });

  test('learns from an empty page that there is nothing older', () => {
    expect(prepend(windowOf(51, 60), [], false).hasOlder).toBe(false);
  });
});

describe('a window that grew too large', () => {
  const large = windowOf(1, MOST_HELD + 1);

  test('lets its oldest messages go, and knows that there are older ones', () => {
    const window = cutOldest(large);
    expect(window.messages.length).toBeLessThan(MOST_HELD);
    expect(window.messages.at(-1)?.seq).toBe(MOST_HELD + 1);
    expect(window.hasOlder).toBe(true);
    expect(window.hasNewer).toBe(false);
  });

  test('lets its newest messages go, and knows that there are newer ones', () => {
    const window = cutNewest(large);
    expect(window.messages.length).toBeLessThan(MOST_HELD);
    expect(window.messages[0]?.seq).toBe(1);
    expect(window.hasNewer).toBe(true);
  });

  test('is left alone up to the greatest size', () => {
    const full = windowOf(1, MOST_HELD);
    expect(cutOldest(full)).toBe(full);
    expect(cutNewest(full)).toBe(full);
  });
});

test('a place is held when it lies within', () => {
  const window = windowOf(5, 9);
  expect([4, 5, 9, 10].map((seq) => holds(window, seq))).toEqual([false, true, true, false]);
  expect(holds(EMPTY, 0)).toBe(false);
});

test('revising changes nothing when nothing is revised', () => {
  const window = windowOf(1, 3);
  expect(revise(window, (held) => held)).toBe(window);
  const revised = revise(window, (held) => (held.seq === 2 ? { ...held, deleted: true } : held));
  expect(revised.messages[1]?.deleted).toBe(true);
  expect(revised.messages[0]).toBe(window.messages[0]);
});
