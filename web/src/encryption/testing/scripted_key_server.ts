/**
 * A server's side of encryption in memory, for tests: what `KeyServer` calls, as the contract has
 * it, and channels with members. Tests reach in to lose, repeat and forge what it hands on.
 */

import { Problem } from '../../api/problem';
import type { Exchange, Method } from '../engine/key_server';
import type { Envelope, SealedMessage, ToDeviceEvent } from '../types';

type Json = Record<string, unknown>;
type Keys = Record<string, Json>;

interface Device {
  userId: string;
  keys: Json | null;
  oneTime: Map<string, Json>;
  fallback: { id: string; key: Json; used: boolean } | null;
  mailbox: ToDeviceEvent[];
  /** Whether nothing more goes into the mailbox. */
  full: boolean;
  /** Users whose devices have changed since it was told, by their full names. */
  changed: Set<string>;
  /** Whether keys were handed out since it was told how many are left. */
  claimed: boolean;
  /** Called when there is something to tell the device. */
  ring: () => void;
}

interface User {
  password: string;
  crossSigning: Record<string, Json>;
  accountData: Map<string, string>;
  backups: { version: string; terms: Json; keys: Map<string, Json> }[];
}

interface Channel {
  members: Set<string>;
  membersVersion: number;
  messages: SealedMessage[];
}

export const SERVER_NAME = 'chat.example';
export const PASSWORD = 'correct horse battery staple';

const MOST_ONE_TIME_KEYS = 100;

/** The server of a test. */
export class ScriptedKeyServer {
  readonly users = new Map<string, User>();
  readonly devices = new Map<string, Device>();
  readonly channels = new Map<string, Channel>();
  /** Calls that fail, as long as this says so. */
  fails: (method: Method, path: string) => Problem | undefined = () => undefined;
  /** What happens while a call is on its way. */
  underway: (method: Method, path: string) => Promise<void> = async () => {};
  readonly calls: string[] = [];
  /** How many users one call may name. */
  mostUsers = 500;
  /** How many devices one call may name, or be told of. */
  mostDevices = { query: 5_000, claim: 1_000, toDevice: 500 };
  #places = 0;
  #seen = new Set<string>();
  #versions = 0;

  /** Adds a user; answers their id. */
  register(): string {
    const id = crypto.randomUUID();
    this.users.set(id, {
      password: PASSWORD,
      crossSigning: {},
      accountData: new Map(),
      backups: [],
    });
    return id;
  }

  /** Signs a user in on a new device; answers its id. */
  signIn(userId: string): string {
    const id = crypto.randomUUID();
    this.devices.set(id, {
      userId,
      keys: null,
      oneTime: new Map(),
      fallback: null,
      mailbox: [],
      full: false,
      changed: new Set(),
      claimed: false,
      ring: () => {},
    });
    return id;
  }

  /** Ends a device, as the end of its session does. */
  signOut(deviceId: string): void {
    const { userId } = this.device(deviceId);
    this.devices.delete(deviceId);
    this.#announce(userId);
  }

  openChannel(...memberIds: string[]): string {
    const id = crypto.randomUUID();
    this.channels.set(id, { members: new Set(memberIds), membersVersion: 1, messages: [] });
    return id;
  }

  join(channelId: string, userId: string): void {
    const channel = this.channel(channelId);
    channel.members.add(userId);
    channel.membersVersion += 1;
    this.#announce(userId);
  }

  leave(channelId: string, userId: string): void {
    const channel = this.channel(channelId);
    channel.members.delete(userId);
    channel.membersVersion += 1;
  }

  channel(id: string): Channel {
    const channel = this.channels.get(id);
    if (channel === undefined) throw new Error(`no channel ${id}`);
    return channel;
  }

  device(id: string): Device {
    const device = this.devices.get(id);
    if (device === undefined) throw new Error(`no device ${id}`);
    return device;
  }

