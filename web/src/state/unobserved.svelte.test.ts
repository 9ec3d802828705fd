import { flushSync } from 'svelte';
import { expect, it } from 'vitest';

import { unobserved } from './unobserved.svelte';

class List {
  length = $state(0);
}

it('what is made while it is read is noticed when it changes', () => {
  let list: List | undefined;
  const seen: number[] = [];
  const stop = $effect.root(() => {
    const length = $derived((list ??= unobserved(() => new List())).length);
    $effect(() => void seen.push(length));
  });
  flushSync();
  if (list) list.length = 3;
  flushSync();
  stop();
  expect(seen).toEqual([0, 3]);
});
