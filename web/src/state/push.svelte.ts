/** Web Push on this device: the switch, and what stands behind it. */

import { type Api, asProblem, Problem } from '../api/http';
import type { Notification } from '../api/types';
import type { ToPage, ToWorker } from '../worker/messages';
import { DeviceList } from './devices.svelte';
import { store, stored } from './preferences.svelte';

/** Whether this device is reached. `working` is on the way from one to another. */
export type PushStatus = 'unsupported' | 'denied' | 'off' | 'on' | 'working';

/** Who switched it on here, and under which id the server knows this device. */
const OWNER = 'chatalot.push_owner';
const DEVICE = 'chatalot.push_device';
/** Signing out does not wait longer than this for a push service that does not answer. */
const FAREWELL_MS = 8_000;

/** What the service worker may ask this page. */
export interface PageAnswers {
  /** Whether an alert has reached the tabs of this browser. */
  alerted(id: string): boolean;
  /** Shows an address of the client; says whether it is one. */
  open(url: string): boolean;
}

/** Web Push on this device. */
export class Push {
  status = $state<PushStatus>(supported() ? 'off' : 'unsupported');
  /** Why the last switching did not work. */
  error = $state.raw<Problem | null>(null);
  /** All devices of the user. */
  readonly devices: DeviceList;

  readonly #api: Api;
  readonly #answers: PageAnswers;
  readonly #leave = new AbortController();
  #device = $state<string | null>(null);
  #userId: string | null = null;

  constructor(api: Api, answers: PageAnswers) {
    this.#api = api;
    this.#answers = answers;
    this.devices = new DeviceList(
      api,
      (id) => id === this.#device,
      () => this.disable(),
    );
  }

