/**
 * The service worker: what the browser runs when no page of Chatalot is open. It shows pushes
 * and follows clicks on them. It keeps nothing for offline use: a chat lives by its connection,
 * and a cache of pages mostly brings old ones.
 */

import { announcement, announcementOf, type Announcement } from './announcement';
import { ownAddress } from './addresses';
import { isRead } from './clearing';
import type { ToWorker } from './messages';
import { alreadyAlerted, openInPage } from './pages';
import { mustShowEveryPush } from './silence';
import { renewSubscription, type SubscriptionChange } from './subscription';

declare const self: ServiceWorkerGlobalScope;

/** What a notification on the screen carries. */
interface Shown {
  id: string;
  /** What a click opens. */
  url: string;
  channelId: string | null;
  seq: number | null;
}

/** Options that browsers know and TypeScript's library does not. */
interface ShownOptions extends NotificationOptions {
  data: Shown;
  timestamp?: number;
}

// A new worker takes over at once: it holds no state, and pages do not depend on its version.
self.addEventListener('install', () => {
  void self.skipWaiting();
});

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener('push', (event) => {
  event.waitUntil(receive(event.data?.text()));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const shown = event.notification.data as Shown | null;
  event.waitUntil(open(ownAddress(shown?.url ?? null, '/', self.location.origin)));
});

/**
 * What was read on this device is cleared here by the page that showed it. What was read on
 * another one is cleared as soon as a page is open here and hears of it. Until then it stays:
 * without a page only a push would wake this worker, and browsers want every push to show
 * something, so none is sent to take something away.
 */
self.addEventListener('message', (event) => {
  const message = event.data as ToWorker;
  event.waitUntil(message.type === 'show' ? showLive(message.notification) : clear(message));
});

self.addEventListener('pushsubscriptionchange', (event) => {
  const change = event as Event as ExtendableEvent & SubscriptionChange;
  change.waitUntil(
    renewSubscription(change, self.registration.pushManager, (...call) => fetch(...call)),
  );
});

async function receive(text: string | undefined): Promise<void> {
  const shown = announcement(text, self.location.origin);
  const said = await alreadyAlerted(await pages(), shown.id);
  // A tab in front of the user has said it already. Chromium and Firefox accept that nothing
  // more is shown then; Safari counts it as a broken promise and takes the permission away, so
  // there it is shown without a sound.
  if (!said || mustShowEveryPush(self.navigator.userAgent)) await show(shown, said);
}

/**
 * Shows what reached a page that nobody sees. The push of the same notification, if it comes
 * too, replaces it.
 */
function showLive(notification: unknown): Promise<void> {
  return show(announcementOf(notification, self.location.origin), false);
}

/** Shows a notification. One with the same tag is replaced, and does not sound again. */
function show(shown: Announcement, silent: boolean): Promise<void> {
  const options: ShownOptions = {
    body: shown.body,
    icon: shown.icon,
    badge: '/badge-96.png',
    tag: shown.id,
    silent,
    data: {
      id: shown.id,
      url: shown.url,
      channelId: shown.channelId,
      seq: shown.seq,
    },
  };
  if (shown.at !== null) options.timestamp = shown.at;
  return self.registration.showNotification(shown.title, options);
}

async function open(url: string): Promise<void> {
  if (!(await openInPage(await pages(), url))) {
    await self.clients.openWindow(url);
  }
}

/** The tabs and windows of the client, also those that an earlier worker controls. */
function pages(): Promise<readonly WindowClient[]> {
  return self.clients.matchAll({ type: 'window', includeUncontrolled: true });
}

async function clear(message: ToWorker): Promise<void> {
  const shown = await self.registration.getNotifications();
  for (const notification of shown) {
    if (isRead(notification.tag, message)) notification.close();
  }
}
