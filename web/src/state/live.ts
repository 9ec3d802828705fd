/** Takes what comes over the connection to where it belongs. */

import type { ClientFrame, DeviceFrame, Hello, ServerFrame } from '../protocol/frames';
import { Subscriptions } from '../protocol/subscriptions';
import type { Message } from '../api/types';
import type { Alerts } from './alerts.svelte';
import type { Channels } from './channels.svelte';
import type { Communities } from './communities.svelte';
import { FrameBatch } from './frame_batch';
import { Gathered } from './gathered';
import type { Notifications } from './notifications.svelte';
import type { Timelines } from './timelines';

/** Notices of a change are acted on after a pause, at random so that a crowd spreads out. */
const NOTICE_PAUSE_MS = 300;
/** Alerts that come together are acknowledged together. */
const ACK_PAUSE_MS = 50;
/** When the server cannot take an acknowledgement now, it gets it again after this pause. */
const ACK_AGAIN_MS = 5_000;
/** The most alerts in one acknowledgement. */
const MOST_ACKNOWLEDGED = 500;

/** What the frames are about. */
export interface LiveContext {
  send(frame: ClientFrame): boolean;
  communities: Communities;
  channels: Channels;
  timelines: Timelines;
  notifications: Notifications;
  alerts: Alerts;
  /** Messages came live, of any channel that is watched. */
  arrived(messages: readonly Message[]): void;
  /** A message was given another text just now. */
  edited(message: Message): void;
  /** The server tells the device that is signed in something. */
  deviceNews(frame: DeviceFrame): void;
  /** A new connection. */
  greeted(hello: Hello): void;
  /** The lists may be out of date: there was a time without a connection. */
  missedNotices(): void;
  /** The server has another history than what is held. */
  otherHistory(): void;
}

