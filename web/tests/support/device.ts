/** A browser that can be reached by pushes, with what its service worker shows. */
import {
  chromium,
  type BrowserContext,
  type CDPSession,
  type LaunchOptions,
  type Page,
  type Worker,
} from '@playwright/test';

import type { Person } from './people';
import { PushService } from './push_service';
import type { Server } from './server';
import { expect, signIn, test as base } from './test';

/** What the system shows of a notification. */
export interface ShownNotification {
  title: string;
  body: string;
  tag: string;
  icon: string;
  silent: boolean;
}

/** As much of the service worker's world as is used here; the types of pages do not know it. */
interface WorkerScope {
  registration: ServiceWorkerRegistration;
  clients: { openWindow(url: string): Promise<null> };
  NotificationEvent: new (
    type: string,
    of: { notification: Notification },
  ) => Event & { waitUntil(work: Promise<unknown>): void };
  dispatchEvent(event: Event): void;
}

/** A browser with a profile of its own: one that forgets all cannot subscribe to pushes. */
export class Device {
  readonly context: BrowserContext;
  readonly service: PushService;
  /** A page that is not the client's, by which the browser is spoken to. */
  readonly #blank: Page;
  readonly #session: CDPSession;
  readonly #server: Server;
  #registrationId: string | undefined;
  #workerStatus = 'stopped';
  #handled = 0;

