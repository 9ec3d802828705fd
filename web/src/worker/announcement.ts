/** What a push says, made ready to be shown as a notification. */

import { visibleName } from '../text/names';
import { plainPreview } from '../text/plain_preview';
import { ownAddress, placeOf } from './addresses';

/** A notification of the system, before the browser shows it. */
export interface Announcement {
  /** The notification's id; the same for a repeat, so that a repeat replaces what is shown. */
  id: string;
  title: string;
  body: string;
  /** The author's picture, or Chatalot's own. */
  icon: string;
  /** What a click opens: always at our own origin. */
  url: string;
  /** The channel it happened in, when it happened in one. */
  channelId: string | null;
  /** The message's place in that channel. */
  seq: number | null;
  /** When the message was accepted, in milliseconds, when that is known. */
  at: number | null;
}

const ICON = '/icon-192.png';

/** The tag of everything that could not be read: one is enough to send people to the page. */
export const UNREADABLE = 'unreadable';

/**
 * Reads the text of a push. Browsers want something shown for every push, and take the
 * permission away when nothing is, so what cannot be read says at least that there is something.
 */
export function announcement(text: string | undefined, origin: string): Announcement {
  return announcementOf(parse(text), origin);
}

/** The same for what has been read already: the payload of a push, or a notification. */
export function announcementOf(value: unknown, origin: string): Announcement {
  const payload = fields(value);
  const id = payload && string(payload.id);
  if (!payload || !id) return unreadable(origin);
  if (payload.kind === 'test') return test(id, payload, origin);
  return mention(id, payload, origin);
}

function mention(id: string, payload: Fields, origin: string): Announcement {
  const author = fields(payload.author);
  const channelId = string(payload.channel_id);
  const seq = integer(payload.seq);
  const name = author && visibleName(string(author.name) ?? '', 'Webhook');
  const channel = string(payload.channel_name);
  return {
    id,
    title: title(name, channel),
    body: plainPreview(string(payload.preview) ?? ''),
    icon: picture(author && string(author.avatar_url)) ?? ICON,
    url: ownAddress(string(payload.url), placeOf(channelId, seq), origin),
    channelId,
    seq,
    at: time(payload.created_at),
  };
}

function test(id: string, payload: Fields, origin: string): Announcement {
  return {
    ...unreadable(origin),
    id,
    title: 'Test notification',
    body: string(payload.preview) ?? 'This device receives notifications.',
    url: ownAddress(string(payload.url), '/', origin),
    at: time(payload.created_at),
  };
}

function unreadable(origin: string): Announcement {
  return {
    id: UNREADABLE,
    title: 'Chatalot',
    body: 'You have a new notification.',
    icon: ICON,
    url: ownAddress(null, '/', origin),
    channelId: null,
    seq: null,
    at: null,
  };
}

function title(author: string | null, channel: string | null): string {
  if (author && channel) return `${isolated(author)} in #${isolated(channel)}`;
  if (author) return isolated(author);
  return channel ? `#${isolated(channel)}` : 'Chatalot';
}

/**
 * Keeps a name that is written from right to left from changing the order of the words around
 * it. Other names stay as they are, for notification centres that show isolates as boxes.
 */
function isolated(name: string): string {
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|\ud802|\ud803|\ud83a|\ud83b/.test(name)
    ? `\u2068${name}\u2069`
    : name;
}

/** Pictures come from https only, as they do in the pages. */
function picture(url: string | null): string | null {
  return url?.startsWith('https://') ? url : null;
}

type Fields = Record<string, unknown>;

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}

function fields(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : null;
}

function string(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function integer(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}

function time(value: unknown): number | null {
  const at = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? null : at;
}
