/** The inbox: every mention of the user, read and unread. */

import { type Api, asProblem, type Problem } from '../api/http';
import type { Inbox, Notification } from '../api/types';
import { Coalesced } from './coalesced';
import type { Status } from './remote_list.svelte';

const PAGE = 50;
/** The most notifications that are held. */
const MOST_HELD = 1_000;

/** What the inbox tells the rest. */
export interface NotificationsContext {
  api: Api;
  /** These were unread and are read now. */
  read(notifications: readonly Notification[]): void;
  /** All were read. */
  allRead(): void;
  /** Something that was shown as read is not. */
  unreadAfterAll(): void;
}

/** The user's notifications, the newest first. Ids are made in order of time. */
export class Notifications {
  status = $state<Status>('loading');
  error = $state.raw<Problem | null>(null);
  list = $state.raw<readonly Notification[]>([]);
  /** How many are unread, in all. */
  unread = $state(0);
  hasMore = $state(false);
  loadingMore = $state(false);
  /** Why older ones could not be read; `loadMore` tries again. */
  moreError = $state.raw<Problem | null>(null);

  readonly #context: NotificationsContext;
  readonly #reading = new Coalesced(() => this.#read());
  /** The newest notification that the server has counted. */
  #countedUpTo = '';

  constructor(context: NotificationsContext) {
    this.#context = context;
  }

  /** Reads the newest page again. Never rejects: what went wrong is in `error`. */
  reload = (): Promise<void> => {
    if (this.status === 'error') this.status = 'loading';
    return this.#reading.run();
  };

  /** Reads the page before the last one held. */
  loadMore = async (): Promise<void> => {
    const last = this.list.at(-1);
    if (!this.hasMore || this.loadingMore || last === undefined) return;
    this.loadingMore = true;
    this.moreError = null;
    try {
      const page = await this.#context.api.get('/api/notifications', {
        query: { before: last.id, limit: PAGE },
      });
      this.#hold(page.notifications);
      this.hasMore = page.has_more && this.list.length < MOST_HELD;
    } catch (error) {
      this.moreError = asProblem(error);
    } finally {
      this.loadingMore = false;
    }
  };

  /** Marks notifications as read. Shown at once, taken back if the server refuses. */
  markRead = async (ids: readonly string[]): Promise<void> => {
    if (ids.length === 0) return;
    this.readIds(ids);
    await this.#tell({ ids: [...ids] });
  };

  /** Marks all notifications as read. */
  markAllRead = async (): Promise<void> => {
    this.readAll();
    await this.#tell({ all: true });
  };

  /** A notification came live, or is offered again. */
  receive(notification: Notification): void {
    const known = this.list.some((other) => other.id === notification.id);
    if (known) return;
    this.#hold([notification]);
    const counted = notification.id <= this.#countedUpTo;
    const countable = this.status === 'ready' && notification.read_at === null;
    if (countable && !counted) this.unread += 1;
  }

  /** What the server counted when the connection was made. */
  counted(unread: number): void {
    if (this.status !== 'ready') this.unread = unread;
  }

  /** These were read, here or on another device. */
  readIds(ids: readonly string[]): void {
    const read = new Set(ids);
    this.#markWhere((notification) => read.has(notification.id));
    // Some that are not held may be among them.
    if (ids.length > 0 && this.#mayMissSome(read)) void this.reload();
  }

  /** A channel was read up to a place, here or on another device. */
  readChannel(channelId: string, seq: number): void {
    this.#markWhere((other) => other.channel_id === channelId && other.seq <= seq);
  }

  /** Asks how many are unread, when some that are not held may have been read. */
  recount(): void {
    if (this.hasMore && this.unread > 0) void this.reload();
  }

  /** All were read, here or on another device. */
  readAll(): void {
    this.#markWhere(() => true);
    this.unread = 0;
    this.#context.allRead();
  }

  /** Forgets everything: somebody else is signed in. */
  reset(): void {
    this.status = 'loading';
    this.error = null;
    this.list = [];
    this.unread = 0;
    this.hasMore = false;
    this.#countedUpTo = '';
  }

  async #read(): Promise<void> {
    try {
      this.#adopt(await this.#context.api.get('/api/notifications', { query: { limit: PAGE } }));
      this.error = null;
      this.status = 'ready';
    } catch (error) {
      this.error = asProblem(error);
      if (this.status !== 'ready') this.status = 'error';
    }
  }

  #adopt(page: Inbox): void {
    const newest = page.notifications[0]?.id ?? '';
    const oldest = page.notifications.at(-1)?.id;
    const before = this.list;
    const live = before.filter((held) => held.id > newest);
    // What was held before is kept only if the page adjoins it.
    const adjoins = !page.has_more || before.some((held) => held.id === oldest);
    if (!adjoins || !page.has_more) this.hasMore = page.has_more;
    // What was read here a moment ago stays read, though the server may not have known it yet.
    const read = new Map(before.filter((held) => held.read_at).map((held) => [held.id, held]));
    const fresh = page.notifications.map((other) => read.get(other.id) ?? other);
    const early = page.notifications.filter((other) => !other.read_at && read.has(other.id));
    this.list = [];
    this.#hold(fresh);
    this.#hold(adjoins ? before : live);
    const since = live.filter((held) => held.read_at === null).length;
    this.unread = Math.max(0, page.unread - early.length) + since;
    this.#countedUpTo = newest;
  }

  /** Puts notifications where they belong; those that are held already stay as they are. */
  #hold(incoming: readonly Notification[]): void {
    const held = new Set(this.list.map((notification) => notification.id));
    const added = incoming.filter((notification) => !held.has(notification.id));
    if (added.length === 0) return;
    const list = [...this.list, ...added].sort((a, b) => (a.id < b.id ? 1 : -1));
    if (list.length > MOST_HELD) this.hasMore = true;
    this.list = list.slice(0, MOST_HELD);
  }

  #markWhere(read: (notification: Notification) => boolean): void {
    const now = new Date().toISOString();
    const marked: Notification[] = [];
    this.list = this.list.map((notification) => {
      if (notification.read_at !== null || !read(notification)) return notification;
      marked.push(notification);
      return { ...notification, read_at: now };
    });
    if (marked.length === 0) return;
    this.unread = Math.max(0, this.unread - marked.length);
    this.#context.read(marked);
  }

  #mayMissSome(ids: Set<string>): boolean {
    const held = new Set(this.list.map((notification) => notification.id));
    return this.hasMore && [...ids].some((id) => !held.has(id));
  }

  async #tell(body: { ids: string[] } | { all: true }): Promise<void> {
    try {
      await this.#context.api.post('/api/notifications/read', { body });
    } catch (error) {
      this.list = [];
      void this.reload();
      this.#context.unreadAfterAll();
      throw error;
    }
  }
}
