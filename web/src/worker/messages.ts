/**
 * What pages and the service worker tell each other.
 *
 * A question to a page comes with a MessagePort, on which the page answers `true` or `false`.
 */

import type { components } from '../api/schema';

/** What the worker asks a page. */
export type ToPage =
  /** Has a tab that people can see shown the notification `id`? */
  | { type: 'alerted'; id: string }
  /** Show this address of the client; the answer says whether the page does. */
  | { type: 'open'; url: string };

/** What a page tells the worker. */
export type ToWorker =
  /** These notifications were read: clear them from the screen. */
  | { type: 'read'; ids: readonly string[] }
  /** All of them were read. */
  | { type: 'read'; all: true }
  /** A live alert reached tabs that nobody sees: show it as a push would be. */
  | { type: 'show'; notification: components['schemas']['Notification'] };
