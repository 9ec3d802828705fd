import { describe, expect, test } from 'vitest';

import { MentionCount } from './mention_count';

describe('the count of mentions', () => {
  test('is what the server counted, and what came since', () => {
    const count = new MentionCount();
    count.snapshot(2, 10);
    count.add('n1', 11);
    count.add('n2', 12);
    expect(count.value).toBe(4);
  });

  test('counts a mention that is offered again once', () => {
    const count = new MentionCount();
    count.snapshot(2, 10);
    count.add('old', 9);
    count.add('n1', 11);
    count.add('n1', 11);
    expect(count.value).toBe(3);
  });

  test('keeps what came live when the server counted before it', () => {
    const count = new MentionCount();
    count.add('n1', 11);
    count.snapshot(2, 10);
    expect(count.value).toBe(3);
    count.snapshot(3, 11);
    expect(count.value).toBe(3);
  });

  test('keeps what only this device knows of, until it is read', () => {
    const count = new MentionCount();
    count.snapshot(1, 10);
    count.find('m1', 11);
    count.find('m2', 12);
    count.find('m2', 12);
    count.snapshot(1, 12, 10);
    expect(count.value).toBe(3);
    count.readUpTo(11);
    expect(count.value).toBe(2);
    count.snapshot(0, 12, 12);
    expect(count.value).toBe(0);
  });

  test('falls by what was read', () => {
    const count = new MentionCount();
    count.snapshot(2, 10);
    count.add('n1', 11);
    count.read('n1');
    expect(count.value).toBe(2);
    count.read('one of those the server counted');
    expect(count.value).toBe(1);
    count.readAll();
    expect(count.value).toBe(0);
    count.read('one more');
    expect(count.value).toBe(0);
  });

  test('falls to what came after the place that was read', () => {
    const count = new MentionCount();
    count.snapshot(2, 10);
    count.add('n1', 11);
    count.add('n2', 15);
    count.readUpTo(12);
    expect(count.value).toBe(1);
  });

  test('stays when only a part of what the server counted was read', () => {
    const count = new MentionCount();
    count.snapshot(2, 10);
    count.readUpTo(7);
    expect(count.value).toBe(2);
  });

  test('remembers no more than it must, and counts on', () => {
    const count = new MentionCount();
    for (let seq = 1; seq <= 5_000; seq += 1) count.add(`n${seq}`, seq);
    expect(count.value).toBe(5_000);
    count.readUpTo(5_000);
    expect(count.value).toBe(0);
  });
});
