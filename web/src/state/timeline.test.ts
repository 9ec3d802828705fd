import { describe, expect, test, vi } from 'vitest';

import { Problem } from '../api/http';
import type { Message } from '../api/types';
import type { PageRequest } from './message_pages';
import { MOST_HELD } from './message_window';
import { message, messages, range, seqs } from './testing/messages';
import { Timeline } from './timeline.svelte';

/** A channel as the server has it, with one reader. */
class Channel {
  stored: Message[];
  readSeq: number;
  joined = true;
  open: Timeline | null = null;
  requests: PageRequest[] = [];
  fail: Problem | null = null;
  /** Holds answers back until `release`. */
  held: (() => void)[] | null = null;
  readonly timeline: Timeline;

  constructor(count: number, readSeq = count) {
    this.stored = messages(1, count);
    this.readSeq = readSeq;
    this.timeline = new Timeline('c1', {
      find: async () => ({ last_seq: this.head, read_seq: this.readSeq, joined: this.joined }),
      readPage: (_, request) => this.#page(request),
      deleteMessage: async (_, id) => this.erase(id),
      readSeq: () => this.readSeq,
      head: () => this.head,
      unread: () => this.head - this.readSeq,
      markRead: (_, seq) => (this.readSeq = seq),
      opened: (timeline) => (this.open = timeline),
      isOpen: (timeline) => this.open === timeline,
    });
  }

  get head(): number {
    return this.stored.length;
  }

  /** The next messages are stored. */
  post(count: number): Message[] {
    const posted = messages(this.head + 1, this.head + count);
    this.stored.push(...posted);
    return posted;
  }

  erase(id: string): void {
    this.stored = this.stored.map((stored) =>
      stored.id === id ? { ...stored, deleted: true, content: null } : stored,
    );
  }

  hold(): void {
    this.held = [];
  }

  async release(): Promise<void> {
    const held = this.held ?? [];
    this.held = null;
    held.forEach((answer) => answer());
    await settled();
  }

  async #page(request: PageRequest): Promise<{ messages: Message[]; has_more: boolean }> {
    this.requests.push(request);
    const page = this.#read(request);
    const { fail } = this;
    if (this.held) await new Promise<void>((resolve) => this.held?.push(resolve));
    if (fail) throw fail;
    return page;
  }

  #read({ before, after, limit }: PageRequest) {
    if (after !== undefined) {
      const rest = this.stored.filter(({ seq }) => seq > after);
      return { messages: rest.slice(0, limit), has_more: rest.length > limit };
    }
    const rest = this.stored.filter(({ seq }) => before === undefined || seq < before);
    return { messages: rest.slice(-limit), has_more: rest.length > limit };
  }
}

