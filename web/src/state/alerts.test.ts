import { afterEach, describe, expect, test } from 'vitest';

import type { Notification } from '../api/types';
import { Alerts } from './alerts.svelte';
import { Tabs } from './tabs';
import { mention } from './testing/messages';
import { ScriptedPage, SharedBrowser } from './testing/shared_browser';

class Tab {
  readonly page: ScriptedPage;
  readonly tabs: Tabs;
  readonly alerts: Alerts;
  sounds = 0;
  outside: Notification[] = [];

  constructor(browser: SharedBrowser, seen: boolean, withLocks = true) {
    this.page = new ScriptedPage(seen);
    this.tabs = new Tabs(browser.meet(this.page, withLocks));
    this.alerts = new Alerts({
      tabs: this.tabs,
      showOutside: (notification) => this.outside.push(notification),
    });
    this.alerts.onSound = () => (this.sounds += 1);
    this.tabs.onMessage = (message) => {
      if (message.type === 'claimed') this.alerts.claimed(message.alert);
      if (message.type === 'alert') void this.alerts.handedOver(message.notification);
    };
  }

  get shown(): string[] {
    return this.alerts.current.map(({ notification }) => notification.id);
  }
}

let open: Tab[] = [];

function tabsOf(seen: boolean[], withLocks = true): Tab[] {
  const browser = new SharedBrowser();
  open = seen.map((each) => new Tab(browser, each, withLocks));
  return open;
}

afterEach(() => {
  for (const tab of open) tab.tabs.close();
});

async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await new Promise((done) => setTimeout(done));
}

function showing(tabs: Tab[]): number[] {
  return tabs.flatMap((tab, index) => tab.shown.map(() => index));
}

describe('an alert that reaches every tab', () => {
  test('is shown by the one that is seen', async () => {
    const tabs = tabsOf([false, true, false]);
    await settled();
    await Promise.all(tabs.map((tab) => tab.alerts.arrive(mention(1))));
    await settled();
    expect(showing(tabs)).toEqual([1]);
    expect(tabs.map((tab) => tab.sounds)).toEqual([0, 1, 0]);
    expect(tabs[1]?.outside).toEqual([]);
  });

  test('is shown by one when several are seen', async () => {
    const tabs = tabsOf([true, true, true]);
    await settled();
    await Promise.all(tabs.map((tab) => tab.alerts.arrive(mention(1))));
    await settled();
    expect(showing(tabs)).toHaveLength(1);
  });

  test('is shown by one when none is seen, and outside of the page too', async () => {
    const tabs = tabsOf([false, false, false]);
    await settled();
    await Promise.all(tabs.map((tab) => tab.alerts.arrive(mention(1))));
    await settled();
    expect(showing(tabs)).toEqual([0]);
    expect(tabs[0]?.outside.map(({ id }) => id)).toEqual([mention(1).id]);
  });

  test('is shown by another one after the one that led was closed', async () => {
    const tabs = tabsOf([false, false]);
    await settled();
    tabs[0]?.tabs.close();
    await settled();
    await tabs[1]?.alerts.arrive(mention(1));
    expect(showing(tabs)).toEqual([1]);
  });

  test('is not shown again where it arrives late', async () => {
    const tabs = tabsOf([true, true]);
    await settled();
    await tabs[0]?.alerts.arrive(mention(1));
    await settled();
    await tabs[1]?.alerts.arrive(mention(1));
    expect(showing(tabs)).toEqual([0]);
  });

  test('is shown by the seen tab even if it reached only a hidden one', async () => {
    const tabs = tabsOf([false, true]);
    await settled();
    await tabs[0]?.alerts.arrive(mention(1));
    await settled();
    expect(showing(tabs)).toEqual([1]);
    await tabs[1]?.alerts.arrive(mention(1));
    expect(showing(tabs)).toEqual([1]);
  });

  test('is shown where people look now, not where they looked before', async () => {
    const tabs = tabsOf([true, false]);
    await settled();
    tabs[0]?.page.look(false);
    tabs[1]?.page.look(true);
    await settled();
    await Promise.all(tabs.map((tab) => tab.alerts.arrive(mention(1))));
    await settled();
    expect(showing(tabs)).toEqual([1]);
  });

  test('is shown by the seen tab where the browser has no locks', async () => {
    const tabs = tabsOf([false, true, false], false);
    await Promise.all(tabs.map((tab) => tab.alerts.arrive(mention(1))));
    expect(showing(tabs)).toEqual([1]);
  });
});

describe('alerts', () => {
  test('are shown once, however often they are offered', async () => {
    const [tab] = tabsOf([true]);
    await tab?.alerts.arrive(mention(1));
    tab?.alerts.dismiss(mention(1).id);
    await tab?.alerts.arrive(mention(1));
    expect(tab?.shown).toEqual([]);
  });

  test('leave the newest few on the screen, and make one sound together', async () => {
    const [tab] = tabsOf([true]);
    for (let number = 1; number <= 40; number += 1) await tab?.alerts.arrive(mention(number));
    expect(tab?.shown.length).toBeLessThanOrEqual(5);
    expect(tab?.shown.at(-1)).toBe(mention(40).id);
    expect(tab?.sounds).toBe(1);
  });

  test('leave the screen when they are read elsewhere', async () => {
    const [tab] = tabsOf([true]);
    await tab?.alerts.arrive(mention(1));
    await tab?.alerts.arrive(mention(2));
    tab?.alerts.dismissWhere(({ seq }) => seq <= 1);
    expect(tab?.shown).toEqual([mention(2).id]);
  });

  test('are known by the tabs of the browser, for the service worker to ask', async () => {
    const tabs = tabsOf([true, true]);
    await settled();
    await tabs[0]?.alerts.arrive(mention(1));
    await settled();
    expect(tabs.map((tab) => tab.alerts.has(mention(1).id))).toEqual([true, true]);
    expect(tabs[0]?.alerts.has(mention(2).id)).toBe(false);
  });
});
