import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Router } from './router.svelte';

const ID = '01a20918-cd31-72ce-a1c1-998499338825';

describe('the router', () => {
  let router: Router;

  beforeEach(() => {
    history.replaceState(null, '', '/');
    router = new Router();
  });

  afterEach(() => {
    router.close();
    document.body.replaceChildren();
  });

  function click(href: string, options: MouseEventInit = {}, attributes = ''): boolean {
    document.body.innerHTML = `<a href="${href}" ${attributes}><span>there</span></a>`;
    const event = new MouseEvent('click', { bubbles: true, cancelable: true, ...options });
    // A test page cannot be left: what the router does not follow ends here.
    const stay = (left: Event) => left.preventDefault();
    let followed = false;
    addEventListener('click', (seen) => (followed = seen.defaultPrevented), { once: true });
    addEventListener('click', stay, { once: true });
    document.querySelector('span')?.dispatchEvent(event);
    return followed;
  }

  test('goes to a place and writes its address', () => {
    router.go({ kind: 'channel', channelId: ID, seq: 4 });
    expect(location.pathname).toBe(`/c/${ID}/4`);
    expect(router.place).toEqual({ kind: 'channel', channelId: ID, seq: 4 });
  });

  test('follows back', async () => {
    router.go({ kind: 'settings', page: 'sessions' });
    const back = new Promise((resolve) => addEventListener('popstate', resolve, { once: true }));
    history.back();
    await back;
    expect(router.place).toEqual({ kind: 'home' });
  });

  test('does not make a second entry for the place it is at, but counts the visit', () => {
    router.go({ kind: 'channel', channelId: ID });
    const entries = history.length;
    const visits = router.visits;
    router.go({ kind: 'channel', channelId: ID });
    expect(history.length).toBe(entries);
    expect(router.visits).toBe(visits + 1);
  });

  test('goes home from an address that names no place', () => {
    router.close();
    history.replaceState(null, '', '/nowhere');
    router = new Router();
    expect(location.pathname).toBe('/');
  });

  test('follows a plain click on a link to a place', () => {
    expect(click(`/c/${ID}`)).toBe(true);
    expect(router.place).toEqual({ kind: 'channel', channelId: ID });
  });

  test.each<[string, MouseEventInit]>([
    ['control', { ctrlKey: true }],
    ['command', { metaKey: true }],
    ['shift', { shiftKey: true }],
    ['the middle button', { button: 1 }],
  ])('leaves a click with %s to the browser', (_, options) => {
    expect(click(`/c/${ID}`, options)).toBe(false);
    expect(router.place).toEqual({ kind: 'home' });
  });

  test.each([
    ['another server', 'https://example.com/c/1', ''],
    ['what is no place of the client', '/api/openapi.json', ''],
    ['a new window', `/c/${ID}`, 'target="_blank"'],
    ['a download', `/c/${ID}`, 'download'],
  ])('leaves a link to %s to the browser', (_, href, attributes) => {
    expect(click(href, {}, attributes)).toBe(false);
  });

  test('opens addresses of this server only', () => {
    expect(router.open('https://evil.example/c/1')).toBe(false);
    expect(router.open('javascript:alert(1)')).toBe(false);
    expect(router.open(`${location.origin}/c/${ID}/2`)).toBe(true);
    expect(router.place).toEqual({ kind: 'channel', channelId: ID, seq: 2 });
  });
});
