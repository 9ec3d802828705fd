// @vitest-environment node
import 'fake-indexeddb/auto';

import { openDB } from 'idb';
import { afterEach, expect, test, vi } from 'vitest';

import { storeName } from '../stored_devices';
import { Cast } from '../testing/people';
import { EngineError } from '../types';
import { DeviceStore } from './device_store';
import { OlmMachine } from './library';

/** A device of its own for each test. */
function device(): [userId: string, deviceId: string] {
  return [crypto.randomUUID(), crypto.randomUUID()];
}

/** Opening is refused, and says what to do about it. */
async function expectRefused(userId: string, deviceId: string): Promise<void> {
  const refused = await DeviceStore.open(userId, deviceId).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(EngineError);
  expect((refused as EngineError).message).toMatch(/Close or reload the other tabs of this page/);
}

afterEach(() => void vi.restoreAllMocks());

test('a page of before that keeps its connection is said to be in the way, and no longer than it is', async () => {
  const [userId, deviceId] = device();
  const before = await openDB(storeName(userId, deviceId), 1, {
    upgrade(fresh) {
      for (const name of ['keys', 'shared', 'places']) fresh.createObjectStore(name);
      fresh.createObjectStore('remembered').createIndex('order', 'order');
    },
  });
  await expectRefused(userId, deviceId);
  before.close();
  const store = await DeviceStore.open(userId, deviceId);
  expect(await store.ownIdentity()).toBeUndefined();
  store.close();
});

test('a store that a newer page has made is not opened by an older one', async () => {
  const [userId, deviceId] = device();
  (await openDB(storeName(userId, deviceId), 99)).close();
  await expectRefused(userId, deviceId);
});

test('a store makes room for a newer page', async () => {
  const [userId, deviceId] = device();
  await DeviceStore.open(userId, deviceId);
  const newer = await openDB(storeName(userId, deviceId), 99);
  expect(newer.version).toBe(99);
  newer.close();
});

test('a device whose engine cannot be opened lets its store go', async () => {
  const cast = new Cast();
  const userId = cast.server.register();
  vi.spyOn(OlmMachine, 'initFromStore').mockRejectedValueOnce(new Error('no room on the disk'));
  const close = vi.spyOn(DeviceStore.prototype, 'close');
  await expect(cast.signIn(userId)).rejects.toThrow('no room on the disk');
  expect(close).toHaveBeenCalledOnce();
  await cast.signIn(userId);
  cast.leave();
});