async function opened(count: number, readSeq = count, atSeq?: number): Promise<Channel> {
  const channel = new Channel(count, readSeq);
  await channel.timeline.open(atSeq);
  return channel;
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

function hidePage(): void {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
}

describe('opening a channel', () => {
  test('shows its end when everything is read', async () => {
    const { timeline } = await opened(120);
    expect(timeline.status).toBe('ready');
    expect(seqs(timeline.messages)).toEqual(range(71, 120));
    expect(timeline).toMatchObject({ hasOlder: true, hasNewer: false, newFromSeq: null });
  });

  test('shows an empty channel as such', async () => {
    const { timeline } = await opened(0);
    expect(timeline).toMatchObject({ status: 'ready', hasOlder: false, hasNewer: false });
    expect(timeline.messages).toEqual([]);
  });

  test('shows all that is new, with something before it, under a line', async () => {
    const { timeline } = await opened(200, 110);
    expect(timeline.newFromSeq).toBe(111);
    expect(timeline.messages[0]?.seq).toBeLessThan(111);
    expect(timeline.messages.at(-1)?.seq).toBe(200);
  });

  test('shows the place where reading stopped when there is much new', async () => {
    const { timeline } = await opened(5_000, 1_000);
    expect(timeline.newFromSeq).toBe(1_001);
    expect(seqs(timeline.messages)).toEqual(range(951, 1_050));
    expect(timeline).toMatchObject({ hasOlder: true, hasNewer: true, newBelow: 4_000 });
  });

  test('shows what surrounds a message that a link leads to', async () => {
    const { timeline } = await opened(5_000, 5_000, 300);
    expect(seqs(timeline.messages)).toEqual(range(251, 350));
    expect(timeline.hasNewer).toBe(true);
  });

  test('shows the end when a link leads beyond it', async () => {
    const { timeline } = await opened(80, 80, 999);
    expect(timeline.messages.at(-1)?.seq).toBe(80);
    expect(timeline.hasNewer).toBe(false);
  });

  test('reads nothing again when the place is held', async () => {
    const channel = await opened(120);
    await channel.timeline.open();
    await channel.timeline.open(100);
    expect(channel.requests).toHaveLength(1);
    await channel.timeline.open(3);
    expect(channel.timeline.messages[0]?.seq).toBe(1);
  });

  test('says what went wrong, and works when tried again', async () => {
    const channel = new Channel(10);
    channel.fail = new Problem(0, 'network', 'away', 'away');
    await channel.timeline.open();
    expect(channel.timeline).toMatchObject({ status: 'error', error: { code: 'network' } });
    channel.fail = null;
    await channel.timeline.reload();
    expect(channel.timeline).toMatchObject({ status: 'ready', error: null });
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 10));
  });

  test('uses the answer for the place that was asked for last', async () => {
    const channel = new Channel(1_000);
    channel.hold();
    const first = channel.timeline.open(100);
    const second = channel.timeline.open(900);
    await settled();
    await channel.release();
    await Promise.all([first, second]);
    expect(channel.timeline.messages.map(({ seq }) => seq)).toContain(900);
    expect(channel.timeline.messages.map(({ seq }) => seq)).not.toContain(100);
  });
});

describe('scrolling', () => {
  test('up reads the page before, down to the first message', async () => {
    const { timeline } = await opened(120);
    await timeline.loadOlder();
    expect(seqs(timeline.messages)).toEqual(range(21, 120));
    await timeline.loadOlder();
    expect(seqs(timeline.messages)).toEqual(range(1, 120));
    expect(timeline.hasOlder).toBe(false);
  });

  test('reads a page once, however often it is asked for', async () => {
    const channel = await opened(200);
    const before = channel.requests.length;
    await Promise.all([channel.timeline.loadOlder(), channel.timeline.loadOlder()]);
    expect(channel.requests.length - before).toBe(1);
  });

  test('holds a bounded number of messages, without a gap', async () => {
    const channel = await opened(5_000);
    const { timeline } = channel;
    for (let pages = 0; pages < 60; pages += 1) {
      await timeline.loadOlder();
      expect(timeline.messages.length).toBeLessThanOrEqual(MOST_HELD);
    }
    const first = timeline.messages[0]?.seq ?? 0;
    expect(first).toBeLessThan(2_500);
    expect(timeline.hasNewer).toBe(true);
    expect(seqs(timeline.messages)).toEqual(range(first, first + timeline.messages.length - 1));
    while (timeline.hasNewer) {
      await timeline.loadNewer();
      expect(timeline.messages.length).toBeLessThanOrEqual(MOST_HELD);
    }
    expect(timeline.messages.at(-1)?.seq).toBe(5_000);
    expect(timeline.hasOlder).toBe(true);
  });

  test('keeps what is shown when a page cannot be read, and says why', async () => {
    const channel = await opened(200);
    channel.fail = new Problem(503, 'unavailable', 'away', 'away');
    await channel.timeline.loadOlder();
    expect(channel.timeline).toMatchObject({ status: 'ready', olderError: { status: 503 } });
    channel.fail = null;
    await channel.timeline.loadOlder();
    expect(channel.timeline.olderError).toBeNull();
    expect(channel.timeline.messages).toHaveLength(100);
  });

  test('jumps to the end', async () => {
    const channel = await opened(5_000, 5_000, 300);
    channel.timeline.setAtBottom(false);
    await channel.timeline.jumpToLatest();
    expect(channel.timeline.messages.at(-1)?.seq).toBe(5_000);
    expect(channel.timeline).toMatchObject({ hasNewer: false, newBelow: 0 });
  });
});

