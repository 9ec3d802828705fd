/** The channels of the user's communities, with what is unread in each. */

import { SvelteMap } from 'svelte/reactivity';

import { type Api, asProblem } from '../api/http';
import type { Channel, Role, User } from '../api/types';
import { ChannelList } from './channel_list.svelte';
import { ChannelMembers } from './channel_members.svelte';
import type { Communities } from './communities.svelte';
import { Coalesced } from './coalesced';
import { MentionCount } from './mention_count';
import type { People } from './people.svelte';
import { Recent } from './recent';
import { unobserved } from './unobserved.svelte';

/** How many channels' members are held. */
const LISTS_HELD = 20;

/** What the channels are told about and tell. */
export interface ChannelsContext {
  api: Api;
  people: People;
  communities: Communities;
  /** The id of who is signed in. */
  userId(): string;
  /** Which channels there are, or which of them the user is in, has changed. */
  changed(): void;
  /** The server has named the members of a channel, to be shown or to be encrypted for. */
  membersRead(channelId: string, members: readonly User[]): void;
  /** A channel is gone for this user, by their own doing or not. */
  gone(channel: Channel, byUser: boolean): void;
}

/** How a channel is made. */
export interface NewChannel {
  name: string;
  topic?: string;
  private?: boolean;
}

/**
 * All channels. Each is one reactive object for as long as it is known: a new message changes
 * its `last_seq` in place, so that only what shows that number is drawn again.
 */
export class Channels {
  readonly #context: ChannelsContext;
  readonly #byId = new SvelteMap<string, Channel>();
  readonly #lists = new Map<string, ChannelList>();
  readonly #mentions = new Map<string, MentionCount>();
  readonly #refreshing = new Map<string, Coalesced>();
  readonly #members = new Recent<ChannelMembers>(LISTS_HELD);
  /** Who was in a channel, by the state of its members. */
  readonly #membersStates = new Recent<{ version: number; ids: string[] }>(LISTS_HELD);
  /** Channels with mentions that were read, before the server has said how many are left. */
  readonly #uncertain = new Set<string>();
  /** Channels and communities that the user is leaving or deleting just now. */
  readonly #leaving = new Set<string>();

  constructor(context: ChannelsContext) {
    this.#context = context;
  }

