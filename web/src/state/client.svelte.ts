/** The client: everything that components show, and everything that they can do. */

import { Api } from '../api/http';
import type { Channel, Message, Notification, User, UserMessage } from '../api/types';
import type { CryptoEngine, EngineEvent, Plaintext } from '../encryption/types';
import { Socket, type SocketStatus } from '../protocol/socket';
import { Router } from '../routing/router.svelte';
import { Alerts } from './alerts.svelte';
import { Channels } from './channels.svelte';
import { Communities } from './communities.svelte';
import { Connection } from './connection.svelte';
import { Drafts } from './drafts.svelte';
import { EncryptedMentions } from './encrypted_mentions';
import { Encryption } from './encryption.svelte';
import { EncryptionLink } from './encryption_link';
import { LastPlaces } from './last_places';
import { Live } from './live';
import { contentOf, type MessageContent } from './message_content';
import { Newcomers } from './newcomers.svelte';
import { Notifications } from './notifications.svelte';
import { People } from './people.svelte';
import { Preferences } from './preferences.svelte';
import { Push } from './push.svelte';
import { ReadMarks } from './read_marks';
import { Readings } from './readings.svelte';
import { Recent } from './recent';
import type { Sending } from './sending.svelte';
import { Sendings } from './sendings';
import { Session } from './session.svelte';
import { type TabMessage, Tabs } from './tabs';
import type { Timeline } from './timeline.svelte';
import { Timelines } from './timelines';
import { Ui } from './ui.svelte';
import { UnsentMessages } from './unsent';
import { unobserved } from './unobserved.svelte';
import { WebhookList } from './webhooks.svelte';

/** How many channels' webhooks are held. */
const WEBHOOK_LISTS_HELD = 20;
/** How many communities' channels are read at the same time. */
const READ_TOGETHER = 4;

/** The parts of the browser that the client is given, so that a test can give others. */
export interface Surroundings {
  fetch?: typeof fetch;
  /** Opens the WebSocket. */
  openSocket?: () => WebSocket;
  tabs?: Tabs;
  /** Opens encryption. */
  openEngine?: (onEvent: (event: EngineEvent) => void) => Promise<CryptoEngine>;
}

/** One client, for as long as its page is open. */
export class Client {
  readonly session: Session;
  readonly connection: Connection;
  readonly communities: Communities;
  readonly channels: Channels;
  readonly notifications: Notifications;
  readonly alerts: Alerts;
  readonly encryption: Encryption;
  readonly push: Push;
  readonly drafts = new Drafts(() => this.session.user?.id ?? '');
  readonly newcomers = new Newcomers(() => this.session.user?.id ?? '');
  readonly people = new People();
  readonly preferences = new Preferences();
  readonly router = new Router();
  readonly lastPlaces: LastPlaces;
  readonly ui = new Ui();

  readonly #api: Api;
  readonly #socket: Socket;
  readonly #tabs: Tabs;
  readonly #timelines: Timelines;
  readonly #live: Live;
  readonly #encryptionLink: EncryptionLink;
  readonly #readings: Readings;
  readonly #sendings: Sendings;
  readonly #unsent = new UnsentMessages(() => this.session.user?.id ?? '');
  readonly #readMarks: ReadMarks;
  readonly #webhooks = new Recent<WebhookList>(WEBHOOK_LISTS_HELD);
  readonly #leave = new AbortController();
  #watching = false;
  /** When the channel that is open was gone to, in milliseconds since 1970. */
  #openedAt = 0;

