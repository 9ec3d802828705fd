import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Api } from '../api/http';
import type { ToWorker } from '../worker/messages';
import { Push } from './push.svelte';
import { mention } from './testing/messages';
import { ScriptedServer } from './testing/scripted_server';

/** The key of the scripted server, `AQID`, as a browser holds it. */
const KEY = new Uint8Array([1, 2, 3]).buffer;

/** Stands in for the browser's push and its service worker. */
class ScriptedBrowser extends EventTarget {
  permission: NotificationPermission = 'default';
  answer: NotificationPermission = 'granted';
  subscription: PushSubscription | null = null;
  /** What happened, in order. */
  readonly happened: string[] = [];
  readonly posted: ToWorker[] = [];
  refuse = false;

  constructor() {
    super();
    const registration = {
      pushManager: {
        getSubscription: async () => this.subscription,
        subscribe: async () => {
          if (this.refuse) throw new DOMException('no push service', 'AbortError');
          return (this.subscription = this.subscribed());
        },
      },
    };
    const worker = Object.assign(this, {
      register: async () => registration,
      getRegistration: async () => registration,
      ready: Promise.resolve(registration),
      controller: { postMessage: (message: ToWorker) => this.posted.push(message) },
    });
    vi.stubGlobal('navigator', { serviceWorker: worker });
    vi.stubGlobal('PushManager', Object);
    vi.stubGlobal(
      'Notification',
      Object.defineProperty(
        { requestPermission: async () => (this.permission = this.answer) },
        'permission',
        { get: () => this.permission },
      ),
    );
  }

  /** The browser as it was left by somebody who had switched push on. */
  subscribed(key: ArrayBuffer = KEY): PushSubscription {
    this.happened.push('subscribed');
    return {
      endpoint: 'https://push.example/1',
      options: { applicationServerKey: key },
      toJSON: () => ({
        endpoint: 'https://push.example/1',
        keys: { p256dh: 'p', auth: 'a' },
      }),
      unsubscribe: async () => {
        this.happened.push('unsubscribed');
        this.subscription = null;
        return true;
      },
    } as unknown as PushSubscription;
  }
}

let browser: ScriptedBrowser;
let server: ScriptedServer;

beforeEach(() => {
  localStorage.clear();
  browser = new ScriptedBrowser();
  server = new ScriptedServer();
});

afterEach(() => vi.unstubAllGlobals());

function newPush(): Push {
  return new Push(new Api(server.fetch), {
    alerted: (id) => id === 'known',
    open: (url) => url === '/c/1',
  });
}

async function signedIn(userId = 'me'): Promise<Push> {
  const push = newPush();
  await push.resume(userId);
  return push;
}

describe('push on this device', () => {
  test('is off until somebody switches it on, and never asks before', async () => {
    const push = await signedIn();
    expect(push.status).toBe('off');
    expect(browser.permission).toBe('default');
  });

  test('is switched on with the key of the server, and told to it', async () => {
    const push = await signedIn();
    await push.enable();
    expect(push).toMatchObject({ status: 'on', error: null });
    expect(server.called('POST', /subscriptions$/)).toEqual([
      { endpoint: 'https://push.example/1', keys: { p256dh: 'p', auth: 'a' } },
    ]);
    await push.devices.reload();
    expect(push.devices.list).toMatchObject([{ id: 'd1', here: true }]);
  });

  test('says that the browser denies it', async () => {
    browser.answer = 'denied';
    const push = await signedIn();
    await push.enable();
    expect(push.status).toBe('denied');
    expect(server.called('POST', /subscriptions$/)).toEqual([]);
  });

  test('stays off, and says why, when the browser cannot subscribe', async () => {
    browser.refuse = true;
    const push = await signedIn();
    await push.enable();
    expect(push).toMatchObject({ status: 'off', error: { code: 'push_failed' } });
  });

  test('is not half on when the server refuses the device', async () => {
    const push = await signedIn();
    server.away = true;
    await push.enable();
    expect(push.status).toBe('off');
    expect(push.error).not.toBeNull();
    expect(browser.subscription).toBeNull();
  });

  test('replaces a subscription under a former key of the server', async () => {
    browser.subscription = browser.subscribed(new Uint8Array([9]).buffer);
    const push = newPush();
    await push.enable();
    expect(browser.happened).toEqual(['subscribed', 'unsubscribed', 'subscribed']);
    expect(push.status).toBe('on');
  });

  test('is switched off here and at the server', async () => {
    const push = await signedIn();
    await push.enable();
    await push.disable();
    expect(push.status).toBe('off');
    expect(browser.subscription).toBeNull();
    expect(server.called('DELETE', /subscriptions\/d1$/)).toHaveLength(1);
    expect(push.devices.list).toEqual([]);
  });

  test('is told to the server again with every page', async () => {
    await (await signedIn()).enable();
    const push = await signedIn();
    expect(push.status).toBe('on');
    expect(server.called('POST', /subscriptions$/)).toHaveLength(2);
  });

  test('of somebody else does not reach the next one who signs in', async () => {
    await (await signedIn('ada')).enable();
    const push = await signedIn('bob');
    expect(push.status).toBe('off');
    expect(browser.subscription).toBeNull();
    expect(server.called('POST', /subscriptions$/)).toHaveLength(1);
  });

  test('is ended before a sign-out goes on', async () => {
    const push = await signedIn();
    await push.enable();
    await push.farewell();
    expect(browser.happened.at(-1)).toBe('unsubscribed');
    expect(server.called('DELETE', /subscriptions\/d1$/)).toHaveLength(1);
  });

  test('removing this device from the list switches it off', async () => {
    const push = await signedIn();
    await push.enable();
    await push.devices.remove('d1');
    expect(push.status).toBe('off');
    expect(browser.subscription).toBeNull();
  });
});

describe('the service worker', () => {
  async function ask(question: unknown): Promise<unknown> {
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => (port1.onmessage = (event) => resolve(event.data)));
    const event = Object.assign(new Event('message'), { data: question, ports: [port2] });
    browser.dispatchEvent(event);
    const answered = await answer;
    port1.close();
    return answered;
  }

  test('learns whether an alert was shown and whether an address was opened', async () => {
    const push = newPush();
    push.listen();
    expect(await ask({ type: 'alerted', id: 'known' })).toBe(true);
    expect(await ask({ type: 'alerted', id: 'new' })).toBe(false);
    expect(await ask({ type: 'open', url: '/c/1' })).toBe(true);
    expect(await ask({ type: 'open', url: 'https://evil.example' })).toBe(false);
    expect(await ask({ type: 'a question of a later version' })).toBe(false);
    push.close();
  });

  test('shows a live alert that no tab shows to anybody, where push is on', async () => {
    const push = await signedIn();
    push.show(mention(1));
    expect(browser.posted).toEqual([]);
    await push.enable();
    push.show(mention(1));
    expect(browser.posted).toEqual([{ type: 'show', notification: mention(1) }]);
  });
});

test('a browser without push says so', async () => {
  vi.stubGlobal('navigator', {});
  const push = newPush();
  push.listen();
  await push.resume('me');
  await push.enable();
  await push.farewell();
  expect(push.status).toBe('unsupported');
});