  /** The channels of a community. */
  of(communityId: string): ChannelList {
    const known = this.#lists.get(communityId);
    if (known !== undefined) return known;
    const read = () =>
      this.#context.api.get('/api/communities/{community_id}/channels', {
        path: { community_id: communityId },
      });
    const list = unobserved(
      () => new ChannelList(read, (fresh, before) => this.#take(fresh, before)),
    );
    this.#lists.set(communityId, list);
    queueMicrotask(list.reload);
    return list;
  }

  get(channelId: string): Channel | undefined {
    return this.#byId.get(channelId);
  }

  /** All channels that are known. */
  all(): Channel[] {
    return [...this.#byId.values()];
  }

  async create(communityId: string, channel: NewChannel): Promise<Channel> {
    const created = await this.#context.api.post('/api/communities/{community_id}/channels', {
      path: { community_id: communityId },
      body: channel,
    });
    return this.#show(created);
  }

  /** Changes the name or the topic; an empty topic is none. */
  async update(id: string, change: { name?: string; topic?: string | null }): Promise<void> {
    this.#adopt(
      await this.#context.api.patch('/api/channels/{channel_id}', {
        path: { channel_id: id },
        body: change,
      }),
    );
  }

  /** Deletes a channel with its messages and webhooks. */
  delete(id: string): Promise<void> {
    return this.byUser(id, async () => {
      await this.#context.api.delete('/api/channels/{channel_id}', { path: { channel_id: id } });
      this.remove(id);
    });
  }

  async join(id: string): Promise<void> {
    await this.#context.api.put('/api/channels/{channel_id}/members/{user_id}', {
      path: { channel_id: id, user_id: this.#context.userId() },
    });
    await this.refresh(id);
  }

  leave(id: string): Promise<void> {
    return this.byUser(id, async () => {
      await this.#context.api.delete('/api/channels/{channel_id}/members/{user_id}', {
        path: { channel_id: id, user_id: this.#context.userId() },
      });
      await this.refresh(id);
    });
  }

  /** Does something by which the user leaves a channel, or a community with its channels. */
  async byUser(id: string, act: () => Promise<void>): Promise<void> {
    this.#leaving.add(id);
    try {
      await act();
    } finally {
      this.#leaving.delete(id);
    }
  }

  /** Who is in a channel. */
  members(id: string): ChannelMembers {
    return this.#members.get(id, () => {
      const { api, people, membersRead } = this.#context;
      const read = (members: readonly User[]) => membersRead(id, members);
      const list = unobserved(() => new ChannelMembers(api, people, id, read));
      queueMicrotask(list.reload);
      return list;
    });
  }

  /** How many messages the user has not read. */
  unread(id: string): number {
    const channel = this.get(id);
    return channel?.joined ? Math.max(0, channel.last_seq - channel.read_seq) : 0;
  }

  /** How many unread mentions of the user there are. */
  mentions(id: string): number {
    const channel = this.get(id);
    return channel?.joined ? channel.unread_mentions : 0;
  }

  /** How many messages the user has not read in a community's channels together. */
  unreadIn(communityId: string): number {
    return this.of(communityId).list.reduce((sum, channel) => sum + this.unread(channel.id), 0);
  }

  /** How many unread mentions of the user there are in a community's channels together. */
  mentionsIn(communityId: string): number {
    return this.of(communityId).list.reduce((sum, channel) => sum + this.mentions(channel.id), 0);
  }

  /** The user's role in the channel's community. */
  role(channelId: string): Role | undefined {
    const channel = this.get(channelId);
    return channel && this.#context.communities.get(channel.community_id)?.role;
  }

  /** Whether the user may change the channel, its webhooks and its members. */
  mayAdminister(channelId: string): boolean {
    const role = this.role(channelId);
    return role === 'owner' || role === 'admin';
  }

  /** The channel, read from the server if it is not known yet. */
  async find(id: string): Promise<Channel> {
    const known = this.get(id);
    if (known !== undefined) return known;
    const channel = await this.#context.api.get('/api/channels/{channel_id}', {
      path: { channel_id: id },
    });
    return this.#show(channel);
  }

  /** Reads a channel again. Never rejects: when it cannot be read now, it stays as it was. */
  refresh(id: string): Promise<void> {
    let refreshing = this.#refreshing.get(id);
    if (refreshing === undefined) {
      refreshing = new Coalesced(() => this.#refresh(id));
      this.#refreshing.set(id, refreshing);
    }
    return refreshing.run();
  }

  /**
   * Who is in a channel, and which state of the members that is; read again when that is known to
   * be out of date. The list may be newer than the state: then whoever goes by it is told.
   */
  async membersState(id: string, again: boolean): Promise<{ version: number; ids: string[] }> {
    const known = (await this.find(id)).members_version;
    const held = this.#membersStates.peek(id);
    if (!again && held?.version === known) return held;
    const path = { channel_id: id };
    const fresh = await this.#context.api.get('/api/channels/{channel_id}', { path });
    const users = await this.#context.api.get('/api/channels/{channel_id}/members', { path });
    this.noteMembers(id, fresh.members_version);
    this.#context.people.meet(users);
    this.#context.membersRead(id, users);
    const state = { version: fresh.members_version, ids: users.map((user) => user.id) };
    this.#membersStates.delete(id);
    return this.#membersStates.get(id, () => state);
  }

  /** Reads who is in a channel again, if that is held; without an id, of all that are held. */
  reloadMembers(id?: string): void {
    for (const [channelId, list] of this.#members.entries()) {
      if (id === undefined || id === channelId) void list.reload();
    }
  }

  /** The channel's newest message is at least at this place. */
  noteHead(id: string, seq: number): void {
    const channel = this.get(id);
    if (channel && seq > channel.last_seq) channel.last_seq = seq;
  }

  /** Somebody has joined or left a channel. */
  noteMembers(id: string, version: number): void {
    const channel = this.get(id);
    if (channel === undefined || version <= channel.members_version) return;
    channel.members_version = version;
    this.reloadMembers(id);
  }

  /** A mention of the user came live. */
  noteMention(channelId: string, notificationId: string, seq: number): void {
    this.#count(channelId, (count) => count.add(notificationId, seq));
  }

  /** A mention of the user was found in an encrypted message. */
  findMention(channelId: string, messageId: string, seq: number): void {
    this.#count(channelId, (count) => count.find(messageId, seq));
  }

  /** The user has read a channel up to a place, here or elsewhere. */
  readUpTo(id: string, seq: number): void {
    const channel = this.get(id);
    if (!channel) return;
    if (seq > channel.read_seq) channel.read_seq = seq;
    if (channel.unread_mentions > 0) this.#uncertain.add(id);
    this.#count(id, (count) => count.readUpTo(seq));
  }

  /**
   * The server knows how far a channel was read. Says whether mentions were among that; how many
   * are left is then asked of the server.
   */
  readConfirmed(id: string): boolean {
    if (!this.#uncertain.delete(id)) return false;
    if (this.mentions(id) > 0) void this.refresh(id);
    return true;
  }

  /** The user has read one mention. */
  readMention(channelId: string, notificationId: string): void {
    this.#count(channelId, (count) => count.read(notificationId));
  }

  /** The user has read all mentions. */
  readAllMentions(): void {
    for (const id of this.#mentions.keys()) this.#count(id, (count) => count.readAll());
  }

  /** A channel is gone for this user. */
  remove(id: string): void {
    const channel = this.get(id);
    if (!channel) return;
    this.#forget(channel);
    this.#lists.get(channel.community_id)?.remove(id);
    this.#context.changed();
  }

  /** A community is gone for this user, with its channels. */
  removeCommunity(communityId: string): void {
    this.#lists.delete(communityId);
    const channels = this.all().filter((channel) => channel.community_id === communityId);
    for (const channel of channels) this.#forget(channel);
    this.#context.changed();
  }

  /** Forgets everything: somebody else is signed in, or the server has another history. */
  reset(): void {
    this.#byId.clear();
    this.#lists.clear();
    this.#mentions.clear();
    this.#refreshing.clear();
    this.#uncertain.clear();
    this.#members.clear();
    this.#membersStates.clear();
    this.#context.changed();
  }

  #take(read: readonly Channel[], before: readonly Channel[]): readonly Channel[] {
    const taken = read.map((channel) => this.#adopt(channel));
    const missing = before.filter((known) => !read.some((channel) => channel.id === known.id));
    for (const channel of missing) this.#forget(channel);
    this.#context.changed();
    return taken;
  }

  #show(fresh: Channel): Channel {
    const channel = this.#adopt(fresh);
    this.#lists.get(channel.community_id)?.add(channel);
    this.#context.changed();
    return channel;
  }

  #adopt(fresh: Channel): Channel {
    const known = this.#byId.get(fresh.id);
    const count = this.#mentions.get(fresh.id) ?? new MentionCount();
    this.#mentions.set(fresh.id, count);
    count.snapshot(fresh.unread_mentions, fresh.last_seq, fresh.read_seq);
    // What is known live may be ahead of what was read a moment ago.
    const merged: Channel = {
      ...fresh,
      last_seq: Math.max(fresh.last_seq, known?.last_seq ?? 0),
      members_version: Math.max(fresh.members_version, known?.members_version ?? 0),
      read_seq: Math.max(fresh.read_seq, known?.joined ? known.read_seq : 0),
      unread_mentions: count.value,
    };
    if (known !== undefined) return Object.assign(known, merged);
    const channel = $state(merged);
    this.#byId.set(channel.id, channel);
    return channel;
  }

  async #refresh(id: string): Promise<void> {
    try {
      const channel = await this.#context.api.get('/api/channels/{channel_id}', {
        path: { channel_id: id },
      });
      this.#show(channel);
    } catch (error) {
      if (asProblem(error).status === 404) this.remove(id);
    }
  }

  #count(channelId: string, change: (count: MentionCount) => void): void {
    const channel = this.get(channelId);
    const count = this.#mentions.get(channelId);
    if (!channel || !count) return;
    change(count);
    channel.unread_mentions = count.value;
  }

  #forget(channel: Channel): void {
    this.#byId.delete(channel.id);
    this.#mentions.delete(channel.id);
    this.#refreshing.delete(channel.id);
    this.#uncertain.delete(channel.id);
    this.#members.delete(channel.id);
    this.#membersStates.delete(channel.id);
    const { id, community_id } = channel;
    this.#context.gone(channel, this.#leaving.has(id) || this.#leaving.has(community_id));
  }
}