describe('live messages', () => {
  test('come at the end while it is held', async () => {
    const channel = await opened(10);
    channel.timeline.receive(channel.post(3));
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 13));
  });

  test('are shown once, however often they come', async () => {
    const channel = await opened(10);
    const posted = channel.post(2);
    channel.timeline.receive(posted);
    channel.timeline.receive(posted);
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 12));
  });

  test('are not shown while the end is elsewhere, but counted', async () => {
    const channel = await opened(5_000, 5_000, 300);
    channel.timeline.setAtBottom(false);
    channel.timeline.receive(channel.post(7));
    expect(channel.timeline.messages.at(-1)?.seq).toBe(350);
    expect(channel.timeline.newBelow).toBe(7);
  });

  test('that came while the channel was being read are not lost', async () => {
    const channel = new Channel(10);
    channel.hold();
    const opening = channel.timeline.open();
    await settled();
    channel.timeline.receive(channel.post(2));
    await channel.release();
    await opening;
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 12));
  });

  test('that came while the end was being reached are not lost', async () => {
    const channel = await opened(390, 390, 300);
    channel.hold();
    const reaching = channel.timeline.loadNewer();
    await settled();
    channel.timeline.receive(channel.post(2));
    await channel.release();
    await reaching;
    expect(channel.timeline.messages.at(-1)?.seq).toBe(392);
    expect(channel.timeline.hasNewer).toBe(false);
  });

  test('behind a gap wait until what is missing was read', async () => {
    const channel = await opened(10);
    const posted = channel.post(5);
    channel.timeline.receive(posted.slice(3));
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 10));
    await settled();
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 15));
  });

  test('behind a gap that cannot be closed are left to be scrolled to', async () => {
    const channel = await opened(10);
    const posted = channel.post(5);
    channel.fail = new Problem(0, 'network', 'away', 'away');
    channel.timeline.receive(posted.slice(3));
    await settled();
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 10));
    expect(channel.timeline).toMatchObject({ hasNewer: true, newerError: { code: 'network' } });
    channel.fail = null;
    await channel.timeline.loadNewer();
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 15));
  });

  test('that the server does not give again do not make the client ask for ever', async () => {
    const channel = await opened(10);
    channel.timeline.receive([message(14)]);
    await settled();
    await channel.timeline.loadNewer();
    await settled();
    expect(channel.requests.length).toBeLessThan(6);
  });

  test('let the oldest go at the bottom', async () => {
    const channel = await opened(10);
    for (let batches = 0; batches < 30; batches += 1) {
      channel.timeline.receive(channel.post(50));
      expect(channel.timeline.messages.length).toBeLessThanOrEqual(MOST_HELD);
    }
    expect(channel.timeline.messages.at(-1)?.seq).toBe(1_510);
    expect(channel.timeline).toMatchObject({ hasOlder: true, hasNewer: false });
  });

  test('move nothing that is read further up, even when there are too many', async () => {
    const channel = await opened(10);
    channel.timeline.setAtBottom(false);
    for (let batches = 0; batches < 30; batches += 1) channel.timeline.receive(channel.post(50));
    expect(channel.timeline.messages[0]?.seq).toBe(1);
    expect(channel.timeline.messages.length).toBeLessThanOrEqual(MOST_HELD);
    expect(channel.timeline.hasNewer).toBe(true);
  });

  test('come under a line when nobody sees them', async () => {
    const channel = await opened(10);
    channel.timeline.receive(channel.post(1));
    expect(channel.timeline.newFromSeq).toBeNull();
    channel.timeline.displayed(11);
    hidePage();
    channel.timeline.receive(channel.post(1));
    channel.timeline.receive(channel.post(1));
    expect(channel.timeline.newFromSeq).toBe(12);
  });
});

