import { describe, expect, test } from 'vitest';

import type { ClientFrame } from './frames';
import { Subscriptions } from './subscriptions';

function link(cursors: Record<string, number> = {}) {
  const frames: ClientFrame[] = [];
  const subscriptions = new Subscriptions({
    send: (frame) => frames.push(frame) > 0,
    cursorOf: (id) => cursors[id],
  });
  return { frames, subscriptions, cursors };
}

function channels(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `c${index}`);
}

describe('subscriptions', () => {
  test('ask for nothing before there is a connection', () => {
    const { frames, subscriptions } = link();
    subscriptions.want(['a']);
    expect(frames).toEqual([]);
  });

  test('ask for a replay only where messages are held', () => {
    const { frames, subscriptions } = link({ b: 17 });
    subscriptions.want(['a', 'b']);
    subscriptions.connected('epoch');
    subscriptions.resume();
    expect(frames).toEqual([
      { type: 'subscribe', channels: [{ id: 'a' }, { id: 'b', after_seq: 17 }], epoch: 'epoch' },
    ]);
    expect(subscriptions.replays('a')).toBe(false);
    expect(subscriptions.replays('b')).toBe(true);
  });

  test('ask for a replay from the very beginning of a channel that is held and empty', () => {
    const { frames, subscriptions } = link({ a: 0 });
    subscriptions.want(['a']);
    subscriptions.connected('epoch');
    subscriptions.resume();
    expect(frames).toMatchObject([{ channels: [{ id: 'a', after_seq: 0 }] }]);
  });

  test('go out at most a hundred to a frame and a thousand in all, the first ones first', () => {
    const { frames, subscriptions } = link();
    subscriptions.want(channels(1_500));
    subscriptions.connected('epoch');
    subscriptions.resume();
    const asked = frames.map((frame) => (frame.type === 'subscribe' ? frame.channels : []));
    expect(asked.map((part) => part.length)).toEqual(Array(10).fill(100));
    expect(asked.flat().map(({ id }) => id)).toEqual(channels(1_000));
  });

  test('make room before a channel beyond the thousand is watched', () => {
    const { frames, subscriptions } = link();
    subscriptions.want(channels(1_000));
    subscriptions.connected('epoch');
    subscriptions.resume();
    frames.length = 0;
    subscriptions.want(['opened', ...channels(1_000)]);
    expect(frames).toEqual([
      { type: 'unsubscribe', channels: ['c999'] },
      { type: 'subscribe', channels: [{ id: 'opened' }], epoch: 'epoch' },
    ]);
  });

  test('say only what changed', () => {
    const { frames, subscriptions } = link();
    subscriptions.connected('epoch');
    subscriptions.resume();
    subscriptions.want(['a', 'b']);
    subscriptions.want(['b', 'a']);
    subscriptions.want(['b']);
    expect(frames).toEqual([
      { type: 'subscribe', channels: [{ id: 'a' }, { id: 'b' }], epoch: 'epoch' },
      { type: 'unsubscribe', channels: ['a'] },
    ]);
  });

  test('are asked for again, from the present places, after the connection was lost', () => {
    const { frames, subscriptions, cursors } = link({ a: 3 });
    subscriptions.want(['a']);
    subscriptions.connected('epoch');
    subscriptions.resume();
    cursors['a'] = 9;
    subscriptions.disconnected();
    expect(subscriptions.connected('epoch')).toBe(false);
    subscriptions.resume();
    expect(frames.at(-1)).toMatchObject({ channels: [{ id: 'a', after_seq: 9 }] });
  });

  test('notice another history, and speak of the new one from then on', () => {
    const { frames, subscriptions } = link();
    subscriptions.want(['a']);
    expect(subscriptions.connected('before')).toBe(false);
    subscriptions.resume();
    subscriptions.disconnected();
    expect(subscriptions.connected('after')).toBe(true);
    subscriptions.resume();
    expect(frames.at(-1)).toMatchObject({ epoch: 'after' });
  });

  test('forget a channel that the server dropped', () => {
    const { frames, subscriptions } = link();
    subscriptions.connected('epoch');
    subscriptions.resume();
    subscriptions.want(['a', 'b']);
    subscriptions.dropped('a');
    subscriptions.want(['b']);
    expect(frames).toHaveLength(1);
  });
});
