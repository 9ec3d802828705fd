/** Encryption for the device that is signed in. The engine itself is loaded when it is needed. */

import { Problem } from '../api/problem';
import type { Exchange } from './engine/key_server';
import { SharedEngine } from './shared_engine';
import { removeStores, storeName, storeNames } from './stored_devices';
import type { EngineEvent } from './types';

/** What encryption needs of the tab. */
export interface OpeningContext {
  userId: string;
  /** The session that is signed in. */
  deviceId: string;
  exchange: Exchange;
  onEvent(event: EngineEvent): void;
  acknowledge(upTo: number): void;
  reconnect(): void;
}

/** Makes the engine that all tabs share. It is still to be opened. */
export function shareEngine(context: OpeningContext): SharedEngine {
  if (!isSecureContext || navigator.locks === undefined) throw insecure();
  const { userId, deviceId, exchange } = context;
  const name = storeName(userId, deviceId);
  return new SharedEngine({
    name,
    meeting: { locks: navigator.locks, channel: new BroadcastChannel(name) },
    load: async ({ tell, acknowledge, reconnect }) => {
      const { Engine } = await import('./engine/engine');
      const others = storeNames().filter((other) => other !== name);
      const own = { userId, deviceId, exchange };
      const engine = await Engine.open({ ...own, tell, acknowledge, reconnect });
      // The server has said that this is the device now, so those noted before are none any more.
      void removeStores(others).catch(() => {});
      return engine;
    },
    onEvent: (event) => context.onEvent(event),
    acknowledge: (upTo) => context.acknowledge(upTo),
    reconnect: () => context.reconnect(),
  });
}

function insecure(): Problem {
  return new Problem(
    0,
    'insecure_page',
    'Encryption needs a secure page',
    'Browsers allow encryption only on pages that came over HTTPS, or from this machine. Open this page by its https:// address.',
  );
}
