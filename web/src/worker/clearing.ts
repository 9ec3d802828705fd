/** Which of the notifications on the screen have been read. */

import type { ToWorker } from './messages';

/** Whether `message` says that the notification `id` was read. */
export function isRead(id: string, message: ToWorker): boolean {
  if (message.type !== 'read') return false;
  return 'all' in message || message.ids.includes(id);
}