  /** Puts an encrypted message into a channel, unless the members have changed. */
  post(channelId: string, deviceId: string, version: number, envelope: Envelope): SealedMessage {
    const channel = this.channel(channelId);
    if (version !== channel.membersVersion) {
      throw problem(409, 'members_changed', 'Somebody has joined or left.');
    }
    const message: SealedMessage = {
      id: crypto.randomUUID(),
      channelId,
      seq: channel.messages.length + 1,
      authorId: this.device(deviceId).userId,
      deviceId,
      createdAt: new Date().toISOString(),
      editedAt: null,
      envelope,
    };
    channel.messages.push(message);
    return message;
  }

  /** The calls of one device. */
  exchange(deviceId: string): Exchange {
    return async (method, path, body) => {
      this.calls.push(`${method} ${path}`);
      const failure = this.fails(method, path);
      if (failure !== undefined) throw failure;
      await this.underway(method, path);
      const [place = '', query = ''] = path.slice('/api/e2ee/'.length).split('?');
      const sent = body === undefined ? {} : (JSON.parse(body) as Json);
      const parts = place.split('/').map(decodeURIComponent);
      return JSON.stringify(this.#answer(deviceId, method, parts, query, sent));
    };
  }

  #answer(id: string, method: Method, parts: string[], query: string, sent: Json): unknown {
    const device = this.device(id);
    const [area, what] = parts;
    switch (area) {
      case 'whoami':
        return { user_id: name(device.userId), device_id: id };
      case 'keys':
        return what === 'changes'
          ? { changed: [...this.users.keys()].map(name), left: [] }
          : this.#keys(id, parts.slice(1).join('/'), sent);
      case 'to_device':
        return this.#toDevice(id, what ?? '', parts[2] ?? '', sent);
      case 'account_data':
        return this.#accountData(device, method, what ?? '', sent);
      case 'room_keys':
        return this.#roomKeys(device, method, parts.slice(1), query, sent);
      default:
        throw problem(404, 'not_found', parts.join('/'));
    }
  }

