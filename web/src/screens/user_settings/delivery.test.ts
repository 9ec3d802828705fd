import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Device } from '../../state/devices.svelte';
import { watchDelivery } from './delivery';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const BEFORE: Device = {
  id: 'a',
  created_at: '2026-11-01T00:00:00Z',
  last_success_at: '2026-11-02T00:00:00Z',
  failing_since: null,
  here: true,
};

/** A list that shows one state of the device after another, and the last one ever after. */
function devices(...states: (Partial<Device> | null)[]) {
  let looks = 0;
  const shown = { list: [BEFORE] as readonly Device[], reload };
  function reload() {
    const state = states[Math.min(looks++, states.length - 1)];
    shown.list = state ? [{ ...BEFORE, ...state }] : [];
    return Promise.resolve();
  }
  return { shown, looks: () => looks };
}

async function outcome(...states: (Partial<Device> | null)[]) {
  const watched = watchDelivery(devices(...states).shown, BEFORE, new AbortController().signal);
  await vi.runAllTimersAsync();
  return watched;
}

test('a device that has been reached since was delivered to', async () => {
  expect(await outcome({}, {}, { last_success_at: '2026-11-03T00:00:00Z' })).toBe('delivered');
});

test('a device that fails since, or is gone, was not', async () => {
  expect(await outcome({ failing_since: '2026-11-03T00:00:00Z' })).toBe('failed');
  expect(await outcome({}, null)).toBe('failed');
});

test('what is not heard of in time is unknown', async () => {
  expect(await outcome({})).toBe('unknown');
});

test('nobody is asked once nobody waits', async () => {
  const { shown, looks } = devices({});
  const gone = new AbortController();
  const watched = watchDelivery(shown, BEFORE, gone.signal);
  gone.abort();
  expect(await watched).toBe('unknown');
  expect(looks()).toBeLessThanOrEqual(1);
});