  constructor(surroundings: Surroundings = {}) {
    const api = new Api(surroundings.fetch);
    this.#api = api;
    this.#tabs = surroundings.tabs ?? new Tabs();
    const userId = () => this.session.user?.id ?? '';
    this.session = new Session(api, {
      signedIn: (user) => this.#signedIn(user),
      passwordGiven: (password) => this.encryption.passwordGiven(password),
      signedOut: (user) => this.#signedOut(user),
      leaving: () => this.#leaving(),
    });
    this.communities = new Communities({
      api,
      people: this.people,
      userId,
      byUser: (id, act) => this.channels.byUser(id, act),
      gone: (id) => this.channels.removeCommunity(id),
    });
    this.channels = new Channels({
      api,
      people: this.people,
      communities: this.communities,
      userId,
      changed: () => this.#watchSoon(),
      membersRead: (id, members) => this.newcomers.observe(id, members),
      gone: (channel, byUser) => this.#channelGone(channel, byUser),
    });
    this.lastPlaces = new LastPlaces({
      router: this.router,
      communities: this.communities,
      channels: this.channels,
    });
    this.notifications = new Notifications({
      api,
      read: (read) => this.#notificationsRead(read),
      allRead: () => {
        this.channels.readAllMentions();
        this.push.tell({ type: 'read', all: true });
      },
      unreadAfterAll: () => void this.#reloadChannels(),
    });
    this.alerts = new Alerts({
      tabs: this.#tabs,
      showOutside: (notification) => this.push.show(notification),
    });
    this.push = new Push(api, {
      alerted: (id) => this.alerts.has(id),
      open: (url) => this.session.status === 'signed_in' && this.router.open(url),
    });
    this.#readMarks = new ReadMarks(async (channelId, seq, leaving) => {
      await api.post('/api/channels/{channel_id}/read', {
        path: { channel_id: channelId },
        body: { seq },
        keepalive: leaving,
      });
      if (this.channels.readConfirmed(channelId)) this.notifications.recount();
    });
    this.#timelines = new Timelines({
      find: (id) => this.channels.find(id),
      readPage: (id, page) =>
        api.get('/api/channels/{channel_id}/messages', {
          path: { channel_id: id },
          query: { ...page },
        }),
      deleteMessage: (id, messageId) =>
        api.delete('/api/channels/{channel_id}/messages/{message_id}', {
          path: { channel_id: id, message_id: messageId },
        }),
      readSeq: (id) => this.channels.get(id)?.read_seq ?? 0,
      head: (id) => this.channels.get(id)?.last_seq ?? 0,
      unread: (id) => this.channels.unread(id),
      markRead: (id, seq) => this.#markRead(id, seq),
      openChanged: () => {
        this.#openedAt = Date.now();
        this.#watchSoon();
      },
    });
    this.#encryptionLink = new EncryptionLink({
      exchange: (...call) => api.exchange(...call),
      send: (frame) => this.#socket.send(frame),
      reconnect: () => this.#socket.restart(),
      wanted: () => this.encryption.openSoon(),
      otherDevice: () => {
        this.encryption.reset();
        this.encryption.openSoon();
      },
      // Loaded when it is needed.
      share: async (context) => (await import('../encryption/open_engine')).shareEngine(context),
    });
    this.encryption = new Encryption({
      open: surroundings.openEngine ?? ((onEvent) => this.#encryptionLink.open(onEvent)),
      keysCame: (sessionIds) => this.#readings.keysCame(sessionIds),
      isRepeat: (messageId) => this.#readings.isRepeat(messageId),
      devicesChanged: (userIds) => this.#readings.devicesChanged(userIds),
    });
    const mentions = new EncryptedMentions({
      channels: this.channels,
      alerts: this.alerts,
    });
    this.#readings = new Readings({
      engine: () => this.encryption.engine(),
      userId,
      joinedAt: (channelId) => this.channels.get(channelId)?.joined_at ?? null,
      mentioned: (message, body) => mentions.note(message, body),
    });
    this.#sendings = new Sendings({
      engine: () => this.encryption.askedEngine(),
      members: (channelId, again) => this.channels.membersState(channelId, again),
      post: (channel_id, txn_id, members_version, envelope) =>
        // The document has one name for this part of the address; here it is a transaction's id.
        api.put('/api/channels/{channel_id}/messages/{message_id}', {
          path: { channel_id, message_id: txn_id },
          body: { members_version, envelope },
        }),
      replace: (channel_id, message_id, members_version, envelope) =>
        api.patch('/api/channels/{channel_id}/messages/{message_id}', {
          path: { channel_id, message_id },
          body: { members_version, envelope },
        }),
      sent: (message, plaintext) => {
        this.#readings.wrote(message.id, null, plaintext);
        void this.#noteSent(message, plaintext).catch(() => {});
        this.#timelines.peek(message.channel_id)?.receive([message]);
      },
      edited: (message, plaintext) => {
        this.#readings.wrote(message.id, message.edited_at ?? null, plaintext);
        this.#timelines.peek(message.channel_id)?.edited(message);
      },
      unsent: this.#unsent,
      author: () => this.session.user,
    });
    this.#live = new Live({
      send: (frame) => this.#socket.send(frame),
      communities: this.communities,
      channels: this.channels,
      timelines: this.#timelines,
      notifications: this.notifications,
      alerts: this.alerts,
      arrived: (messages) => this.#readings.arrived(messages),
      edited: (message) => this.#readings.edited(message),
      deviceNews: (frame) => this.#encryptionLink.receive(frame),
      greeted: (hello) => {
        this.#encryptionLink.greeted(hello);
        this.#sendings.connected();
      },
      missedNotices: () => void this.#reload(),
      otherHistory: () => this.#startOver(),
    });
    this.#socket = new Socket(surroundings.openSocket ?? openSocket, {
      onStatus: (status) => this.#connectionChanged(status),
      onFrame: (frame) => this.#live.receive(frame),
      mayRetry: async () => {
        await this.session.check();
        return this.session.status !== 'signed_out';
      },
    });
    this.connection = new Connection(() => this.#socket.retryNow());
  }

  /** Finds out who is signed in, and begins. Called once. */
  start(): Promise<void> {
    const { signal } = this.#leave;
    this.#tabs.onMessage = (message) => this.#heard(message);
    document.addEventListener('visibilitychange', () => this.#seenOrHidden(), { signal });
    // What is on its way does not arrive without the page: the browser asks before it is closed.
    const ask = (event: Event) => this.#sendings.underway && event.preventDefault();
    addEventListener('beforeunload', ask, { signal });
    addEventListener('pagehide', () => this.#left(), { signal });
    addEventListener('online', () => this.#networkBack(), { signal });
    this.push.listen();
    return this.session.check();
  }

  /** The messages of a channel. */
  timeline = (channelId: string): Timeline => this.#timelines.get(channelId);

  /** What the user writes, on its way into a channel. */
  sending = (channelId: string): Sending => this.#sendings.get(channelId);

  /** What to show of a message. Encrypted ones are decrypted when they are asked for. */
  contentOf = (message: Message): MessageContent =>
    contentOf(message, (encrypted) => this.#readings.contentOf(encrypted));

  /** The webhooks of a channel, for the admins of its community. */
  webhooks = (channelId: string): WebhookList =>
    this.#webhooks.get(channelId, () => {
      const list = unobserved(() => new WebhookList(this.#api, channelId));
      queueMicrotask(list.reload);
      return list;
    });

  /** The title of the page, with the number of unread notifications. */
  get title(): string {
    const { place } = this.router;
    const { unread } = this.notifications;
    const channel = place.kind === 'channel' ? this.channels.get(place.channelId) : undefined;
    const name = channel === undefined ? 'Chatalot' : `#${channel.name} · Chatalot`;
    const counted = this.session.status === 'signed_in' && unread > 0;
    return counted ? `(${unread}) ${name}` : name;
  }

  /** Stops everything. */
  close(): void {
    this.#leave.abort();
    this.drafts.flush();
    this.#socket.stop();
    this.#readMarks.clear();
    this.#live.reset();
    this.#encryptionLink.close();
    this.#unsent.close();
    this.#tabs.close();
    this.push.close();
    this.router.close();
    this.preferences.close();
    this.newcomers.close();
  }

  #signedIn(user: User): void {
    this.people.meet([user]);
    this.#encryptionLink.begin();
    this.#unsent.clearOthers(user.id);
    this.drafts.clearOthers(user.id);
    this.newcomers.clearOthers(user.id);
    this.#tabs.tell({ type: 'session', userId: user.id });
    this.#socket.start();
    void this.#reload();
    void this.push.resume(user.id);
    this.#unsent.takeOver((message) => this.#sendings.get(message.channelId).restore(message));
  }

  #signedOut(user: User): void {
    this.#tabs.tell({ type: 'session', userId: null });
    this.#socket.stop();
    this.#live.reset();
    this.#readMarks.clear();
    this.#timelines.clear();
    this.#webhooks.clear();
    this.#sendings.clear();
    this.#unsent.clear(user.id);
    this.#readings.clear();
    this.encryption.reset();
    this.#encryptionLink.end();
    this.channels.reset();
    this.communities.reset();
    this.notifications.reset();
    this.alerts.reset();
    this.drafts.clear(user.id);
    this.newcomers.clear();
    this.people.clear();
    this.push.tell({ type: 'read', all: true });
    this.push.reset();
    this.ui.reset();
  }

  /** Nothing decrypts here what was written here; a repeat of it is to be known all the same. */
  async #noteSent(message: UserMessage, { txn_id: txnId }: Plaintext): Promise<void> {
    const engine = await this.encryption.engine();
    const { id, channel_id: channelId, seq } = message;
    await engine.noteSent({ id, channelId, seq, txnId });
  }

  async #leaving(): Promise<void> {
    await Promise.all([this.#readMarks.flush(), this.push.farewell()]);
  }

  /** Reads everything that may be out of date. */
  async #reload(): Promise<void> {
    void this.notifications.reload();
    this.communities.reloadMembers();
    this.channels.reloadMembers();
    await this.communities.reload();
    await this.#reloadChannels();
    void this.#readMarks.flush();
  }

  /** Reads the channels of all communities, beginning with the one that is open. */
  async #reloadChannels(): Promise<void> {
    const open = this.lastPlaces.communityId;
    const ids = this.communities.list.map((community) => community.id);
    const queue = ids.sort((a, b) => Number(b === open) - Number(a === open));
    const readNext = async (): Promise<void> => {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
        await this.channels.of(id).reload();
      }
    };
    await Promise.all(Array.from({ length: READ_TOGETHER }, readNext));
  }

  /** The server was restored from a backup: what is held is of a history that is no more. */
  #startOver(): void {
    this.#readMarks.clear();
    this.channels.reset();
    this.notifications.reset();
    this.alerts.reset();
    for (const timeline of this.#timelines.held()) timeline.restart();
    void this.#reload();
  }

  #connectionChanged(status: SocketStatus): void {
    this.connection.note(status);
    if (status !== 'online') this.#live.disconnected();
    if (status === 'signed_out') this.session.end();
  }

  /** Watches the channels that the user is in, once this moment's changes are all made. */
  #watchSoon(): void {
    if (this.#watching) return;
    this.#watching = true;
    queueMicrotask(() => {
      this.#watching = false;
      const joined = this.channels.all().filter((channel) => channel.joined);
      const ids = new Set(joined.map((channel) => channel.id));
      for (const { channelId } of this.#timelines.held()) {
        if (this.channels.get(channelId)?.joined === false) this.#timelines.remove(channelId);
      }
      const recent = this.#timelines.held().map((timeline) => timeline.channelId);
      this.#live.watch([...recent.filter((id) => ids.has(id)), ...ids]);
    });
  }

  #markRead(channelId: string, seq: number): void {
    this.channels.readUpTo(channelId, seq);
    this.notifications.readChannel(channelId, seq);
    // Whoever goes to the message needs its alert no more; one that comes where somebody reads
    // already stays its time.
    this.alerts.dismissWhere(
      (other, shownAt) =>
        other.channel_id === channelId && other.seq <= seq && shownAt < this.#openedAt,
    );
    this.#readMarks.mark(channelId, seq);
  }

  #notificationsRead(read: readonly Notification[]): void {
    for (const { channel_id, id } of read) this.channels.readMention(channel_id, id);
    this.push.tell({ type: 'read', ids: read.map((notification) => notification.id) });
  }

  #channelGone(channel: Channel, byUser: boolean): void {
    this.#timelines.remove(channel.id);
    this.#sendings.remove(channel.id);
    this.#webhooks.delete(channel.id);
    if (this.ui.channelSettings?.channelId === channel.id) this.ui.closeChannelSettings();
    const { place } = this.router;
    if (place.kind !== 'channel' || place.channelId !== channel.id) return;
    if (!byUser) this.ui.notice = `#${channel.name} is gone, or you are not in it any more.`;
    this.router.go({ kind: 'home' }, { replace: true });
  }

  #networkBack(): void {
    if (this.session.status === 'loading') void this.session.check();
  }

  #seenOrHidden(): void {
    if (this.#tabs.seen) {
      for (const timeline of this.#timelines.held()) timeline.seen();
      this.push.lookAgain();
      return;
    }
    this.#live.flush();
    this.#left();
  }

  /** The page may be closed without another word. */
  #left(): void {
    this.drafts.flush();
    void this.#readMarks.flush(true);
  }

  #heard(message: TabMessage): void {
    switch (message.type) {
      case 'claimed':
        return this.alerts.claimed(message.alert);
      case 'alert':
        return void this.alerts.handedOver(message.notification);
      case 'session':
        // Somebody signed in or out in another tab; the cookie is that of all tabs.
        if (message.userId !== (this.session.user?.id ?? null)) void this.session.check();
    }
  }
}

function openSocket(): WebSocket {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return new WebSocket(`${scheme}//${location.host}/api/ws`);
}
