import { beforeEach, describe, expect, test, vi } from 'vitest';

import { Problem } from '../api/problem';
import type { Message, UserMessage } from '../api/types';
import {
  type CryptoEngine,
  EngineError,
  type EncryptionRequest,
  type Envelope,
  type Plaintext,
} from '../encryption/types';
import { Sending } from './sending.svelte';
import { ME } from './testing/scripted_server';

/** A channel that a test lets refuse what is sent. */
class ScriptedChannel {
  version = 1;
  memberIds = ['me', 'bob'];
  readonly encrypted: EncryptionRequest[] = [];
  /** What was sent: the transaction, and the state of the members. */
  readonly posts: { txnId: string; version: number }[] = [];
  readonly sent: { message: UserMessage; plaintext: Plaintext }[] = [];
  readonly edited: { message: UserMessage; plaintext: Plaintext }[] = [];
  /** Called before a post is taken; throws to refuse it. */
  onPost: () => void | Promise<void> = () => {};
  onEncrypt: () => void = () => {};
  /** What is kept over the end of the page, by its transaction. */
  readonly kept = new Map<string, string>();
  mayKeep = true;
  #known = { version: 1, ids: ['me', 'bob'] };

  readonly sending = new Sending('c1', {
    engine: async () =>
      ({
        encrypt: async (request: EncryptionRequest) => {
          this.onEncrypt();
          this.encrypted.push(request);
          return { session_id: 's', device_id: 'd', ciphertext: 'x' } as Envelope;
        },
      }) as unknown as CryptoEngine,
    members: async (_, again) => {
      if (again) this.#known = { version: this.version, ids: this.memberIds };
      return this.#known;
    },
    post: async (_, txnId, version) => {
      this.posts.push({ txnId, version });
      await this.onPost();
      this.#check(version);
      return { message_id: txnId, seq: this.posts.length, created_at: 'now' };
    },
    replace: async (_, messageId, version, envelope) => {
      await this.onPost();
      this.#check(version);
      const { id, username, display_name } = ME;
      const author = { user_id: id, username, display_name, device_id: 'd' };
      const message: Message = {
        id: messageId,
        channel_id: 'c1',
        seq: 1,
        kind: 'user',
        author,
        encrypted: true,
        envelope,
        created_at: 'now',
        edited_at: 'later',
      };
      return message;
    },
    unsent: {
      keep: ({ txnId, body }) => {
        if (this.mayKeep) this.kept.set(txnId, body);
        return this.mayKeep;
      },
      drop: (txnId) => void this.kept.delete(txnId),
    },
    author: () => ME,
    sent: (message, plaintext) => this.sent.push({ message, plaintext }),
    edited: (message, plaintext) => this.edited.push({ message, plaintext }),
  });

  #check(version: number): void {
    if (version !== this.version) {
      throw new Problem(409, 'members_changed', 'Changed', 'Somebody joined or left.');
    }
  }
}

let channel: ScriptedChannel;

beforeEach(() => {
  channel = new ScriptedChannel();
});

function bodies(): string[] {
  return channel.sent.map(({ plaintext }) => plaintext.body);
}

test('messages are shown at once and sent in the order of writing', async () => {
  channel.sending.send('one', ['bob']);
  channel.sending.send('two');
  expect(channel.sending.queue.map(({ body }) => body)).toEqual(['one', 'two']);
  await vi.waitFor(() => expect(channel.sending.queue).toEqual([]));
  expect(bodies()).toEqual(['one', 'two']);
  expect(channel.encrypted[0]?.plaintext).toMatchObject({
    channel_id: 'c1',
    body: 'one',
    format: 'markdown',
    mentions: ['bob'],
  });
  expect(channel.sent[0]?.message).toMatchObject({
    kind: 'user',
    channel_id: 'c1',
    author: { user_id: 'me', device_id: 'd' },
  });
});

test('when the members have changed, it is encrypted for those who are there now', async () => {
  channel.version = 2;
  channel.memberIds = ['me'];
  channel.sending.send('hello');
  await vi.waitFor(() => expect(bodies()).toEqual(['hello']));
  expect(channel.encrypted.map(({ memberIds }) => memberIds)).toEqual([['me', 'bob'], ['me']]);
  const [first, second] = channel.posts;
  expect(second).toEqual({ txnId: first?.txnId, version: 2 });
});

test('it is given up when the members change again and again, and can be sent later', async () => {
  channel.onPost = () => void (channel.version += 1);
  channel.sending.send('hello');
  await vi.waitFor(() => expect(channel.sending.queue[0]?.state).toBe('failed'));
  expect(channel.sending.queue[0]?.error?.code).toBe('members_changed');
  expect(channel.posts).toHaveLength(5);
  channel.onPost = () => {};
  channel.sending.queue[0]?.retry();
  await vi.waitFor(() => expect(bodies()).toEqual(['hello']));
});

