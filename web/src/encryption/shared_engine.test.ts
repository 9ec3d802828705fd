import { afterEach, describe, expect, test, vi } from 'vitest';

import { ScriptedPage, SharedBrowser } from '../state/testing/shared_browser';
import { type HeldEngine, SharedEngine } from './shared_engine';
import {
  type DeviceNews,
  EngineError,
  type EngineEvent,
  type EngineState,
  type Envelope,
} from './types';

const STATE: EngineState = {
  recovery: 'unlocked',
  identityReplaced: false,
  backup: 'ok',
  verification: null,
  identityChanges: [],
};

/** An engine that says which tab has it. */
class EngineOfTab {
  readonly received: DeviceNews[] = [];
  closed = false;
  tell!: (event: EngineEvent) => void;
  acknowledge!: (upTo: number) => void;

  constructor(readonly tab: string) {}

  get held(): HeldEngine {
    return {
      state: async () => STATE,
      encrypt: async () => ({ session_id: this.tab }) as Envelope,
      unlock: async () => {
        throw new EngineError('wrong_recovery_key', 'Not this one.', ['u1']);
      },
      receive: async (news: DeviceNews) => void this.received.push(news),
      close: () => (this.closed = true),
    } as unknown as HeldEngine;
  }
}

interface Tab {
  shared: SharedEngine;
  engine: EngineOfTab;
  events: EngineEvent[];
  acknowledged: number[];
}

let browser = new SharedBrowser();
const tabs: Tab[] = [];

afterEach(() => {
  for (const { shared } of tabs.splice(0)) shared.close();
  browser = new SharedBrowser();
});

function tab(name: string, load?: () => Promise<void>): Tab {
  const { locks, channel } = browser.meet(new ScriptedPage(true));
  if (locks === undefined) throw new Error('this browser has locks');
  const engine = new EngineOfTab(name);
  const events: EngineEvent[] = [];
  const acknowledged: number[] = [];
  const shared = new SharedEngine({
    name: 'device',
    meeting: { locks, channel },
    load: async ({ tell, acknowledge }) => {
      await load?.();
      engine.tell = tell;
      engine.acknowledge = acknowledge;
      return engine.held;
    },
    onEvent: (event) => events.push(event),
    acknowledge: (upTo) => acknowledged.push(upTo),
    reconnect: () => {},
  });
  const made = { shared, engine, events, acknowledged };
  tabs.push(made);
  return made;
}

const REQUEST = {} as Parameters<SharedEngine['engine']['encrypt']>[0];

async function worksIn({ shared }: Tab): Promise<string> {
  return (await shared.engine.encrypt(REQUEST)).session_id;
}

describe('two tabs', () => {
  test('use one engine', async () => {
    const [first, second] = [tab('first'), tab('second')];
    await first.shared.open();
    await second.shared.open();
    expect(await worksIn(first)).toBe('first');
    expect(await worksIn(second)).toBe('first');
  });

  test('hear the same, and an error says the same in both', async () => {
    const [first, second] = [tab('first'), tab('second')];
    await first.shared.open();
    await second.shared.open();
    const event: EngineEvent = { type: 'devices', userIds: ['u1'] };
    first.engine.tell(event);
    await vi.waitFor(() => expect(second.events).toContainEqual(event));
    expect(first.events).toContainEqual(event);
    const wrong = { code: 'wrong_recovery_key', message: 'Not this one.', userIds: ['u1'] };
    await expect(first.shared.engine.unlock('x')).rejects.toMatchObject(wrong);
    await expect(second.shared.engine.unlock('x')).rejects.toMatchObject(wrong);
  });

  test('go on when the one with the keys is closed', async () => {
    const [first, second] = [tab('first'), tab('second')];
    await first.shared.open();
    await second.shared.open();
    first.shared.close();
    expect(first.engine.closed).toBe(true);
    await vi.waitFor(async () => expect(await worksIn(second)).toBe('second'));
  });

  test('a call that was under way when the keys moved is answered by the next', async () => {
    let open: (() => void) | undefined;
    const [first, second] = [tab('first'), tab('second')];
    const third = tab('third', () => new Promise((resolve) => (open = resolve)));
    await first.shared.open();
    await third.shared.open();
    await second.shared.open();
    first.shared.close();
    const answer = worksIn(second);
    await vi.waitFor(() => expect(open).toBeDefined());
    open?.();
    expect(await answer).toBe('third');
  });
});

test('what the server tells is taken in by the tab with the keys, and once', async () => {
  const [first, second] = [tab('first'), tab('second')];
  const news = (id: number): DeviceNews => ({
    events: [{ id, type: 't', sender: 's', content: {} }],
  });
  first.shared.receive(news(1));
  await first.shared.open();
  await second.shared.open();
  expect(first.engine.received).toEqual([news(1)]);
  for (const { shared } of [first, second]) {
    shared.receive(news(2));
    shared.receive(news(3));
  }
  first.engine.acknowledge(2);
  expect(first.acknowledged).toEqual([2]);
  await Promise.resolve();
  first.shared.close();
  await vi.waitFor(async () => expect(await worksIn(second)).toBe('second'));
  expect(second.engine.received.flatMap(({ events }) => events ?? [])).toEqual(news(3).events);
});

test('the tab with the keys hears that another one is connected anew, before what that one asks', async () => {
  const [first, second] = [tab('first'), tab('second')];
  await first.shared.open();
  await second.shared.open();
  second.shared.receive({ position: 7, epoch: 'e' });
  expect(await worksIn(second)).toBe('first');
  expect(first.engine.received).toEqual([{ limited: true, epoch: 'e' }]);
});

describe('the tab with the keys, which may have no connection,', () => {
  const CHANGED: DeviceNews = { changed: ['@u1:example.org'] };

  afterEach(() => void vi.useRealTimers());

  test('hears that devices have changed before what another one asks', async () => {
    const [first, second] = [tab('first'), tab('second')];
    await first.shared.open();
    await second.shared.open();
    second.shared.receive(CHANGED);
    second.shared.receive({ changed: [], limited: true });
    expect(await worksIn(second)).toBe('first');
    expect(first.engine.received).toEqual([{ limited: true }]);
    second.shared.receive({ changed: [], left: ['@u1:example.org'] });
    expect(await worksIn(second)).toBe('first');
    expect(first.engine.received).toEqual([{ limited: true }]);
  });

  test('hears it once, however many others do, and soon', async () => {
    vi.useFakeTimers();
    const [first, ...others] = [tab('first'), tab('second'), tab('third')];
    await first.shared.open();
    for (const { shared } of others) await shared.open();
    for (const { shared } of others) shared.receive(CHANGED);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(first.engine.received).toEqual([{ limited: true }]);
    others[0]?.shared.receive(CHANGED);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(first.engine.received).toEqual([{ limited: true }, { limited: true }]);
  });
});

test('an engine that cannot be opened is an error, and can be opened later', async () => {
  let fails = true;
  const only = tab('only', async () => {
    if (fails) throw new Error('no network');
  });
  await expect(only.shared.open()).rejects.toThrow('no network');
  fails = false;
  await only.shared.open();
  expect(await worksIn(only)).toBe('only');
});

test('calls that wait are refused when somebody signs out', async () => {
  const first = tab('first', () => new Promise(() => {}));
  const opened = first.shared.open();
  const call = worksIn(first);
  first.shared.close();
  await expect(call).rejects.toMatchObject({ code: 'engine' });
  await expect(opened).rejects.toBeInstanceOf(EngineError);
});
