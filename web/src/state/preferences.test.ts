import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

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