describe('when no answer comes', () => {
  test('it is sent again with the same transaction', async () => {
    vi.useFakeTimers();
    let lost = 2;
    channel.onPost = () => {
      if (lost-- > 0) throw new Problem(0, 'network', 'Away', 'Away');
    };
    channel.sending.send('hello');
    await vi.runAllTimersAsync();
    vi.useRealTimers();
    expect(bodies()).toEqual(['hello']);
    expect(new Set(channel.posts.map(({ txnId }) => txnId)).size).toBe(1);
    expect(channel.posts).toHaveLength(3);
  });

  test('it fails in the end with what was written after it, and the connection brings both back', async () => {
    vi.useFakeTimers();
    channel.onPost = () => {
      throw new Problem(0, 'network', 'Away', 'Away');
    };
    channel.sending.send('hello');
    channel.sending.send('later');
    await vi.runAllTimersAsync();
    const away = { state: 'failed', error: { code: 'network' } };
    expect(channel.sending.queue).toMatchObject([away, away]);
    expect(new Set(channel.posts.map(({ txnId }) => txnId)).size).toBe(1);
    channel.onPost = () => {};
    channel.sending.connected();
    await vi.runAllTimersAsync();
    vi.useRealTimers();
    expect(bodies()).toEqual(['hello', 'later']);
  });

  test('it goes before what is written when the server can be reached again', async () => {
    vi.useFakeTimers();
    channel.onPost = () => {
      throw new Problem(0, 'network', 'Away', 'Away');
    };
    channel.sending.send('hello');
    await vi.runAllTimersAsync();
    channel.onPost = () => {};
    channel.sending.send('later');
    await vi.runAllTimersAsync();
    vi.useRealTimers();
    expect(bodies()).toEqual(['hello', 'later']);
  });

  test('what the server refuses does not keep back what was written after it', async () => {
    channel.onPost = () => {
      if (channel.posts.length === 1) throw new Problem(403, 'forbidden', 'No', 'No');
    };
    channel.sending.send('hello');
    channel.sending.send('later');
    await vi.waitFor(() => expect(bodies()).toEqual(['later']));
  });
});

test('what a user has to do first is said with the message', async () => {
  channel.onEncrypt = () => {
    throw new EngineError('identity_changed', 'The identity of bob has changed.', ['bob']);
  };
  channel.sending.send('hello');
  await vi.waitFor(() => expect(channel.sending.queue[0]?.state).toBe('failed'));
  expect(channel.sending.queue[0]?.error).toMatchObject({
    code: 'identity_changed',
    detail: 'The identity of bob has changed.',
  });
  expect(channel.posts).toEqual([]);
});

test('what was given up is not sent', async () => {
  channel.onEncrypt = () => channel.sending.queue[0]?.discard();
  channel.sending.send('hello');
  await vi.waitFor(() => expect(channel.encrypted).toHaveLength(1));
  await vi.waitFor(() => expect(channel.sending.queue).toEqual([]));
  expect(channel.posts).toEqual([]);
});

test('it is kept until it is in the channel or given up', async () => {
  channel.onPost = () => {
    throw new Problem(403, 'forbidden', 'No', 'No');
  };
  channel.sending.send('hello');
  channel.sending.send('again');
  expect(channel.sending.underway).toBe(true);
  expect([...channel.kept.values()]).toEqual(['hello', 'again']);
  const failed = () => channel.sending.queue.filter(({ state }) => state === 'failed');
  await vi.waitFor(() => expect(failed()).toHaveLength(2));
  expect(channel.sending.underway).toBe(false);
  channel.sending.queue[0]?.discard();
  expect([...channel.kept.values()]).toEqual(['again']);
  channel.onPost = () => {};
  channel.sending.queue[0]?.retry();
  await vi.waitFor(() => expect(bodies()).toEqual(['again']));
  expect(channel.kept.size).toBe(0);
});

test('the page asks before it is closed with something that could not be kept', async () => {
  channel.mayKeep = false;
  channel.onPost = () => {
    throw new Problem(403, 'forbidden', 'No', 'No');
  };
  channel.sending.send('hello');
  await vi.waitFor(() => expect(channel.sending.queue[0]?.state).toBe('failed'));
  expect(channel.sending.underway).toBe(true);
});

test('what was written on a page that was closed is offered again, under the same transaction', async () => {
  const message = { channelId: 'c1', txnId: 't1', body: 'hello', mentions: [], createdAt: 'now' };
  channel.sending.restore(message);
  channel.sending.restore(message);
  expect(channel.sending.queue).toMatchObject([
    { state: 'failed', error: { code: 'page_closed' } },
  ]);
  channel.sending.queue[0]?.retry();
  await vi.waitFor(() => expect(channel.posts).toEqual([{ txnId: 't1', version: 1 }]));
});

test('an edit names what it replaces, and says why it failed', async () => {
  await channel.sending.edit('m1', 'better', ['bob']);
  expect(channel.encrypted[0]?.plaintext).toMatchObject({ replaces: 'm1', body: 'better' });
  expect(channel.edited[0]?.message).toMatchObject({ id: 'm1', edited_at: 'later' });
  channel.onEncrypt = () => {
    throw new EngineError('locked', 'Unlock this device.');
  };
  await expect(channel.sending.edit('m1', 'best')).rejects.toMatchObject({ code: 'locked' });
});
