/** How components get at the client. */

import { getContext, setContext } from 'svelte';

import type { Client } from './client.svelte';

const KEY = Symbol('client');

/** Gives the client to every component below this one. */
export function provideClient(client: Client): void {
  setContext(KEY, client);
}

/** The client. Called while a component is being set up. */
export function useClient(): Client {
  return getContext<Client>(KEY);
}
