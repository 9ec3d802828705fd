/** The devices that reach the user by Web Push. */

import type { Api } from '../api/http';
import type { PushDevice } from '../api/types';
import { RemoteList } from './remote_list.svelte';

/** A device, and whether it is this browser. */
export type Device = PushDevice & { here: boolean };

/** The user's devices. */
export class DeviceList extends RemoteList<Device> {
  readonly #api: Api;
  readonly #isHere: (id: string) => boolean;
  readonly #removedHere: () => Promise<void>;

  constructor(api: Api, isHere: (id: string) => boolean, removedHere: () => Promise<void>) {
    super(async () => {
      const devices = await api.get('/api/push/subscriptions');
      return devices.map((device) => ({ ...device, here: isHere(device.id) }));
    });
    this.#api = api;
    this.#isHere = isHere;
    this.#removedHere = removedHere;
  }

  /** Sends a test notification to a device. What became of it is in the list a moment later. */
  async test(id: string): Promise<void> {
    await this.#api.post('/api/push/subscriptions/{subscription_id}/test', {
      path: { subscription_id: id },
    });
  }

  /** Reaches a device no more. */
  async remove(id: string): Promise<void> {
    if (this.#isHere(id)) return this.#removedHere();
    await this.#api.delete('/api/push/subscriptions/{subscription_id}', {
      path: { subscription_id: id },
    });
    this.forget(id);
  }

  /** Shows a device no more. */
  forget(id: string): void {
    this.change((list) => list.filter((device) => device.id !== id));
  }
}