  private constructor(
    server: Server,
    context: BrowserContext,
    service: PushService,
    blank: Page,
    session: CDPSession,
  ) {
    this.context = context;
    this.service = service;
    this.#server = server;
    this.#blank = blank;
    this.#session = session;
    session.on('BackgroundService.backgroundServiceEventReceived', (event) => {
      const { eventName } = event.backgroundServiceEvent;
      if (eventName === 'Push event completed') this.#handled += 1;
    });
    session.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
      this.#workerStatus = versions.at(-1)?.runningStatus ?? this.#workerStatus;
    });
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const current = registrations.find((each) => !each.isDeleted);
      this.#registrationId = current?.registrationId ?? this.#registrationId;
    });
  }

  static async launch(server: Server, options: LaunchOptions): Promise<Device> {
    const service = await PushService.start();
    const context = await chromium.launchPersistentContext('', {
      ...options,
      baseURL: server.url,
      locale: 'en-GB',
      timezoneId: 'UTC',
      args: [...without(options.args, NO_NETWORKING), ...service.arguments],
      // With it, the browser does not speak with its push service.
      ignoreDefaultArgs: [NO_NETWORKING],
    });
    const blank = context.pages()[0] ?? (await context.newPage());
    const session = await context.newCDPSession(blank);
    const device = new Device(server, context, service, blank, session);
    await session.send('ServiceWorker.enable');
    await session.send('BackgroundService.setRecording', { shouldRecord: true, service: PUSHES });
    await session.send('BackgroundService.startObserving', { service: PUSHES });
    return device;
  }

  async close(): Promise<void> {
    await this.context.close();
    await this.service.stop();
  }

  /** Gives or takes the permission to notify, as people do in the browser's settings. */
  async setPermission(setting: 'granted' | 'denied' | 'prompt'): Promise<void> {
    const permission = { name: 'notifications' };
    await this.#session.send('Browser.setPermission', {
      permission,
      setting,
      origin: this.#server.url,
    });
  }

  async signIn(person: Person): Promise<void> {
    await signIn(this.context, this.#server, person);
  }

  /** Opens the client in a tab, which is at once ready to be pushed to. */
  async open(path = '/'): Promise<Page> {
    const page = await this.context.newPage();
    await this.#leadToService(page);
    await page.goto(path);
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      if (navigator.serviceWorker.controller !== null) return;
      await new Promise((done) =>
        navigator.serviceWorker.addEventListener('controllerchange', done, { once: true }),
      );
    });
    return page;
  }

  /** Another tab comes to the front: nobody sees the ones before. */
  async leaveTabs(): Promise<void> {
    await this.#blank.bringToFront();
  }

  /** Closes every tab of the client. */
  async closeTabs(): Promise<void> {
    const tabs = this.context.pages().filter((page) => page !== this.#blank);
    await Promise.all(tabs.map((page) => page.close()));
  }

  /** Ends the service worker, as the browser does when it has nothing to do. */
  async putWorkerToSleep(): Promise<void> {
    await expect.poll(() => this.#workerStatus).toBe('running');
    await this.#session.send('ServiceWorker.stopAllWorkers');
    await expect.poll(() => this.#workerStatus).toBe('stopped');
  }

  /** Delivers a push to the service worker, by the browser's own protocol. */
  async deliver(data: unknown): Promise<void> {
    await expect.poll(() => this.#registrationId).toBeDefined();
    const before = this.#handled;
    await this.#session.send('ServiceWorker.deliverPushMessage', {
      origin: this.#server.url,
      registrationId: this.#registrationId ?? '',
      data: typeof data === 'string' ? data : JSON.stringify(data),
    });
    await this.handled(before + 1);
  }

  /**
   * Waits until the service worker is done with so many pushes. Before, it is not asked what is
   * shown: Chromium takes a notification that is only being drawn for one that is gone.
   */
  async handled(count: number): Promise<void> {
    await expect.poll(() => this.#handled, { timeout: 15_000 }).toBe(count);
  }

  async worker(): Promise<Worker> {
    return this.context.serviceWorkers().at(-1) ?? this.context.waitForEvent('serviceworker');
  }

  /** What the notifications on the screen say, as the worker sees them. */
  async shown(): Promise<ShownNotification[]> {
    const worker = await this.worker();
    return worker.evaluate(async () => {
      const { registration } = self as unknown as WorkerScope;
      const notifications = await registration.getNotifications();
      return notifications.map(({ title, body, tag, icon, silent }) => ({
        title,
        body,
        tag,
        icon: new URL(icon).pathname,
        silent: silent === true,
      }));
    });
  }

  /**
   * Clicks the only notification. No browser lets a test click where the system draws, so the
   * worker is given the event; and it may not open a window without a real click, so where it
   * would is what this returns.
   */
  async click(): Promise<string | null> {
    const worker = await this.worker();
    return worker.evaluate(async () => {
      const scope = self as unknown as WorkerScope;
      const [notification] = await scope.registration.getNotifications();
      if (notification === undefined) throw new Error('No notification is shown');
      let opened: string | null = null;
      scope.clients.openWindow = (url) => {
        opened = url;
        return Promise.resolve(null);
      };
      const event = new scope.NotificationEvent('notificationclick', { notification });
      const work: Promise<unknown>[] = [];
      event.waitUntil = (promise) => void work.push(promise);
      scope.dispatchEvent(event);
      await Promise.all(work);
      return opened;
    });
  }

  /**
   * The browser's endpoints are at a host that it has built in. On the way to the server they
   * get the address of the push service on this machine.
   */
  async #leadToService(page: Page): Promise<void> {
    await page.route('**/api/push/subscriptions', async (route) => {
      const request = route.request();
      if (request.method() !== 'POST') return route.fallback();
      const body = request.postDataJSON() as { endpoint: string };
      const endpoint = this.service.reachable(body.endpoint);
      await route.continue({ postData: { ...body, endpoint } });
    });
  }
}

/** What the browser's log of background work calls them. */
const PUSHES = 'pushMessaging';
const NO_NETWORKING = '--disable-background-networking';

function without(all: readonly string[] | undefined, one: string): string[] {
  return (all ?? []).filter((each) => each !== one);
}

/** Settings of a server that may push to this machine. */
export const PUSHING = {
  CHATALOT_PUSH__ALLOW_LOOPBACK_HTTP: 'true',
  CHATALOT_PUSH__ALLOWED_HOSTS: '127.0.0.1',
};

/** `test` with a browser that can be reached by pushes. */
export const test = base.extend<{ device: Device }>({
  device: async ({ server, launchOptions, complaints }, use) => {
    const device = await Device.launch(server, launchOptions);
    complaints.listenTo(device.context);
    await use(device);
    await device.close();
  },
});

export { expect };
