// @vitest-environment node
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { ToPage } from './messages';
import { alreadyAlerted, openInPage, type Page } from './pages';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A page that answers every question with `answer`; with `undefined` it is asleep. */
function page(answer: boolean | undefined, is: Partial<Page> = {}) {
  const asked: ToPage[] = [];
  const focus = vi.fn(() => Promise.resolve());
  const page: Page = {
    url: 'https://chat.example.com/',
    visibilityState: 'visible',
    focused: false,
    postMessage(message, [port]) {
      asked.push(message);
      if (answer !== undefined) (port as MessagePort).postMessage(answer);
    },
    focus,
    ...is,
  };
  return { page, asked, focus };
}

describe('alreadyAlerted', () => {
  test('one page in view that alerted is enough', async () => {
    const [no, yes] = [page(false), page(true)];
    expect(await alreadyAlerted([no.page, yes.page], 'a')).toBe(true);
    expect(yes.asked).toEqual([{ type: 'alerted', id: 'a' }]);
  });

  test('a page that cannot be seen is not asked', async () => {
    const hidden = page(true, { visibilityState: 'hidden' });
    expect(await alreadyAlerted([hidden.page], 'a')).toBe(false);
    expect(hidden.asked).toEqual([]);
  });

  test('no page, and no answer, mean no', async () => {
    expect(await alreadyAlerted([], 'a')).toBe(false);
    const silent = alreadyAlerted([page(undefined).page], 'a');
    await vi.runAllTimersAsync();
    expect(await silent).toBe(false);
  });
});

describe('openInPage', () => {
  const url = 'https://chat.example.com/c/x/1';

  test('the page in use opens it and comes to the front', async () => {
    const hidden = page(true, { visibilityState: 'hidden' });
    const used = page(true, { focused: true });
    const seen = page(true);
    const pages = [hidden.page, seen.page, used.page];
    expect(await openInPage(pages, url)).toBe(true);
    expect(used.asked).toEqual([{ type: 'open', url }]);
    expect(used.focus).toHaveBeenCalledOnce();
    expect([...hidden.asked, ...seen.asked]).toEqual([]);
  });

  test('a page that does not answer is left alone, for a new one to be opened', async () => {
    const asleep = page(undefined);
    const opened = openInPage([asleep.page], url);
    await vi.runAllTimersAsync();
    expect(await opened).toBe(false);
    expect(asleep.focus).not.toHaveBeenCalled();
    expect(await openInPage([], url)).toBe(false);
  });

  test('a page that may not be brought to the front has opened it all the same', async () => {
    const stuck = page(true, {
      focus: () => Promise.reject(new DOMException('no', 'InvalidAccessError')),
    });
    expect(await openInPage([stuck.page], url)).toBe(true);
  });
});
