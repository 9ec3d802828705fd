import { describe, expect, it } from 'vitest';

import type { Message } from '../../api/types';
import { keepKeys, type Row, rowsOf } from './rows';

interface Draft {
  at?: Date;
  webhook?: string;
  name?: string;
  avatar?: string;
}

const noon = new Date(2026, 5, 4, 12, 0);

function channel(...drafts: Draft[]): Message[] {
  return drafts.map(({ at = noon, webhook = 'w', name = 'CI', avatar }, index) => ({
    id: `m${index + 1}`,
    channel_id: 'c',
    seq: index + 1,
    kind: 'webhook',
    webhook_id: webhook,
    author: { name, avatar_url: avatar ?? null },
    content: 'x',
    mentions: [],
    encrypted: false,
    created_at: at.toISOString(),
  }));
}

/** The rows as words: groups with the places they hold. */
function shape(messages: Message[], newFrom: number | null = null): string[] {
  return rowsOf(messages, newFrom).map((row) =>
    row.kind === 'group'
      ? `${row.sender.name} ${row.messages.map(({ seq }) => seq).join(',')}`
      : row.kind,
  );
}

const minutesLater = (minutes: number) => new Date(noon.getTime() + minutes * 60_000);

it('an empty channel has no rows', () => {
  expect(shape([])).toEqual([]);
});

it('messages of one sender stand under one name', () => {
  expect(shape(channel({}, {}, {}))).toEqual(['day', 'CI 1,2,3']);
});

it.each([
  ['name', { name: 'Backup' }],
  ['picture', { avatar: 'https://example.com/a.png' }],
  ['webhook', { webhook: 'other' }],
  ['time five minutes later', { at: minutesLater(5) }],
])('another %s begins a group of its own', (_, draft) => {
  expect(shape(channel({}, draft))).toHaveLength(3);
});

it('names that only look alike begin groups of their own', () => {
  expect(shape(channel({ name: 'CI' }, { name: 'C\u200bI' }))).toEqual(['day', 'CI 1', 'CI 2']);
});

it('a day begins with its name', () => {
  const midnight = new Date(2026, 5, 5);
  const before = new Date(midnight.getTime() - 1000);
  expect(shape(channel({ at: before }, { at: midnight }))).toEqual(['day', 'CI 1', 'day', 'CI 2']);
});

it('the "New" line stands above the first new message', () => {
  expect(shape(channel({}, {}, {}), 2)).toEqual(['day', 'CI 1', 'new', 'CI 2,3']);
});

it('the "New" line stands at the top when everything held is new', () => {
  expect(shape(channel({}, {}).slice(1), 1)).toEqual(['day', 'new', 'CI 2']);
});

it('there is no "New" line when nothing held is new', () => {
  expect(shape(channel({}), 2)).toEqual(['day', 'CI 1']);
});

it('a message of an unknown kind stands by itself, without a name that it claims', () => {
  const [first, second] = channel({}, {});
  const unknown = { ...second, kind: 'poll' } as unknown as Message;
  expect(shape([first as Message, unknown])).toEqual(['day', 'CI 1', 'Unknown sender 2']);
});

describe('keys of groups', () => {
  const groupKeys = (rows: Row[]) => rows.flatMap((row) => (row.kind === 'group' ? [row.key] : []));
  const messages = channel({}, {}, {}, {});
  const last = rowsOf(messages.slice(2), null);

  it('stay when older messages join the group', () => {
    expect(groupKeys(keepKeys(rowsOf(messages, null), last))).toEqual(groupKeys(last));
  });

  it('stay when the oldest messages are let go', () => {
    const all = rowsOf(messages, null);
    expect(groupKeys(keepKeys(last, all))).toEqual(groupKeys(all));
  });

  it('are never the same for the parts of a group that is split', () => {
    const merged = keepKeys(rowsOf(messages, null), last);
    const [first, second] = groupKeys(keepKeys(rowsOf(messages, 3), merged));
    expect(first).toBe(groupKeys(merged)[0]);
    expect(second).not.toBe(first);
  });
});