/** The protocol's rules, applied to the stores. */
export class Live {
  readonly #context: LiveContext;
  readonly #subscriptions: Subscriptions;
  readonly #batch = new FrameBatch((frames) => this.#handle(frames));
  readonly #acks = new Gathered(
    () => ACK_PAUSE_MS,
    (ids) => this.#acknowledge(ids),
  );
  readonly #acksAgain = new Gathered(
    () => ACK_AGAIN_MS,
    (ids) => this.#acknowledge(ids),
  );
  readonly #changedChannels = new Gathered(noticePause, (ids) => ids.forEach(this.#reread));
  readonly #changedCommunities = new Gathered(noticePause, (ids) => void this.#rereadAll(ids));
  /** Acknowledgements under way, by their reference. */
  readonly #acknowledged = new Map<number, string[]>();
  #nextReference = 1;
  #wasConnected = false;

  constructor(context: LiveContext) {
    this.#context = context;
    this.#subscriptions = new Subscriptions({
      send: (frame) => context.send(frame),
      cursorOf: (channelId) => context.timelines.peek(channelId)?.cursor,
    });
  }

  /** Watches these channels; the first are the most important. */
  watch(channelIds: Iterable<string>): void {
    this.#subscriptions.want(channelIds);
  }

  /** A frame came. */
  receive(frame: ServerFrame): void {
    switch (frame.type) {
      case 'hello':
        return this.#greeted(frame);
      case 'mention':
        // Not kept for the next picture: who is not seen draws none, and must be told.
        return this.#mentioned(frame.notification);
      case 'to_device':
      case 'device_lists':
      case 'one_time_keys':
        return this.#context.deviceNews(frame);
      default:
        return this.#batch.add(frame);
    }
  }

  /** The connection is gone. */
  disconnected(): void {
    this.#batch.flush();
    this.#acknowledged.clear();
    this.#subscriptions.disconnected();
  }

  /** Handles what waits for the next picture: the page is not drawn any more. */
  flush(): void {
    this.#batch.flush();
  }

  /** Forgets everything: somebody else is signed in. */
  reset(): void {
    this.#batch.clear();
    this.#acks.clear();
    this.#acksAgain.clear();
    this.#changedChannels.clear();
    this.#changedCommunities.clear();
    this.#acknowledged.clear();
    this.#subscriptions.reset();
    this.#wasConnected = false;
  }

  #greeted(hello: Hello): void {
    const { notifications, timelines } = this.#context;
    notifications.counted(hello.unread_notifications);
    const otherHistory = this.#subscriptions.connected(hello.epoch);
    if (otherHistory) this.#context.otherHistory();
    // What waits to be sent goes by what is held, and so not before that is dropped.
    this.#context.greeted(hello);
    this.#subscriptions.resume();
    if (!otherHistory && this.#wasConnected) {
      for (const timeline of timelines.held()) timeline.reconnected();
      this.#context.missedNotices();
    }
    this.#wasConnected = true;
  }

  #mentioned(notification: Extract<ServerFrame, { type: 'mention' }>['notification']): void {
    const { alerts, channels, notifications } = this.#context;
    this.#acks.add(notification.id);
    channels.noteMention(notification.channel_id, notification.id, notification.seq);
    notifications.receive(notification);
    void alerts.arrive(notification);
  }

  /** Messages of one channel that follow each other are handed over together. */
  #handle(frames: ServerFrame[]): void {
    let messages: Message[] = [];
    for (const [index, frame] of frames.entries()) {
      if (frame.type !== 'message') {
        this.#handleOne(frame);
        continue;
      }
      messages.push(frame.message);
      const next = frames[index + 1];
      if (next?.type === 'message' && next.channel_id === frame.channel_id) continue;
      this.#context.channels.noteHead(frame.channel_id, frame.seq);
      this.#context.timelines.peek(frame.channel_id)?.receive(messages);
      this.#context.arrived(messages);
      messages = [];
    }
  }

  #handleOne(frame: ServerFrame): void {
    const { channels, notifications, alerts, timelines } = this.#context;
    switch (frame.type) {
      case 'subscribed':
        channels.noteHead(frame.channel_id, frame.last_seq);
        if (this.#subscriptions.replays(frame.channel_id)) return;
        return timelines.peek(frame.channel_id)?.watched(frame.last_seq);
      case 'resync':
        channels.noteHead(frame.channel_id, frame.last_seq);
        return timelines.peek(frame.channel_id)?.missed(frame.last_seq);
      case 'message_deleted':
        return timelines.peek(frame.channel_id)?.deleted(frame.message_id);
      case 'message_edited':
        this.#context.edited(frame.message);
        return timelines.peek(frame.channel_id)?.edited(frame.message);
      case 'channel_read': {
        const { channel_id, seq } = frame;
        channels.readUpTo(channel_id, seq);
        notifications.readChannel(channel_id, seq);
        if (channels.readConfirmed(channel_id)) notifications.recount();
        return alerts.dismissWhere((other) => other.channel_id === channel_id && other.seq <= seq);
      }
      case 'notifications_read': {
        if (frame.all) {
          notifications.readAll();
          return alerts.dismissWhere(() => true);
        }
        const ids = frame.ids ?? [];
        notifications.readIds(ids);
        return alerts.dismissWhere((other) => ids.includes(other.id));
      }
      case 'channel_changed':
        return this.#changedChannels.add(frame.channel_id);
      case 'channel_removed':
        this.#subscriptions.dropped(frame.channel_id);
        // An admin still sees a private channel that they are in no more.
        return void channels.refresh(frame.channel_id);
      case 'members_changed':
        return channels.noteMembers(frame.channel_id, frame.members_version);
      case 'membership_changed':
        return this.#changedCommunities.add(frame.community_id);
      case 'error':
        return this.#refused(frame);
      default:
        return;
    }
  }

  #refused(frame: Extract<ServerFrame, { type: 'error' }>): void {
    const ids = typeof frame.ref === 'number' ? this.#acknowledged.get(frame.ref) : undefined;
    if (ids !== undefined && (frame.code === 'overloaded' || frame.code === 'rate_limited')) {
      for (const id of ids) this.#acksAgain.add(id);
    } else if (frame.code === 'not_a_member' && frame.channel_id !== undefined) {
      this.#subscriptions.dropped(frame.channel_id);
      this.#changedChannels.add(frame.channel_id);
    }
  }

  #acknowledge(ids: string[]): void {
    for (let start = 0; start < ids.length; start += MOST_ACKNOWLEDGED) {
      const part = ids.slice(start, start + MOST_ACKNOWLEDGED);
      const ref = this.#nextReference;
      this.#nextReference += 1;
      // Without a connection the server offers them again.
      if (!this.#context.send({ type: 'ack', notifications: part, ref })) return;
      this.#acknowledged.set(ref, part);
      this.#acknowledged.delete(ref - 50);
    }
  }

  #reread = (channelId: string): void => {
    void this.#context.channels.refresh(channelId);
    this.#context.channels.reloadMembers(channelId);
  };

  async #rereadAll(communityIds: string[]): Promise<void> {
    const { channels, communities } = this.#context;
    await communities.reload();
    for (const id of communityIds) {
      if (communities.get(id) === undefined) continue;
      void channels.of(id).reload();
      communities.reloadMembers(id);
    }
  }
}

function noticePause(): number {
  return NOTICE_PAUSE_MS * (0.5 + Math.random());
}
