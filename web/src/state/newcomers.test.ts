import { afterEach, beforeEach, expect, test } from 'vitest';

import type { User } from '../api/types';
import { Newcomers } from './newcomers.svelte';

let newcomers: Newcomers;

const tabs: Newcomers[] = [];

function anew(userId = 'me'): Newcomers {
  const tab = new Newcomers(() => userId);
  tabs.push(tab);
  return tab;
}

function users(ids: string[]): User[] {
  return ids.map((id) => ({ id, username: id, display_name: id.toUpperCase() })) as User[];
}

function idsOf(tab: Newcomers): string[] {
  return tab.of('c').map(({ id }) => id);
}

beforeEach(() => {
  localStorage.clear();
  newcomers = anew();
});

afterEach(() => {
  for (const tab of tabs.splice(0)) tab.close();
});

test('whoever is there when a channel is first opened is no newcomer', () => {
  newcomers.observe('c', users(['me', 'bob']));
  expect(idsOf(newcomers)).toEqual([]);
});

test('whoever comes is one until that is acknowledged, also when the page is loaded again', () => {
  newcomers.observe('c', users(['me', 'bob']));
  newcomers.observe('c', users(['me', 'bob', 'carl']));
  newcomers.observe('c', users(['me', 'bob', 'carl', 'dora']));
  expect(idsOf(newcomers)).toEqual(['carl', 'dora']);
  const again = anew();
  again.observe('c', users(['me', 'bob', 'carl', 'dora', 'eve']));
  expect(idsOf(again)).toEqual(['carl', 'dora', 'eve']);
  again.acknowledge('c', ['carl', 'dora', 'eve']);
  expect(idsOf(again)).toEqual([]);
  again.observe('c', users(['me', 'bob', 'carl', 'dora', 'eve']));
  expect(idsOf(again)).toEqual([]);
});

test('whoever left and comes back is one again', () => {
  newcomers.observe('c', users(['me', 'bob']));
  newcomers.observe('c', users(['me']));
  newcomers.observe('c', users(['me', 'bob']));
  expect(idsOf(newcomers)).toEqual(['bob']);
});

test('whoever came and is gone again is shown all the same', () => {
  newcomers.observe('c', users(['me']));
  newcomers.observe('c', users(['me', 'ghost']));
  newcomers.observe('c', users(['me']));
  const ghost = { id: 'ghost', username: 'ghost', displayName: 'GHOST' };
  expect(newcomers.of('c')).toEqual([{ ...ghost, left: true }]);
  // The names are known also when the page was loaded again and no list has them.
  const again = anew();
  again.observe('c', users(['me']));
  expect(again.of('c')).toEqual([{ ...ghost, left: true }]);
  again.acknowledge('c', ['ghost']);
  again.observe('c', users(['me', 'ghost']));
  expect(again.of('c')).toEqual([{ ...ghost, left: false }]);
});

test('another tab’s acknowledgement counts', () => {
  newcomers.observe('c', users(['me']));
  newcomers.observe('c', users(['me', 'bob']));
  anew().acknowledge('c', ['bob']);
  newcomers.observe('c', users(['me', 'bob']));
  expect(idsOf(newcomers)).toEqual([]);
});

test('whoever was not shown yet stays a newcomer', () => {
  newcomers.observe('c', users(['me']));
  newcomers.observe('c', users(['me', 'bob']));
  const shown = idsOf(newcomers);
  anew().observe('c', users(['me', 'bob', 'mallory']));
  newcomers.acknowledge('c', shown);
  expect(idsOf(newcomers)).toEqual(['mallory']);
});

test('what another tab shows or has dismissed is the same here', () => {
  const key = 'chatalot.known_members';
  newcomers.observe('c', users(['me']));
  const other = anew();
  other.observe('c', users(['me', 'bob']));
  dispatchEvent(new StorageEvent('storage', { key }));
  expect(idsOf(newcomers)).toEqual(['bob']);
  other.acknowledge('c', ['bob']);
  dispatchEvent(new StorageEvent('storage', { key }));
  expect(idsOf(newcomers)).toEqual([]);
});

test('nobody else’s knowledge is used, and none is left when the session is over', () => {
  newcomers.observe('c', users(['me']));
  const other = anew('other');
  other.observe('c', users(['me', 'other', 'bob']));
  expect(idsOf(other)).toEqual([]);
  other.clear();
  expect(localStorage).toHaveLength(0);
});

test('members that are told after the session is over are not kept', () => {
  anew('').observe('c', users(['me', 'bob']));
  expect(localStorage).toHaveLength(0);
});

test('what a session leaves that ended elsewhere goes when somebody else signs in', () => {
  newcomers.observe('c', users(['me', 'bob']));
  newcomers.clearOthers('me');
  expect(localStorage).toHaveLength(1);
  anew('other').clearOthers('other');
  expect(localStorage).toHaveLength(0);
});

test('only so much is kept', () => {
  for (let channel = 0; channel < 30; channel += 1) {
    const members = Array.from({ length: 1_000 }, () => crypto.randomUUID());
    newcomers.observe(`c${channel}`, users(members));
  }
  expect(localStorage.getItem('chatalot.known_members')?.length).toBeLessThan(500_000);
});
