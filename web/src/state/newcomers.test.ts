import { afterEach, beforeEach, expect, test } from 'vitest';

import { Newcomers } from './newcomers.svelte';

let newcomers: Newcomers;

const tabs: Newcomers[] = [];

function anew(userId = 'me'): Newcomers {
  const tab = new Newcomers(() => userId);
  tabs.push(tab);
  return tab;
}

beforeEach(() => {
  localStorage.clear();
  newcomers = anew();
});

afterEach(() => {
  for (const tab of tabs.splice(0)) tab.close();
});

test('whoever is there when a channel is first opened is no newcomer', () => {
  newcomers.observe('c', ['me', 'bob']);
  expect(newcomers.of('c')).toEqual([]);
});

test('whoever comes is one until that is acknowledged, also when the page is loaded again', () => {
  newcomers.observe('c', ['me', 'bob']);
  newcomers.observe('c', ['me', 'bob', 'carl']);
  newcomers.observe('c', ['me', 'bob', 'carl', 'dora']);
  expect(newcomers.of('c')).toEqual(['carl', 'dora']);
  const again = anew();
  again.observe('c', ['me', 'bob', 'carl', 'dora', 'eve']);
  expect(again.of('c')).toEqual(['carl', 'dora', 'eve']);
  again.acknowledge('c', ['carl', 'dora', 'eve']);
  expect(again.of('c')).toEqual([]);
  again.observe('c', ['me', 'bob', 'carl', 'dora', 'eve']);
  expect(again.of('c')).toEqual([]);
});

test('whoever left and comes back is one again', () => {
  newcomers.observe('c', ['me', 'bob']);
  newcomers.observe('c', ['me']);
  newcomers.observe('c', ['me', 'bob']);
  expect(newcomers.of('c')).toEqual(['bob']);
});

test('whoever came and is gone again is shown all the same', () => {
  newcomers.observe('c', ['me']);
  newcomers.observe('c', ['me', 'ghost']);
  newcomers.observe('c', ['me']);
  expect(newcomers.of('c')).toEqual(['ghost']);
});

test('another tab’s acknowledgement counts', () => {
  newcomers.observe('c', ['me']);
  newcomers.observe('c', ['me', 'bob']);
  anew().acknowledge('c', ['bob']);
  newcomers.observe('c', ['me', 'bob']);
  expect(newcomers.of('c')).toEqual([]);
});

test('whoever was not shown yet stays a newcomer', () => {
  newcomers.observe('c', ['me']);
  newcomers.observe('c', ['me', 'bob']);
  const shown = newcomers.of('c');
  anew().observe('c', ['me', 'bob', 'mallory']);
  newcomers.acknowledge('c', shown);
  expect(newcomers.of('c')).toEqual(['mallory']);
});

test('what another tab shows or has dismissed is the same here', () => {
  const key = 'chatalot.known_members';
  newcomers.observe('c', ['me']);
  const other = anew();
  other.observe('c', ['me', 'bob']);
  dispatchEvent(new StorageEvent('storage', { key }));
  expect(newcomers.of('c')).toEqual(['bob']);
  other.acknowledge('c', ['bob']);
  dispatchEvent(new StorageEvent('storage', { key }));
  expect(newcomers.of('c')).toEqual([]);
});

test('nobody else’s knowledge is used, and none is left when the session is over', () => {
  newcomers.observe('c', ['me']);
  const other = anew('other');
  other.observe('c', ['me', 'other', 'bob']);
  expect(other.of('c')).toEqual([]);
  other.clear();
  expect(localStorage).toHaveLength(0);
});

test('members that are told after the session is over are not kept', () => {
  anew('').observe('c', ['me', 'bob']);
  expect(localStorage).toHaveLength(0);
});

test('what a session leaves that ended elsewhere goes when somebody else signs in', () => {
  newcomers.observe('c', ['me', 'bob']);
  newcomers.clearOthers('me');
  expect(localStorage).toHaveLength(1);
  anew('other').clearOthers('other');
  expect(localStorage).toHaveLength(0);
});

test('only so much is kept', () => {
  for (let channel = 0; channel < 30; channel += 1) {
    const members = Array.from({ length: 1_000 }, () => crypto.randomUUID());
    newcomers.observe(`c${channel}`, members);
  }
  expect(localStorage.getItem('chatalot.known_members')?.length).toBeLessThan(500_000);
});