  /** Registers the service worker and answers what it asks. */
  listen(): void {
    if (!supported()) return;
    const { serviceWorker } = navigator;
    serviceWorker.addEventListener('message', (event) => this.#answer(event), {
      signal: this.#leave.signal,
    });
    // A browser that does not tell is asked when the page is looked at again.
    this.#watchPermission().catch(() => undefined);
    serviceWorker.register('/sw.js').catch((error: unknown) => {
      this.error = new Problem(
        0,
        'push_failed',
        'The service worker did not start',
        `The browser did not start the service worker: ${asProblem(error).detail}`,
      );
    });
  }

  /** Somebody is signed in: brings the server's knowledge of this device up to date. */
  async resume(userId: string): Promise<void> {
    this.#userId = userId;
    if (!supported()) return;
    try {
      const subscription = await this.#subscription();
      if (subscription === null) return this.#settle();
      // Somebody else switched it on: for this user it is off until they do.
      if (stored(OWNER) !== userId) await subscription.unsubscribe();
      else await this.#register(subscription);
    } catch (error) {
      this.error = asProblem(error);
    }
    await this.#settle();
  }

  /** Switches it on. Called on a click, because the browser asks for permission only then. */
  enable = async (): Promise<void> => {
    if (this.status === 'working' || this.status === 'unsupported') return;
    this.status = 'working';
    this.error = null;
    try {
      const permission = await Notification.requestPermission();
      if (permission === 'granted') await this.#subscribe();
    } catch (error) {
      this.error = pushProblem(error);
    }
    await this.#settle();
    void this.devices.reload();
  };

  /** Switches it off. */
  disable = async (): Promise<void> => {
    if (this.status === 'working' || this.status === 'unsupported') return;
    this.status = 'working';
    this.error = null;
    try {
      await this.#unsubscribe();
    } catch (error) {
      this.error = pushProblem(error);
    }
    await this.#settle();
  };

  /** The user is signing out: this device is not to be reached for them any more. */
  async farewell(): Promise<void> {
    if (!supported() || this.#userId === null) return;
    // The server ends the device together with the session even if this does not work.
    const unsubscribed = this.#unsubscribe().catch(() => undefined);
    await Promise.race([unsubscribed, new Promise((done) => setTimeout(done, FAREWELL_MS))]);
    await this.#settle();
  }

  /** Forgets who was signed in. */
  reset(): void {
    this.#userId = null;
    this.#device = null;
    this.error = null;
    if (this.status !== 'unsupported') this.status = 'off';
  }

  /** Tells the service worker. */
  tell(message: ToWorker): void {
    if (supported()) navigator.serviceWorker.controller?.postMessage(message);
  }

  /** Shows an alert as a notification of the system, where this is switched on. */
  show(notification: Notification): void {
    if (this.status === 'on') this.tell({ type: 'show', notification });
  }

  /** Looks at the permission again, which people change in the browser's own settings. */
  lookAgain(permission: string = Notification.permission): void {
    if (this.#userId !== null && this.status !== 'working') void this.#settle(permission);
  }

  /** Stops answering. */
  close(): void {
    this.#leave.abort();
  }

  async #subscribe(): Promise<void> {
    const registration = await navigator.serviceWorker.ready;
    const { public_key } = await this.#api.get('/api/push/key');
    const present = await registration.pushManager.getSubscription();
    // A subscription under a former key of the server reaches nobody.
    if (present !== null && !hasKey(present, public_key)) await present.unsubscribe();
    const subscription = await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: public_key,
    });
    try {
      await this.#register(subscription);
    } catch (error) {
      await subscription.unsubscribe();
      throw error;
    }
  }

  async #register(subscription: PushSubscription): Promise<void> {
    const { endpoint, keys } = subscription.toJSON();
    const device = await this.#api.post('/api/push/subscriptions', {
      body: {
        endpoint: endpoint ?? subscription.endpoint,
        keys: { p256dh: keys?.['p256dh'] ?? '', auth: keys?.['auth'] ?? '' },
      },
    });
    this.#remember(device.id);
  }

  async #unsubscribe(): Promise<void> {
    const device = this.#device ?? stored(DEVICE);
    const subscription = await this.#subscription();
    // The browser first: from then on nothing arrives here, whatever the server knows.
    await subscription?.unsubscribe();
    this.#remember(null);
    if (device === null) return;
    try {
      await this.#api.delete('/api/push/subscriptions/{subscription_id}', {
        path: { subscription_id: device },
      });
    } catch (error) {
      if (asProblem(error).status !== 404) throw error;
    }
    this.devices.forget(device);
  }

  #remember(device: string | null): void {
    this.#device = device;
    store(DEVICE, device);
    store(OWNER, device === null ? null : this.#userId);
  }

  /** Hears of it when people change the permission while the page is in front of them. */
  async #watchPermission(): Promise<void> {
    const { signal } = this.#leave;
    const permission = await navigator.permissions.query({ name: 'notifications' });
    permission.addEventListener('change', () => this.lookAgain(permission.state), { signal });
  }

  async #settle(permission: string = Notification.permission): Promise<void> {
    if (permission === 'denied') {
      this.status = 'denied';
      return;
    }
    const subscription = await this.#subscription().catch(() => null);
    this.status = subscription !== null && this.#device !== null ? 'on' : 'off';
  }

  async #subscription(): Promise<PushSubscription | null> {
    const registration = await navigator.serviceWorker.getRegistration();
    return (await registration?.pushManager.getSubscription()) ?? null;
  }

  #answer(event: MessageEvent): void {
    const question = event.data as ToPage;
    const [port] = event.ports;
    if (port === undefined) return;
    if (question.type === 'alerted') port.postMessage(this.#answers.alerted(question.id));
    else if (question.type === 'open') port.postMessage(this.#answers.open(question.url));
    else port.postMessage(false);
  }
}

function supported(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
}

function pushProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(
    0,
    'push_failed',
    'The browser did not subscribe',
    'The browser could not reach its push service. Check the connection, and that push ' +
      "messages are not switched off in the browser's settings.",
  );
}

function hasKey(subscription: PushSubscription, publicKey: string): boolean {
  const key = subscription.options.applicationServerKey;
  if (key === null) return false;
  const text = btoa(String.fromCharCode(...new Uint8Array(key)));
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') === publicKey;
}