describe('what is missed', () => {
  test('is read when the channel is watched without a replay', async () => {
    const channel = await opened(10);
    channel.post(4);
    channel.timeline.watched(14);
    await settled();
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 14));
  });

  test('and not replayed is read anew at the bottom', async () => {
    const channel = await opened(10);
    channel.post(3_000);
    channel.timeline.missed(3_010);
    await settled();
    expect(seqs(channel.timeline.messages)).toEqual(range(2_961, 3_010));
  });

  test('and not replayed does not move what is read further up', async () => {
    const channel = await opened(300);
    channel.timeline.setAtBottom(false);
    channel.post(3_000);
    channel.timeline.missed(3_300);
    await settled();
    expect(channel.timeline.messages.at(-1)?.seq).toBe(300);
    expect(channel.timeline.hasNewer).toBe(true);
  });

  test('in a channel that nobody looks at is read when it is opened', async () => {
    const channel = await opened(10);
    channel.open = null;
    channel.post(2_000);
    channel.timeline.missed(2_010);
    expect(channel.timeline.cursor).toBeUndefined();
    await channel.timeline.open();
    expect(channel.timeline.messages.at(-1)?.seq).toBeGreaterThanOrEqual(60);
  });

  test('because the server has another history is dropped and read anew', async () => {
    const channel = await opened(300);
    channel.stored = messages(1, 40).map((stored) => ({ ...stored, id: `other-${stored.id}` }));
    channel.readSeq = 40;
    channel.timeline.restart();
    expect(channel.timeline.messages).toEqual([]);
    await settled();
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 40));
    expect(channel.timeline.messages[0]?.id).toMatch(/^other-/);
  });

  test('a position beyond the end of the channel means another history', async () => {
    const channel = await opened(300);
    channel.stored = messages(1, 40);
    channel.readSeq = 40;
    channel.timeline.missed(40);
    await settled();
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 40));
  });
});

describe('a cursor', () => {
  test('is the last message while the end is held', async () => {
    const channel = await opened(300);
    expect(channel.timeline.cursor).toBe(300);
    await channel.timeline.open(20);
    expect(channel.timeline.cursor).toBeUndefined();
  });

  test('is 0 in an empty channel', async () => {
    expect((await opened(0)).timeline.cursor).toBe(0);
  });
});

describe('a deletion', () => {
  test('takes the content and leaves the place', async () => {
    const channel = await opened(10);
    channel.timeline.deleted(message(4).id);
    expect(seqs(channel.timeline.messages)).toEqual(range(1, 10));
    expect(channel.timeline.messages[3]?.deleted).toBe(true);
  });

  test('that comes before its message still counts', async () => {
    const channel = await opened(10);
    const posted = channel.post(1);
    channel.timeline.deleted(message(11).id);
    channel.timeline.receive(posted);
    expect(channel.timeline.messages.at(-1)).toMatchObject({ seq: 11, deleted: true });
  });

  test('that comes while an older page is under way still counts', async () => {
    const channel = await opened(100);
    channel.hold();
    const reading = channel.timeline.loadOlder();
    await settled();
    channel.timeline.deleted(message(20).id);
    await channel.release();
    await reading;
    expect(channel.timeline.messages[19]).toMatchObject({ seq: 20, deleted: true });
  });

  test('that was missed is read after the connection is back', async () => {
    const channel = await opened(300);
    await channel.timeline.loadOlder();
    const held = channel.timeline.messages[0];
    channel.erase(message(205).id);
    channel.timeline.reconnected();
    await settled();
    expect(channel.timeline.messages.find(({ seq }) => seq === 205)?.deleted).toBe(true);
    expect(channel.timeline.messages[0]).toBe(held);
  });

  test('of one’s own shows at once', async () => {
    const channel = await opened(10);
    await channel.timeline.delete(message(3).id);
    expect(channel.timeline.messages[2]?.deleted).toBe(true);
  });
});

describe('reading', () => {
  test('is noted up to what was displayed, and never goes back', async () => {
    const channel = await opened(100, 50);
    channel.timeline.displayed(70);
    channel.timeline.displayed(60);
    expect(channel.readSeq).toBe(70);
  });

  test('counts when somebody sees the page, not before', async () => {
    const channel = await opened(100, 50);
    hidePage();
    channel.timeline.displayed(70);
    expect(channel.readSeq).toBe(50);
    vi.restoreAllMocks();
    channel.timeline.seen();
    expect(channel.readSeq).toBe(70);
  });
});

test('an edit shows the new version, also when its page was read before', async () => {
  const channel = await opened(10);
  channel.timeline.edited({ ...message(4), content: 'better' } as Message);
  expect(channel.timeline.messages[3]).toMatchObject({ content: 'better' });
});
