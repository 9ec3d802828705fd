import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { LastPlaces } from './last_places';
import { Preferences } from './preferences.svelte';

let preferences: Preferences;

beforeEach(() => {
  localStorage.clear();
  preferences = new Preferences();
});

afterEach(() => preferences.close());

describe('preferences', () => {
  test('follow the system and sound until somebody chooses', () => {
    expect(preferences).toMatchObject({ theme: 'system', sound: true });
  });

  test('last', () => {
    preferences.theme = 'dark';
    preferences.sound = false;
    const later = new Preferences();
    expect(later).toMatchObject({ theme: 'dark', sound: false });
    later.close();
  });

  test('are followed when another tab changes them', () => {
    localStorage.setItem('chatalot.theme', 'light');
    dispatchEvent(new StorageEvent('storage', { key: 'chatalot.theme' }));
    expect(preferences.theme).toBe('light');
  });

  test('take nothing from the storage that is no choice', () => {
    localStorage.setItem('chatalot.theme', 'neon');
    dispatchEvent(new StorageEvent('storage', { key: 'chatalot.theme' }));
    expect(preferences.theme).toBe('system');
  });

  test('hold for the page when the browser keeps nothing', () => {
    vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    preferences.theme = 'dark';
    expect(preferences.theme).toBe('dark');
  });
});

describe('the last places', () => {
  test('are the last channel of each community, and the last community', () => {
    const places = new LastPlaces();
    places.visit('o1', 'c1');
    places.visit('o2', 'c2');
    places.visit('o1', 'c3');
    const later = new LastPlaces();
    expect(later.communityId).toBe('o1');
    expect(later.channelIn('o1')).toBe('c3');
    expect(later.channelIn('o2')).toBe('c2');
  });

  test('are forgotten when what is stored is no list of them', () => {
    localStorage.setItem('chatalot.last_channels', '{"o1":1}');
    expect(new LastPlaces().communityId).toBeUndefined();
    localStorage.setItem('chatalot.last_channels', '[["o1"],["o2","c2"]]');
    expect(new LastPlaces().communityId).toBe('o2');
  });
});
