import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { UserMessage } from '../api/types';
import type { CryptoEngine, Decryption, SealedMessage } from '../encryption/types';
import { Readings } from './readings.svelte';

const decryptions = new Map<string, Decryption>();
const asked: string[] = [];
/** Which of them were said to come just now. */
const live: string[] = [];
const mentioned: string[] = [];
let ready = true;
/** What a decryption waits for. */
let held: Promise<void> | undefined;
let calls = 0;
let joinedAt: string | null = null;
let readings: Readings;

beforeEach(() => {
  decryptions.clear();
  asked.length = 0;
  live.length = 0;
  mentioned.length = 0;
  ready = true;
  held = undefined;
  calls = 0;
  joinedAt = null;
  readings = new Readings({
    engine: async () => {
      if (!ready) throw new Error('not there yet');
      return {
        decrypt: async (messages: SealedMessage[]) => {
          calls += 1;
          await held;
          return messages.map((message) => {
            const { id, editedAt } = message;
            asked.push(id);
            if (message.live) live.push(id);
            const waiting: Decryption = { state: 'waiting', reason: 'No key.' };
            return decryptions.get(`${id}${editedAt ?? ''}`) ?? waiting;
          });
        },
      } as unknown as CryptoEngine;
    },
    userId: () => 'me',
    joinedAt: () => joinedAt,
    mentioned: ({ id }) => mentioned.push(id),
  });
});

function written(id: string, fields: Partial<UserMessage> = {}): UserMessage {
  return {
    id,
    channel_id: 'c1',
    seq: 1,
    kind: 'user',
    author: { user_id: 'bob', username: 'bob', display_name: 'Bob', device_id: 'd' },
    encrypted: true,
    envelope: {
      algorithm: 'm.megolm.v1.aes-sha2',
      ciphertext: 'x',
      session_id: `session of ${id}`,
      device_id: 'd',
    },
    created_at: '2026-06-04T13:34:30Z',
    ...fields,
  };
}

const ME = { user_id: 'me', username: 'me', display_name: 'Me', device_id: 'another' };

function clear(body: string, mentions: string[] = []): Decryption {
  const plaintext = { channel_id: 'c1', txn_id: body, body, format: 'markdown' as const, mentions };
  return { state: 'clear', plaintext, imported: false };
}

async function reads(message: UserMessage, content: object): Promise<void> {
  await vi.waitFor(() => expect(readings.contentOf(message)).toMatchObject(content));
}

test('what was written before the user joined is said to be, unless there is a key to it', async () => {
  joinedAt = '2026-06-04T13:34:31Z';
  await reads(written('m1'), { state: 'earlier' });
  await reads(written('m2', { created_at: '2026-06-04T13:34:32Z' }), { state: 'waiting' });
  decryptions.set('m1', clear('hello'));
  readings.keysCame(null);
  await reads(written('m1'), { state: 'clear', body: 'hello' });
});

test('a message is decrypted when it is looked at, once', async () => {
  decryptions.set('m1', clear('hello', ['me']));
  expect(readings.contentOf(written('m1'))).toMatchObject({ state: 'waiting' });
  await reads(written('m1'), { state: 'clear', body: 'hello', mentionsMe: true });
  readings.contentOf(written('m1'));
  expect(asked).toEqual(['m1']);
});

test('what waits for a key is read when the key comes', async () => {
  await reads(written('m1'), { state: 'waiting', reason: 'No key.' });
  decryptions.set('m1', clear('hello'));
  readings.keysCame(['session of another']);
  readings.keysCame(['session of m1']);
  await reads(written('m1'), { state: 'clear', body: 'hello' });
  expect(asked).toEqual(['m1', 'm1']);
});

test('what came before encryption was there is read when it is', async () => {
  ready = false;
  decryptions.set('m1', clear('hello'));
  await reads(written('m1'), { reason: 'Encryption is not ready.' });
  ready = true;
  readings.keysCame(null);
  await reads(written('m1'), { state: 'clear' });
});

test('what was refused is looked at again when the devices of its author change', async () => {
  decryptions.set('m1', { state: 'refused', reason: 'Unknown device.' });
  await reads(written('m1'), { state: 'refused' });
  decryptions.set('m1', clear('hello'));
  readings.keysCame(['session of m1']);
  readings.devicesChanged(['carol']);
  expect(asked).toEqual(['m1']);
  readings.devicesChanged(['bob']);
  await reads(written('m1'), { state: 'clear' });
});

test('an edit is read in the place of what it replaces, which is shown until then', async () => {
  decryptions.set('m1', clear('teh'));
  decryptions.set('m1later', clear('the'));
  await reads(written('m1'), { body: 'teh' });
  const edited = written('m1', { edited_at: 'later' });
  expect(readings.contentOf(edited)).toMatchObject({ body: 'teh' });
  await reads(edited, { body: 'the' });
});

test('a message that comes live and mentions the user alerts, once, also when its key is late', async () => {
  decryptions.set('m1', clear('hey', ['me']));
  decryptions.set('m3', clear('note to myself', ['me']));
  readings.arrived([written('m1'), written('m2'), written('m3', { author: ME })]);
  await vi.waitFor(() => expect(mentioned).toEqual(['m1']));
  decryptions.set('m2', clear('you', ['me']));
  readings.keysCame(['session of m2']);
  await vi.waitFor(() => expect(mentioned).toEqual(['m1', 'm2']));
  readings.arrived([written('m1')]);
  readings.keysCame(null);
  await reads(written('m1'), { state: 'clear' });
  expect(mentioned).toEqual(['m1', 'm2']);
});

