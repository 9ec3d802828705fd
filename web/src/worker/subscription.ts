/** Keeps this device reachable when the browser changes its push subscription. */

import type { components } from '../api/schema';

type PushKey = components['schemas']['PushKey'];
type PushDevice = components['schemas']['PushDevice'];

/** What `pushsubscriptionchange` says; browsers leave out either or both. */
export interface SubscriptionChange {
  readonly oldSubscription?: PushSubscription | null;
  readonly newSubscription?: PushSubscription | null;
}

const SUBSCRIPTIONS = '/api/push/subscriptions';

/**
 * Subscribes anew if the browser did not, and tells the server. What fails here, because the
 * network is away for instance, is made good by the next page that loads: it registers the
 * subscription it finds.
 */
export async function renewSubscription(
  change: SubscriptionChange,
  pushManager: Pick<PushManager, 'subscribe'>,
  request: typeof fetch,
): Promise<void> {
  const old = change.oldSubscription ?? null;
  const renewed =
    change.newSubscription ??
    (await pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: await serverKey(old, request),
    }));
  // First, because it counts towards the greatest number of devices.
  if (old && old.endpoint !== renewed.endpoint) await forget(old, request);
  const answer = await register(renewed, request);
  // Nobody is signed in here any more, so nobody is to be reached.
  if (answer.status === 401) await renewed.unsubscribe();
}

/** The server's key as it is now, else the one that was used before. */
async function serverKey(
  old: PushSubscription | null,
  request: typeof fetch,
): Promise<string | ArrayBuffer> {
  const used = old?.options.applicationServerKey;
  try {
    const answer = await request('/api/push/key');
    if (answer.ok) return ((await answer.json()) as PushKey).public_key;
  } catch (error) {
    if (!used) throw error;
  }
  if (!used) throw new Error("The server's push key is not known.");
  return used;
}

function register(subscription: PushSubscription, request: typeof fetch): Promise<Response> {
  return request(SUBSCRIPTIONS, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(subscription),
  });
}

/**
 * Removes a subscription from the server, which deletes by an id that only the page knew.
 * Registering it once more changes nothing and answers the id. If it does not work, the server
 * removes the subscription itself when the push service refuses it.
 */
async function forget(subscription: PushSubscription, request: typeof fetch): Promise<void> {
  try {
    const answer = await register(subscription, request);
    if (!answer.ok) return;
    const { id } = (await answer.json()) as PushDevice;
    await request(`${SUBSCRIPTIONS}/${encodeURIComponent(id)}`, {
      method: 'DELETE',
    });
  } catch {
    // The device is reached by the new subscription all the same.
  }
}
