/** Finds out what became of a test notification. */

import type { Device, DeviceList } from '../../state/devices.svelte';

/** Whether the push service took a notification; `unknown` when it has not been heard of. */
export type Delivery = 'delivered' | 'failed' | 'unknown';

/** How often, and after which pause each, the server is asked: it learns it a moment later. */
const LOOKS = 6;
const PAUSE_MS = 1_500;

/**
 * Looks whether `before`, a device that was just sent something, has been reached since. Ends
 * early when nobody waits for it any more.
 */
export async function watchDelivery(
  devices: Pick<DeviceList, 'list' | 'reload'>,
  before: Device,
  gone: AbortSignal,
): Promise<Delivery> {
  for (let look = 0; look < LOOKS && !gone.aborted; look += 1) {
    await pause(gone);
    await devices.reload();
    const now = devices.list.find((device) => device.id === before.id);
    // A device that its push service does not know any more has been removed.
    if (!now) return 'failed';
    if (now.last_success_at !== before.last_success_at) return 'delivered';
    if (now.failing_since !== null && now.failing_since !== before.failing_since) return 'failed';
  }
  return 'unknown';
}

function pause(gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PAUSE_MS);
    gone.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