test('a message whose key came from the backup alerts nobody before it is proven whose it is', async () => {
  decryptions.set('m1', { ...clear('hey', ['me']), imported: true } as Decryption);
  readings.arrived([written('m1')]);
  await reads(written('m1'), { state: 'clear', imported: true });
  expect(mentioned).toEqual([]);
  // The key of its author has come as well.
  decryptions.set('m1', clear('hey', ['me']));
  readings.devicesChanged(['bob']);
  readings.keysCame(['session of m1']);
  await reads(written('m1'), { state: 'clear', imported: false });
  expect(mentioned).toEqual(['m1']);
  expect(asked).toEqual(['m1', 'm1']);
});

describe('a message that came just now', () => {
  afterEach(() => void vi.useRealTimers());

  test('waits a while for the key from its author before the backup is asked', async () => {
    vi.useFakeTimers();
    readings.arrived([written('m1')]);
    readings.contentOf(written('m2'));
    await vi.advanceTimersByTimeAsync(50_000);
    readings.keysCame(null);
    await vi.advanceTimersByTimeAsync(1);
    expect(live).toEqual(['m1', 'm1']);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(live).toEqual(['m1', 'm1']);
    expect(asked.filter((id) => id === 'm1').length).toBeGreaterThan(2);
  });

  test('is looked for in the backup however long another one has waited for its key', async () => {
    vi.useFakeTimers();
    readings.contentOf(written('m1'));
    await vi.advanceTimersByTimeAsync(120 * 60_000);
    readings.arrived([written('m2')]);
    await vi.advanceTimersByTimeAsync(130_000);
    expect(live).toContain('m2');
    expect(asked.filter((id) => id === 'm2').length).toBeGreaterThan(live.length);
  });

  test('is held to the same under the user’s own name', async () => {
    readings.arrived([written('m1', { author: ME })]);
    await reads(written('m1', { author: ME }), { state: 'waiting', reason: 'No key.' });
    expect(live).toEqual(['m1']);
  });

  test('is held to the same when it is another text of one that is read', async () => {
    decryptions.set('m1', clear('true'));
    await reads(written('m1'), { body: 'true' });
    const edit = written('m1', { edited_at: '2026-06-04T13:35:00Z' });
    readings.edited(edit);
    await reads(edit, { state: 'waiting', reason: 'No key.' });
    expect(live).toEqual(['m1']);
    decryptions.set('m12026-06-04T13:35:00Z', clear('truer', ['me']));
    readings.keysCame(null);
    await reads(edit, { body: 'truer' });
    expect(mentioned).toEqual([]);
    readings.edited(edit);
    readings.edited(written('m2', { edited_at: '2026-06-04T13:35:00Z' }));
    await reads(edit, { body: 'truer' });
    expect(asked).toEqual(['m1', 'm1', 'm1']);
  });

  test('alerts once when it is edited before it is read', async () => {
    decryptions.set('m1', clear('hey', ['me']));
    decryptions.set('m1later', clear('hey there', ['me']));
    const edit = written('m1', { edited_at: 'later' });
    readings.arrived([written('m1')]);
    readings.edited(edit);
    await reads(edit, { body: 'hey there' });
    expect(mentioned).toEqual(['m1']);
  });

  test('has its key in the backup only when nobody vouched for this device yet', async () => {
    decryptions.set('m1', { state: 'locked' });
    readings.arrived([written('m1')]);
    await reads(written('m1'), { state: 'locked' });
    readings.keysCame(null);
    await vi.waitFor(() => expect(asked).toEqual(['m1', 'm1']));
    expect(live).toEqual(['m1']);
  });
});

test('what turns out to be a repeat is not shown any more', async () => {
  decryptions.set('m1', clear('pay 10'));
  await reads(written('m1'), { state: 'clear' });
  readings.isRepeat('m1');
  readings.isRepeat('never looked at');
  await reads(written('m1'), { state: 'refused' });
});

test('what the user wrote here is not decrypted', async () => {
  const plaintext = { channel_id: 'c1', txn_id: 't', body: 'mine', mentions: [] };
  readings.wrote('m1', null, { ...plaintext, format: 'markdown' });
  expect(readings.contentOf(written('m1'))).toMatchObject({ state: 'clear', body: 'mine' });
  expect(asked).toEqual([]);
});

test('what the user wrote here stays, also when it came back first and could not be decrypted', async () => {
  let release: (() => void) | undefined;
  held = new Promise((resolve) => (release = resolve));
  readings.arrived([written('m1', { author: ME })]);
  await vi.waitFor(() => expect(calls).toBe(1));
  const plaintext = { channel_id: 'c1', txn_id: 't', body: 'mine', mentions: [] };
  readings.wrote('m1', null, { ...plaintext, format: 'markdown' });
  release?.();
  await vi.waitFor(() => expect(asked).toEqual(['m1']));
  await reads(written('m2'), { reason: 'No key.' });
  await reads(written('m1'), { state: 'clear', body: 'mine' });
});

test('whoever signs in next does not wait for what the one before asked for', async () => {
  held = new Promise(() => {});
  readings.contentOf(written('m1'));
  await vi.waitFor(() => expect(calls).toBe(1));
  held = undefined;
  readings.clear();
  decryptions.set('m2', clear('hello'));
  await reads(written('m2'), { state: 'clear', body: 'hello' });
});