  #keys(id: string, what: string, sent: Json): unknown {
    const device = this.device(id);
    switch (what) {
      case 'upload': {
        const keys = sent['device_keys'] as Json | undefined;
        if (keys !== undefined && device.keys === null) {
          device.keys = keys;
          this.#announce(device.userId);
        }
        const oneTime = Object.entries((sent['one_time_keys'] ?? {}) as Keys);
        if (device.oneTime.size + oneTime.length > MOST_ONE_TIME_KEYS) {
          throw problem(409, 'too_many_one_time_keys', 'The device has as many as it may.');
        }
        for (const [key, value] of oneTime) {
          device.oneTime.set(key, value);
        }
        for (const [key, value] of Object.entries((sent['fallback_keys'] ?? {}) as Keys)) {
          device.fallback = { id: key, key: value, used: false };
        }
        return { one_time_key_counts: this.counts(id) };
      }
      case 'query':
        return this.#query(device.userId, Object.keys(sent['device_keys'] as Json));
      case 'claim':
        return this.#claim(
          device.userId,
          sent['one_time_keys'] as Record<string, Record<string, string>>,
        );
      case 'device_signing/upload': {
        const user = this.#user(device.userId);
        const auth = sent['auth'] as Json | undefined;
        if (auth?.['password'] !== user.password) {
          throw problem(403, 'wrong_password', 'The password is wrong.');
        }
        for (const usage of ['master_key', 'self_signing_key', 'user_signing_key']) {
          const key = sent[usage] as Json | undefined;
          if (key !== undefined) user.crossSigning[usage] = key;
        }
        this.#announce(device.userId);
        return {};
      }
      case 'signatures/upload':
        this.#sign(sent as Record<string, Keys>);
        for (const user of Object.keys(sent)) this.#announce(idIn(user), device.userId);
        return { failures: {} };
      default:
        throw problem(404, 'not_found', what);
    }
  }

  /** How many one-time keys a device has left, as the server tells it. */
  counts(deviceId: string): Record<string, number> {
    return { signed_curve25519: this.device(deviceId).oneTime.size };
  }

  /** The devices of a user have changed: who shares a channel with them learns it. */
  #announce(userId: string, ...further: string[]): void {
    const told = new Set([userId, ...further]);
    for (const { members } of this.channels.values()) {
      if (members.has(userId)) for (const member of members) told.add(member);
    }
    for (const device of this.devices.values()) {
      if (!told.has(device.userId)) continue;
      device.changed.add(name(userId));
      device.ring();
    }
  }

  /** Keys are shown to those who share a channel with their user; to others it has no devices. */
  #sees(asking: string, userId: string): boolean {
    if (asking === userId) return true;
    const channels = [...this.channels.values()];
    return channels.some(({ members }) => members.has(asking) && members.has(userId));
  }

  #query(asking: string, users: string[]): unknown {
    const answer = {
      failures: {},
      device_keys: {} as Record<string, Keys>,
      master_keys: {} as Keys,
      self_signing_keys: {} as Keys,
      user_signing_keys: {} as Keys,
    };
    let shown = 0;
    if (users.length > this.mostUsers) throw tooMany('/device_keys');
    for (const full of users) {
      const userId = idIn(full);
      const user = this.users.get(userId);
      if (user === undefined || !this.#sees(asking, userId)) continue;
      const devices: Keys = {};
      for (const [id, device] of this.devices) {
        if (device.userId === userId && device.keys !== null) devices[id] = device.keys;
      }
      shown += Object.keys(devices).length;
      if (shown > this.mostDevices.query) throw tooMany('/device_keys');
      answer.device_keys[full] = devices;
      const { master_key, self_signing_key, user_signing_key } = user.crossSigning;
      if (master_key) answer.master_keys[full] = master_key;
      if (self_signing_key) answer.self_signing_keys[full] = self_signing_key;
      if (user_signing_key && userId === asking) answer.user_signing_keys[full] = user_signing_key;
    }
    return answer;
  }

  #claim(asking: string, wanted: Record<string, Record<string, string>>): unknown {
    const keys: Record<string, Record<string, Json>> = {};
    const users = Object.keys(wanted).length;
    if (users > this.mostUsers || count(wanted) > this.mostDevices.claim) {
      throw tooMany('/one_time_keys');
    }
    for (const [user, devices] of Object.entries(wanted)) {
      if (!this.#sees(asking, idIn(user))) continue;
      for (const id of Object.keys(devices)) {
        const device = this.devices.get(id);
        if (device === undefined || name(device.userId) !== user) continue;
        const [oneTime] = device.oneTime;
        const given: [string, Json] | null =
          oneTime ?? (device.fallback && [device.fallback.id, device.fallback.key]);
        if (given === null) continue;
        if (oneTime !== undefined) device.oneTime.delete(oneTime[0]);
        else if (device.fallback !== null) device.fallback.used = true;
        (keys[user] ??= {})[id] = { [given[0]]: given[1] };
        device.claimed = true;
        device.ring();
      }
    }
    return { one_time_keys: keys, failures: {} };
  }

  #sign(sent: Record<string, Keys>): void {
    for (const [user, objects] of Object.entries(sent)) {
      for (const [key, object] of Object.entries(objects)) {
        const device = this.devices.get(key)?.keys;
        const keys = Object.values(this.#user(idIn(user)).crossSigning);
        const crossSigning = keys.find((other) => Object.values(other['keys'] as Json)[0] === key);
        const target = device ?? crossSigning;
        if (target === undefined) continue;
        const all = (target['signatures'] ??= {}) as Keys;
        for (const [signer, signatures] of Object.entries(object['signatures'] as Keys)) {
          all[signer] = { ...all[signer], ...signatures };
        }
      }
    }
  }

  #toDevice(id: string, type: string, txnId: string, sent: Json): unknown {
    const transaction = `${id} ${type} ${txnId}`;
    if (this.#seen.has(transaction)) return {};
    this.#seen.add(transaction);
    const { userId } = this.device(id);
    const sender = name(userId);
    const messages = sent['messages'] as Record<string, Keys>;
    if (count(messages) > this.mostDevices.toDevice) throw tooMany('/messages');
    const undelivered: Record<string, string[]> = {};
    for (const [user, devices] of Object.entries(messages)) {
      if (!this.#sees(userId, idIn(user))) continue;
      for (const [target, content] of Object.entries(devices)) {
        for (const [other, device] of this.devices) {
          if (name(device.userId) !== user || (target !== '*' && target !== other)) continue;
          if (target === '*' && other === id) continue;
          if (device.full) {
            (undelivered[user] ??= []).push(other);
            continue;
          }
          this.#places += 1;
          device.mailbox.push({ id: this.#places, type, sender, content });
          device.ring();
        }
      }
    }
    return Object.keys(undelivered).length === 0 ? {} : { undelivered };
  }

  #accountData(device: Device, method: Method, type: string, sent: Json): unknown {
    const { accountData } = this.#user(device.userId);
    if (method === 'PUT') accountData.set(type, JSON.stringify(sent));
    if (method === 'DELETE') accountData.delete(type);
    if (method !== 'GET') return {};
    const content = accountData.get(type);
    if (content === undefined) throw problem(404, 'not_found', type);
    return JSON.parse(content);
  }

  #roomKeys(device: Device, method: Method, parts: string[], query: string, sent: Json): unknown {
    const { backups } = this.#user(device.userId);
    const [area, first, second] = parts;
    if (area === 'version') return this.#backupVersion(device, method, first, sent);
    const version = new URLSearchParams(query).get('version');
    const backup = backups.find((other) => other.version === version);
    if (backup === undefined || backup !== backups.at(-1)) {
      throw problem(403, 'wrong_version', 'That is not the newest backup.');
    }
    if (method === 'PUT') {
      const rooms = sent['rooms'] as Record<string, { sessions: Keys }>;
      for (const [room, { sessions }] of Object.entries(rooms)) {
        for (const [session, key] of Object.entries(sessions)) {
          backup.keys.set(`${room} ${session}`, key);
        }
      }
      return { etag: String(backup.keys.size), count: backup.keys.size };
    }
    const key = backup.keys.get(`${first} ${second}`);
    if (key === undefined) throw problem(404, 'not_found', 'no such key');
    return key;
  }

  #backupVersion(device: Device, method: Method, version: string | undefined, sent: Json): unknown {
    const { backups } = this.#user(device.userId);
    if (method === 'POST') {
      this.#versions += 1;
      const made = { version: String(this.#versions), terms: sent, keys: new Map<string, Json>() };
      backups.push(made);
      return { version: made.version };
    }
    if (method === 'DELETE') {
      const index = backups.findIndex((other) => other.version === version);
      if (index >= 0) backups.splice(index, 1);
      return {};
    }
    const newest = backups.at(-1);
    if (newest === undefined) throw problem(404, 'not_found', 'no backup');
    return { ...newest.terms, version: newest.version, count: newest.keys.size, etag: '0' };
  }

  #user(id: string): User {
    const user = this.users.get(id);
    if (user === undefined) throw new Error(`no user ${id}`);
    return user;
  }
}

function name(userId: string): string {
  return `@${userId}:${SERVER_NAME}`;
}

function idIn(full: string): string {
  return full.slice(1, full.indexOf(':'));
}

function problem(status: number, code: string, detail: string): Problem {
  return new Problem(status, code, detail, detail);
}

/** How many devices are named. */
function count(byUser: Record<string, object>): number {
  return Object.values(byUser).reduce((sum, devices) => sum + Object.keys(devices).length, 0);
}

function tooMany(pointer: string): Problem {
  const detail = 'must name fewer';
  return new Problem(422, 'invalid_body', 'Invalid body', detail, [{ pointer, detail }]);
}
