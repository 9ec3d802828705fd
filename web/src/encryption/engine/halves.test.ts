import { expect, test } from 'vitest';

import { Problem } from '../../api/problem';
import { KeyServer } from './key_server';

test('a thousand devices are asked for in parts, and told of as one', async () => {
  const users = Array.from({ length: 1_000 }, (_, index) => `@${index}:chat.example`);
  const wanted = Object.fromEntries(users.map((user) => [user, { phone: 'signed_curve25519' }]));
  const sizes: number[] = [];
  const server = new KeyServer(async (_, __, body = '') => {
    const asked = Object.keys((JSON.parse(body) as { one_time_keys: object }).one_time_keys);
    if (asked.length > 500) {
      const errors = [{ pointer: '/one_time_keys', detail: 'must name at most 500 users' }];
      throw new Problem(422, 'invalid_body', 'Invalid', 'Invalid', errors);
    }
    sizes.push(asked.length);
    const keys = asked.map((user) => [user, { phone: { 'signed_curve25519:A': user } }]);
    return JSON.stringify({ one_time_keys: Object.fromEntries(keys), failures: {} });
  });
  const answer = await server.claimKeys(JSON.stringify({ one_time_keys: wanted, timeout: 10_000 }));
  const { one_time_keys: keys, failures } = JSON.parse(answer) as Record<string, object>;
  expect(sizes).toEqual([500, 500]);
  expect(Object.keys(keys ?? {})).toEqual(users);
  expect(failures).toEqual({});
});

test('what is refused for another reason is not asked for again', async () => {
  let calls = 0;
  const server = new KeyServer(async () => {
    calls += 1;
    throw new Problem(422, 'invalid_body', 'Invalid', 'Invalid', [{ pointer: '', detail: 'no' }]);
  });
  const body = JSON.stringify({ one_time_keys: { '@a:b': { c: 'd' }, '@e:b': { f: 'd' } } });
  await expect(server.claimKeys(body)).rejects.toMatchObject({ status: 422 });
  expect(calls).toBe(1);
});
