/** The frames of the WebSocket, in both directions. */

import type { Message, Notification } from '../api/types';
import type { ToDeviceEvent } from '../encryption/types';

/** What the server sends. */
export type ServerFrame =
  | {
      type: 'hello';
      session_id: string;
      user_id: string;
      epoch: string;
      heartbeat_interval_ms: number;
      unread_notifications: number;
      /** Where the order of changes of users' devices is. */
      device_lists_position?: number;
      server_version: string;
    }
  | { type: 'subscribed'; channel_id: string; last_seq: number }
  | { type: 'message'; channel_id: string; seq: number; message: Message }
  | { type: 'message_deleted'; channel_id: string; seq: number; message_id: string }
  | { type: 'message_edited'; channel_id: string; seq: number; message: Message }
  | { type: 'mention'; notification: Notification }
  | { type: 'channel_read'; channel_id: string; seq: number }
  | { type: 'notifications_read'; ids?: string[]; all?: boolean }
  | { type: 'resync'; channel_id: string; last_seq: number }
  | { type: 'channel_changed'; channel_id: string }
  | { type: 'channel_removed'; channel_id: string }
  | { type: 'membership_changed'; community_id: string }
  | { type: 'members_changed'; channel_id: string; members_version: number }
  | { type: 'to_device'; events: ToDeviceEvent[] }
  | { type: 'device_lists'; changed: string[]; left: string[]; limited?: boolean }
  | {
      type: 'one_time_keys';
      counts: Record<string, number>;
      unused_fallback_key_types: string[];
    }
  | { type: 'pong'; ref?: Reference }
  | { type: 'error'; code: string; detail: string; ref?: Reference; channel_id?: string };

/** A frame about the device that is signed in, for encryption. */
export type DeviceFrame = Extract<
  ServerFrame,
  { type: 'to_device' | 'device_lists' | 'one_time_keys' }
>;

/** The first frame of a connection. */
export type Hello = Extract<ServerFrame, { type: 'hello' }>;

/** What a frame of the client is known by in the answer to it. */
export type Reference = string | number;

/** A channel to watch. */
export interface Watch {
  id: string;
  /** Replay what came after this place first. */
  after_seq?: number;
}

/** What the client sends. */
export type ClientFrame =
  | { type: 'subscribe'; channels: Watch[]; epoch?: string; ref?: Reference }
  | { type: 'unsubscribe'; channels: string[] }
  | { type: 'ack'; notifications: string[]; ref?: Reference }
  | { type: 'to_device_ack'; up_to: number }
  | { type: 'ping'; ref?: Reference };

/** The fields a frame must have for the client to work with it. */
const REQUIRED: { [T in ServerFrame['type']]: Record<string, 'string' | 'number' | 'object'> } = {
  hello: { epoch: 'string', heartbeat_interval_ms: 'number', unread_notifications: 'number' },
  subscribed: { channel_id: 'string', last_seq: 'number' },
  message: { channel_id: 'string', seq: 'number', message: 'object' },
  message_deleted: { channel_id: 'string', seq: 'number', message_id: 'string' },
  message_edited: { channel_id: 'string', seq: 'number', message: 'object' },
  mention: { notification: 'object' },
  channel_read: { channel_id: 'string', seq: 'number' },
  notifications_read: {},
  resync: { channel_id: 'string', last_seq: 'number' },
  channel_changed: { channel_id: 'string' },
  channel_removed: { channel_id: 'string' },
  membership_changed: { community_id: 'string' },
  members_changed: { channel_id: 'string', members_version: 'number' },
  to_device: { events: 'object' },
  device_lists: { changed: 'object', left: 'object' },
  one_time_keys: { counts: 'object', unused_fallback_key_types: 'object' },
  pong: {},
  error: { code: 'string' },
};

/** Reads a frame; null for one of a kind or form that this client does not know. */
export function parseFrame(text: string): ServerFrame | null {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof frame !== 'object' || frame === null) return null;
  const fields = frame as Record<string, unknown>;
  const type = fields['type'];
  if (typeof type !== 'string' || !Object.hasOwn(REQUIRED, type)) return null;
  const required = REQUIRED[type as ServerFrame['type']];
  const whole = Object.entries(required).every(
    ([name, kind]) => typeof fields[name] === kind && fields[name] !== null,
  );
  return whole ? (frame as ServerFrame) : null;
}
