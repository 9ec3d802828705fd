import { beforeEach, expect, test, vi } from 'vitest';

import { ScriptedPage, SharedBrowser } from './testing/shared_browser';
import { type UnsentMessage, UnsentMessages } from './unsent';

let browser: SharedBrowser;

beforeEach(() => {
  localStorage.clear();
  browser = new SharedBrowser();
});

/** A tab, with what it has taken over from others. */
function openTab(userId = 'ada') {
  const unsent = new UnsentMessages(() => userId, browser.meet(new ScriptedPage(true)).locks);
  const taken: string[] = [];
  const takeOver = () => unsent.takeOver(({ body }) => taken.push(body));
  return { unsent, taken, takeOver };
}

function message(txnId: string, body = txnId): UnsentMessage {
  return { channelId: 'c1', txnId, body, mentions: ['bob'], createdAt: `2026-06-04T${txnId}` };
}

test('what was not sent when a page was closed is found by the next one, in the order of writing', async () => {
  const before = openTab();
  before.unsent.keep(message('1', 'one'));
  before.unsent.keep(message('2', 'two'));
  before.unsent.keep(message('3', 'three'));
  before.unsent.drop('2');
  before.unsent.close();
  const after = openTab();
  after.takeOver();
  await vi.waitFor(() => expect(after.taken).toEqual(['one', 'three']));
  after.unsent.close();
  const last = openTab();
  last.takeOver();
  await vi.waitFor(() => expect(last.taken).toEqual(['one', 'three']));
});

test('what a tab that is open has written is its own, until it is closed', async () => {
  const open = openTab();
  open.unsent.keep(message('1', 'sent'));
  open.unsent.keep(message('2', 'left'));
  const other = openTab();
  other.takeOver();
  open.unsent.drop('1');
  expect(other.taken).toEqual([]);
  open.unsent.close();
  await vi.waitFor(() => expect(other.taken).toEqual(['left']));
});

test('it is nobody else’s, and is erased when its user signs out or another signs in', async () => {
  const ada = openTab('ada');
  ada.unsent.keep(message('1'));
  ada.unsent.close();
  const bob = openTab('bob');
  bob.takeOver();
  bob.unsent.keep(message('2'));
  bob.unsent.close();
  const again = openTab('bob');
  again.takeOver();
  await vi.waitFor(() => expect(again.taken).toEqual(['2']));
  expect(bob.taken).toEqual([]);
  again.unsent.clear('bob');
  expect(Object.keys(localStorage)).toEqual(['chatalot.unsent.1']);
  again.unsent.clearOthers('bob');
  expect(Object.keys(localStorage)).toEqual([]);
});

test('what there is no room for is not kept, and says so', () => {
  const { unsent } = openTab();
  for (let index = 0; index < 100; index += 1) expect(unsent.keep(message(`${index}`))).toBe(true);
  expect(unsent.keep(message('beyond'))).toBe(false);
  unsent.drop('0');
  expect(unsent.keep(message('long', 'x'.repeat(1024 * 1024)))).toBe(false);
  expect(unsent.keep(message('beyond'))).toBe(true);
});

test('what something else wrote is not believed', () => {
  localStorage.setItem('chatalot.unsent.a', '{"body":1');
  localStorage.setItem('chatalot.unsent.b', '{"userId":"ada","keeper":"k","txnId":"b"}');
  const { unsent, takeOver, taken } = openTab();
  takeOver();
  expect(unsent.keep(message('1'))).toBe(true);
  expect(taken).toEqual([]);
});
