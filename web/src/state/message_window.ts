/**
 * The part of a channel that is held: messages in order, without a gap, and whether there are
 * more on either side. Everything here makes a new window out of an old one.
 */

import type { Message } from '../api/types';

/** A contiguous part of a channel. */
export interface MessageWindow {
  /** In ascending order; each `seq` is the one before plus one. */
  readonly messages: readonly Message[];
  readonly hasOlder: boolean;
  /** Whether the channel goes on behind the last message; if not, live messages belong here. */
  readonly hasNewer: boolean;
}

/** The most messages that are held of a channel. */
export const MOST_HELD = 1_000;
/** How many are held after a cut, so that not every new message costs an old one. */
const HELD_AFTER_CUT = 800;

/** A window that holds nothing of a channel that has nothing. */
export const EMPTY: MessageWindow = { messages: [], hasOlder: false, hasNewer: false };

/** The place of the first message held; 0 when none is. */
export function firstSeq(window: MessageWindow): number {
  return window.messages[0]?.seq ?? 0;
}

/** The place of the last message held; 0 when none is. */
export function lastSeq(window: MessageWindow): number {
  return window.messages.at(-1)?.seq ?? 0;
}

/** Whether the message at a place is held. */
export function holds(window: MessageWindow, seq: number): boolean {
  return window.messages.length > 0 && seq >= firstSeq(window) && seq <= lastSeq(window);
}

/** What came of adding messages to the end. */
export interface Appended {
  readonly window: MessageWindow;
  /** What did not follow on what was held: something between is missing. */
  readonly detached: readonly Message[];
}

/** Adds messages at the end. Those that are held already are dropped silently. */
export function append(window: MessageWindow, incoming: readonly Message[]): Appended {
  const inOrder = [...incoming].sort((a, b) => a.seq - b.seq);
  const added: Message[] = [];
  let next = lastSeq(window) + 1;
  for (const [index, message] of inOrder.entries()) {
    if (message.seq < next) continue;
    if (message.seq > next) {
      return { window: withAdded(window, added), detached: inOrder.slice(index) };
    }
    added.push(message);
    next += 1;
  }
  return { window: withAdded(window, added), detached: [] };
}

function withAdded(window: MessageWindow, added: readonly Message[]): MessageWindow {
  return added.length === 0 ? window : { ...window, messages: [...window.messages, ...added] };
}

/** Adds an older page at the beginning, as far as it adjoins. */
export function prepend(
  window: MessageWindow,
  page: readonly Message[],
  hasOlder: boolean,
): MessageWindow {
  const first = firstSeq(window);
  const older = page.filter((message) => message.seq < first);
  const adjoins = older.length === 0 || older.at(-1)?.seq === first - 1;
  if (!adjoins) return window;
  return { ...window, messages: [...older, ...window.messages], hasOlder };
}

/** Lets the oldest messages go when there are too many. */
export function cutOldest(window: MessageWindow): MessageWindow {
  if (window.messages.length <= MOST_HELD) return window;
  return { ...window, messages: window.messages.slice(-HELD_AFTER_CUT), hasOlder: true };
}

/** Lets the newest messages go when there are too many. */
export function cutNewest(window: MessageWindow): MessageWindow {
  if (window.messages.length <= MOST_HELD) return window;
  return { ...window, messages: window.messages.slice(0, HELD_AFTER_CUT), hasNewer: true };
}

/** Puts other versions in the place of messages that are held. */
export function revise(
  window: MessageWindow,
  version: (message: Message) => Message,
): MessageWindow {
  let changed = false;
  const messages = window.messages.map((message) => {
    const revised = version(message);
    changed ||= revised !== message;
    return revised;
  });
  return changed ? { ...window, messages } : window;
}
