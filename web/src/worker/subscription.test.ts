import { describe, expect, test, vi } from 'vitest';

import { renewSubscription } from './subscription';

/** A subscription of a browser, reached at `endpoint`. */
function subscription(endpoint: string, key = new ArrayBuffer(65)) {
  const unsubscribe = vi.fn(() => Promise.resolve(true));
  const made = {
    endpoint,
    options: { userVisibleOnly: true, applicationServerKey: key },
    toJSON: () => ({ endpoint, keys: { p256dh: 'p', auth: 'a' } }),
    unsubscribe,
  };
  return made as unknown as PushSubscription & { unsubscribe: typeof unsubscribe };
}

/** A server that answers by "METHOD path", and with 404 whatever is not listed. */
function server(answers: Record<string, () => Response | Promise<Response>>) {
  const calls: string[] = [];
  const request = (input: RequestInfo | URL, init?: RequestInit) => {
    const call = `${init?.method ?? 'GET'} ${String(input)}`;
    const body = init?.body as string | undefined;
    const endpoint = body ? (JSON.parse(body) as { endpoint: string }).endpoint : '';
    calls.push(endpoint ? `${call} ${endpoint}` : call);
    const answer = answers[calls.at(-1) as string] ?? answers[call];
    return Promise.resolve(answer?.() ?? new Response(null, { status: 404 }));
  };
  return { calls, request: request as typeof fetch };
}

const POST = 'POST /api/push/subscriptions';
const device = (id: string) => () => Response.json({ id }, { status: 201 });
const key = () => Response.json({ public_key: 'server-key' });
const offline = () => Promise.reject(new TypeError('no network'));

describe('renewSubscription', () => {
  test('a subscription that the browser made is registered, and the old one removed', async () => {
    const { calls, request } = server({
      [`${POST} old`]: device('old-id'),
      [`${POST} new`]: device('new-id'),
      'DELETE /api/push/subscriptions/old-id': () => new Response(null, { status: 204 }),
    });
    const subscribe = vi.fn();
    const change = { oldSubscription: subscription('old'), newSubscription: subscription('new') };
    await renewSubscription(change, { subscribe }, request);
    expect(subscribe).not.toHaveBeenCalled();
    expect(calls).toEqual([`${POST} old`, 'DELETE /api/push/subscriptions/old-id', `${POST} new`]);
  });

  test('without a new one it subscribes with the key that the server has now', async () => {
    const { calls, request } = server({ 'GET /api/push/key': key, [POST]: device('id') });
    const subscribe = vi.fn(() => Promise.resolve(subscription('new')));
    await renewSubscription({ newSubscription: null }, { subscribe }, request);
    expect(subscribe).toHaveBeenCalledWith({
      userVisibleOnly: true,
      applicationServerKey: 'server-key',
    });
    expect(calls).toEqual(['GET /api/push/key', `${POST} new`]);
  });

  test('while the server cannot be asked, the key of the old subscription serves', async () => {
    const used = new ArrayBuffer(65);
    for (const answer of [offline, () => new Response(null, { status: 503 })]) {
      const { request } = server({ 'GET /api/push/key': answer, [POST]: device('id') });
      const subscribe = vi.fn(() => Promise.resolve(subscription('new')));
      const change = { oldSubscription: subscription('old', used) };
      await renewSubscription(change, { subscribe }, request);
      expect(subscribe).toHaveBeenCalledWith({ userVisibleOnly: true, applicationServerKey: used });
    }
  });

  test('without any key it gives up and says so', async () => {
    const { request } = server({});
    const subscribe = vi.fn();
    await expect(renewSubscription({}, { subscribe }, request)).rejects.toThrow('not known');
    expect(subscribe).not.toHaveBeenCalled();
  });

  test('that the old one cannot be removed does not keep the new one from the server', async () => {
    for (const answer of [offline, () => new Response(null, { status: 409 })]) {
      const { calls, request } = server({ [`${POST} old`]: answer, [`${POST} new`]: device('id') });
      const change = { oldSubscription: subscription('old'), newSubscription: subscription('new') };
      await renewSubscription(change, { subscribe: vi.fn() }, request);
      expect(calls.at(-1)).toBe(`${POST} new`);
    }
  });

  test('the same subscription again is registered and not removed', async () => {
    const { calls, request } = server({ [POST]: device('id') });
    const change = { oldSubscription: subscription('same'), newSubscription: subscription('same') };
    await renewSubscription(change, { subscribe: vi.fn() }, request);
    expect(calls).toEqual([`${POST} same`]);
  });

  test('when nobody is signed in any more, the device is unsubscribed', async () => {
    const { request } = server({ [POST]: () => new Response(null, { status: 401 }) });
    const renewed = subscription('new');
    await renewSubscription({ newSubscription: renewed }, { subscribe: vi.fn() }, request);
    expect(renewed.unsubscribe).toHaveBeenCalledOnce();
  });
});
