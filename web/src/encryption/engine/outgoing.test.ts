// @vitest-environment node
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Problem } from '../../api/problem';
import { KeyServer } from './key_server';
import { RequestType } from './library';
import { type LibraryRequest, OutgoingRequests } from './outgoing';
import { LONGEST_PAUSE_MS } from './pause';

/** What the library wants to be sent until it is told that it was. */
let waiting: LibraryRequest[];
/** The calls that reached the server, without what all of their paths begin with. */
let calls: string[];
/** What the server refuses, and how. */
let refusals: Map<string, Problem>;
let outgoing: OutgoingRequests;

beforeEach(() => {
  vi.useFakeTimers();
  waiting = [];
  calls = [];
  refusals = new Map();
  const machine = {
    outgoingRequests: async () => [...waiting],
    markRequestAsSent: async (id: string): Promise<true> => {
      waiting = waiting.filter((request) => request.id !== id);
      return true;
    },
  };
  const server = new KeyServer(async (_, path) => {
    const call = path.replace(/^\/api\/e2ee\/(keys\/)?/, '');
    calls.push(call);
    const refusal = refusals.get(call);
    if (refusal !== undefined) throw refusal;
    return '{}';
  });
  outgoing = new OutgoingRequests(machine, server);
});

afterEach(() => {
  outgoing.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function want(id: string, type: RequestType): LibraryRequest {
  const request = { id, type, body: '{}', event_type: 'm.test', txn_id: id } as LibraryRequest;
  waiting.push(request);
  return request;
}

function refuse(call: string, status: number, retryAfter: number | null = null): void {
  refusals.set(call, new Problem(status, 'no', 'No', 'No', [], retryAfter));
}

const times = (call: string) => calls.filter((other) => other === call).length;

/** Wants everything to be sent, as every piece of news does. */
async function nudge(): Promise<void> {
  outgoing.flushSoon();
  await vi.advanceTimersByTimeAsync(1);
}

describe('a kind of request that the server refuses', () => {
  test.each([400, 409, 413, 429, 500])('is not sent again at once after a %i', async (status) => {
    want('upload', RequestType.KeysUpload);
    refuse('upload', status);
    await nudge();
    // A busy server has its own pauses between a few attempts.
    if (status === 429) await vi.advanceTimersByTimeAsync(4_000);
    const before = times('upload');
    expect(before).toBeGreaterThan(0);
    for (let count = 0; count < 20; count += 1) {
      outgoing.flushSoon();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(times('upload')).toBe(before);
  });

  test('does not keep the others from being sent', async () => {
    want('upload', RequestType.KeysUpload);
    refuse('upload', 413);
    await nudge();
    want('query', RequestType.KeysQuery);
    want('signatures', RequestType.SignatureUpload);
    await nudge();
    expect(waiting.map(({ id }) => id)).toEqual(['upload']);
  });

  test('is tried again by itself, each time after a longer pause, and a longest one', async () => {
    want('upload', RequestType.KeysUpload);
    refuse('upload', 413);
    await nudge();
    await vi.advanceTimersByTimeAsync(60_000);
    const inTheFirstMinute = times('upload');
    expect(inTheFirstMinute).toBeGreaterThan(1);
    await vi.advanceTimersByTimeAsync(2 * 60 * 60_000);
    const before = times('upload');
    expect(before).toBeLessThan(30);
    await vi.advanceTimersByTimeAsync(LONGEST_PAUSE_MS);
    expect(times('upload')).toBeGreaterThan(before);
    refusals.clear();
    await vi.advanceTimersByTimeAsync(LONGEST_PAUSE_MS);
    expect(waiting).toEqual([]);
  });

  test('is tried again as soon as the server has said, and not before', async () => {
    want('upload', RequestType.KeysUpload);
    refuse('upload', 429, 90);
    await nudge();
    await vi.advanceTimersByTimeAsync(89_000);
    await nudge();
    expect(times('upload')).toBe(1);
    refusals.clear();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(waiting).toEqual([]);
  });

  test('is refused to whoever needs it until it may be sent again', async () => {
    want('query', RequestType.KeysQuery);
    refuse('query', 429, 60);
    await expect(outgoing.flush(RequestType.KeysQuery)).rejects.toMatchObject({ status: 429 });
    await expect(outgoing.flush(RequestType.KeysQuery)).rejects.toMatchObject({ status: 429 });
    expect(times('query')).toBe(1);
  });
});

test('whoever needs one kind does not wait for the others', async () => {
  want('upload', RequestType.KeysUpload);
  want('query', RequestType.KeysQuery);
  await outgoing.flush(RequestType.KeysQuery);
  expect(calls).toEqual(['query']);
});

test('what failed with a 500 is sent at once only to whoever waits for it', async () => {
  want('query', RequestType.KeysQuery);
  refuse('query', 500);
  await expect(outgoing.flush(RequestType.KeysQuery)).rejects.toMatchObject({ status: 500 });
  const patient = outgoing.flushPatiently(RequestType.KeysQuery);
  await expect(patient).rejects.toMatchObject({ status: 500 });
  await nudge();
  expect(times('query')).toBe(1);
  refusals.clear();
  await outgoing.flush(RequestType.KeysQuery);
  expect(waiting).toEqual([]);
});

test('what never reached the server is sent as soon as there is a sign of it', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  want('query', RequestType.KeysQuery);
  refuse('query', 0);
  await expect(outgoing.flush(RequestType.KeysQuery)).rejects.toMatchObject({ status: 0 });
  refusals.clear();
  await outgoing.flushPatiently(RequestType.KeysQuery);
  expect(waiting).toEqual([]);
  want('upload', RequestType.KeysUpload);
  refuse('upload', 0);
  await nudge();
  refusals.clear();
  await nudge();
  expect(waiting).toEqual([]);
});

test('what is new does not wait for the end of a pause of something else', async () => {
  want('upload', RequestType.KeysUpload);
  refuse('upload', 429, 600);
  await nudge();
  want('query', RequestType.KeysQuery);
  await nudge();
  expect(times('query')).toBe(1);
});

describe('a message to devices that the server refuses', () => {
  const message = { type: RequestType.ToDevice, body: '{}', event_type: 'm.test' };
  const answer = { ...message, id: 'answer', txn_id: 'answer' } as LibraryRequest;

  test('does not keep others from being sent, and is tried again after growing pauses', async () => {
    want('stuck', RequestType.ToDevice);
    refuse('to_device/m.test/stuck', 400);
    await nudge();
    outgoing.keep(answer);
    await nudge();
    expect(calls).toEqual(['to_device/m.test/stuck', 'to_device/m.test/answer']);
    await vi.advanceTimersByTimeAsync(60 * 60_000);
    expect(times('to_device/m.test/answer')).toBe(1);
    expect(times('to_device/m.test/stuck')).toBeGreaterThan(2);
    expect(times('to_device/m.test/stuck')).toBeLessThan(20);
  });

  test('keeps them waiting when the server has no time for any', async () => {
    want('busy', RequestType.ToDevice);
    refuse('to_device/m.test/busy', 429, 90);
    await nudge();
    outgoing.keep(answer);
    await nudge();
    expect(times('to_device/m.test/answer')).toBe(0);
    refusals.clear();
    await vi.advanceTimersByTimeAsync(92_000);
    expect(times('to_device/m.test/answer')).toBe(1);
  });
});

describe('a request that the library gives once', () => {
  const given = { id: 'given', type: RequestType.SignatureUpload, body: '{}' } as LibraryRequest;

  test('is sent until it arrives, and once', async () => {
    refuse('signatures/upload', 500);
    outgoing.keep(given);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(times('signatures/upload')).toBeGreaterThan(1);
    refusals.clear();
    await vi.advanceTimersByTimeAsync(LONGEST_PAUSE_MS);
    const before = times('signatures/upload');
    await nudge();
    expect(times('signatures/upload')).toBe(before);
  });

  test('is given up when the server goes on refusing it, and others of its kind go on', async () => {
    refuse('signatures/upload', 400);
    outgoing.keep(given);
    want('signatures', RequestType.SignatureUpload);
    await vi.advanceTimersByTimeAsync(60 * 60_000);
    refusals.clear();
    calls = [];
    await vi.advanceTimersByTimeAsync(LONGEST_PAUSE_MS);
    expect(calls).toEqual(['signatures/upload']);
    expect(waiting).toEqual([]);
  });
});
