import 'fake-indexeddb/auto';

import { beforeEach, expect, test, vi } from 'vitest';

import { type HeldEngine, SharedEngine } from '../encryption/shared_engine';
import { noteStore, storeName, storeNames } from '../encryption/stored_devices';
import type { CryptoEngine, DeviceNews, Envelope } from '../encryption/types';
import type { Hello } from '../protocol/frames';
import { EncryptionLink, MAX_WAITING } from './encryption_link';
import { ScriptedPage, SharedBrowser } from './testing/shared_browser';

/** What the tabs of one device share, by its name. */
let devices: Map<string, SharedBrowser>;

beforeEach(() => {
  devices = new Map();
  localStorage.clear();
});

/** An engine that says whose device it is. */
function engineOf(deviceId: string, received: DeviceNews[]): HeldEngine {
  return {
    state: async () => ({
      recovery: 'unlocked',
      identityReplaced: false,
      backup: 'ok',
      verification: null,
      identityChanges: [],
    }),
    encrypt: async () => ({ session_id: deviceId }) as Envelope,
    receive: async (news: DeviceNews) => void received.push(news),
    close: () => {},
  } as unknown as HeldEngine;
}

/** One tab. `sharing` holds up the making of its engine. */
function openTab(sharing: () => Promise<void> = async () => {}) {
  const otherDevice = vi.fn<() => void>();
  const reconnect = vi.fn<() => void>();
  const shared: SharedEngine[] = [];
  const received: DeviceNews[] = [];
  const link = new EncryptionLink({
    exchange: async () => JSON.stringify({ user_id: '@ada:chat.example', device_id: 'd1' }),
    send: () => true,
    reconnect,
    wanted: () => {},
    otherDevice,
    share: async (context) => {
      await sharing();
      const name = storeName(context.userId, context.deviceId);
      const browser = devices.get(name) ?? new SharedBrowser();
      devices.set(name, browser);
      const { locks, channel } = browser.meet(new ScriptedPage(true));
      if (locks === undefined) throw new Error('this browser has locks');
      const made = new SharedEngine({
        ...context,
        name,
        meeting: { locks, channel },
        load: async () => engineOf(context.deviceId, received),
      });
      shared.push(made);
      return made;
    },
  });
  const open = () => link.open(() => {});
  const greet = (deviceId: string, userId = 'ada') =>
    link.greeted({ user_id: userId, session_id: deviceId } as Hello);
  return { link, open, greet, otherDevice, reconnect, shared, received };
}

async function deviceOf(engine: CryptoEngine): Promise<string> {
  return (await engine.encrypt({} as Parameters<CryptoEngine['encrypt']>[0])).session_id;
}

test('a tab that missed that its user signed in anew uses the new device', async () => {
  const tab = openTab();
  tab.greet('d1');
  expect(await deviceOf(await tab.open())).toBe('d1');
  tab.greet('d1');
  expect(tab.otherDevice).not.toHaveBeenCalled();
  tab.greet('d2');
  expect(tab.otherDevice).toHaveBeenCalledOnce();
  expect(await deviceOf(await tab.open())).toBe('d2');
});

test.each([-1, 0, 1])(
  '%i more news than may wait for an engine are told, or told anew',
  async (more) => {
    const tab = openTab();
    tab.greet('d1');
    for (let count = 0; count < MAX_WAITING + more; count += 1) {
      tab.link.receive({ type: 'device_lists', changed: [`${count}`], left: [] });
    }
    await tab.open();
    await vi.waitFor(() => expect(tab.received).toHaveLength(more > 0 ? 1 : MAX_WAITING + more));
    expect(tab.received.some(({ limited }) => limited)).toBe(more > 0);
    expect(tab.reconnect).toHaveBeenCalledTimes(more > 0 ? 1 : 0);
  },
);

test('without a connection the server is asked which device this is', async () => {
  const tab = openTab();
  expect(await deviceOf(await tab.open())).toBe('d1');
  tab.greet('d2');
  expect(tab.otherDevice).toHaveBeenCalledOnce();
  expect(await deviceOf(await tab.open())).toBe('d2');
});

test('two who ask for the engine at the same time get the same', async () => {
  const tab = openTab();
  tab.greet('d1');
  await Promise.all([tab.open(), tab.open()]);
  expect(tab.shared).toHaveLength(1);
});

test('an engine that is being made when somebody signs out is not used by the next', async () => {
  let go: () => void = () => {};
  const tab = openTab(() => new Promise((resolve) => (go = resolve)));
  tab.greet('d1');
  const opened = tab.open();
  const goOnWithFirst = go;
  tab.link.end();
  goOnWithFirst();
  await expect(opened).rejects.toMatchObject({ code: 'engine' });
  tab.greet('d2', 'bob');
  const next = tab.open();
  go();
  expect(await deviceOf(await next)).toBe('d2');
});

test('an engine that could not be made is made when it is asked for again', async () => {
  let fails = true;
  const tab = openTab(async () => {
    if (fails) throw new Error('no network');
  });
  tab.greet('d1');
  await expect(tab.open()).rejects.toThrow('no network');
  fails = false;
  expect(await deviceOf(await tab.open())).toBe('d1');
});

test('a tab that hears late that its session is over removes no keys of the next one', async () => {
  const tab = openTab();
  noteStore('of a session before');
  tab.link.begin();
  tab.greet('d1');
  noteStore(storeName('ada', 'd1'));
  noteStore(storeName('bob', 'd2'));
  tab.link.end();
  await vi.waitFor(() => expect(storeNames()).toEqual([storeName('bob', 'd2')]));
});

test('keys of a session that never had a connection are removed as well', async () => {
  const tab = openTab();
  noteStore(storeName('ada', 'd1'));
  tab.link.begin();
  tab.link.end();
  await vi.waitFor(() => expect(storeNames()).toEqual([]));
});
