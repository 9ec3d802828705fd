import { describe, expect, test } from 'vitest';

import { hrefOf, type Place, placeAt } from './place';

const ID = '01a20918-cd31-72ce-a1c1-998499338825';

describe('an address', () => {
  test.each<[string, Place]>([
    ['/', { kind: 'home' }],
    [`/c/${ID}`, { kind: 'channel', channelId: ID }],
    [`/c/${ID}/17`, { kind: 'channel', channelId: ID, seq: 17 }],
    ['/invite/a%2Fb', { kind: 'invite', code: 'a/b' }],
    ['/settings/sessions', { kind: 'settings', page: 'sessions' }],
    ['/sign-in', { kind: 'entry' }],
  ])('%s names a place, and is named by it', (address, place) => {
    expect(placeAt(address)).toEqual(place);
    expect(hrefOf(place)).toBe(address);
  });

  test.each([`/c/${ID}/`, `/c/${ID.toUpperCase()}`])('%s is read kindly', (address) => {
    expect(placeAt(address)).toEqual({ kind: 'channel', channelId: ID });
  });

  test.each([
    '/nowhere',
    '/c/',
    '/c/17',
    `/c/${ID}/0`,
    `/c/${ID}/-1`,
    `/c/${ID}/1e3`,
    `/c/${ID}/99999999999999999999`,
    `/c/${ID}/1/2`,
    '/invite/',
    '/c/%E0%A4%A',
  ])('%s names no place', (address) => {
    expect(placeAt(address)).toBeNull();
  });
});
