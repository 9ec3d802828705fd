import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Outbox } from './outbox';

const PING = { type: 'ping' } as const;

describe('the outbox', () => {
  let sent: { at: number }[];
  let outbox: Outbox;

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    outbox = new Outbox(() => sent.push({ at: performance.now() }));
  });

  afterEach(() => {
    outbox.close();
    vi.useRealTimers();
  });

  test('sends a burst at once, within what the server saves up', () => {
    for (let i = 0; i < 150; i += 1) outbox.send(PING);
    expect(sent.length).toBeLessThanOrEqual(100);
    expect(sent.length).toBeGreaterThanOrEqual(50);
  });

  test('stays below twenty a second after the burst, and sends everything in the end', () => {
    for (let i = 0; i < 200; i += 1) outbox.send(PING);
    const burst = sent.length;
    vi.advanceTimersByTime(1_000);
    expect(sent.length - burst).toBeLessThanOrEqual(20);
    vi.advanceTimersByTime(20_000);
    expect(sent.length).toBe(200);
    for (const { at } of sent.slice(100)) {
      const within = sent.filter((other) => other.at >= at && other.at < at + 1_000);
      expect(within.length).toBeLessThanOrEqual(20);
    }
  });

  test('refuses what would wait behind too many', () => {
    const taken = Array.from({ length: 1_000 }, () => outbox.send(PING));
    expect(taken.filter(Boolean).length).toBeLessThanOrEqual(300);
    expect(taken.at(-1)).toBe(false);
  });

  test('keeps the order', () => {
    const texts: string[] = [];
    const ordered = new Outbox((text) => texts.push(text));
    for (let ref = 0; ref < 120; ref += 1) ordered.send({ type: 'ping', ref });
    vi.advanceTimersByTime(10_000);
    expect(texts.map((text) => JSON.parse(text).ref)).toEqual([...texts.keys()]);
  });

  test('sends nothing once its connection is gone', () => {
    for (let i = 0; i < 150; i += 1) outbox.send(PING);
    outbox.close();
    const before = sent.length;
    vi.advanceTimersByTime(60_000);
    expect(sent.length).toBe(before);
  });
});
