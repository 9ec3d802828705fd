import type { Message } from '../../api/types';
import { sameDay } from '../../text/time';
import { senderOf, type Sender } from './sender';

/** Messages of one sender further apart than this stand under names of their own. */
const GROUP_MS = 5 * 60_000;

/** Messages of one sender, shortly after one another. */
export interface GroupRow {
  kind: 'group';
  key: string;
  sender: Sender;
  messages: Message[];
}

/** What stands in the list of messages, from top to bottom. */
export type Row =
  | GroupRow
  /** A day begins. */
  | { kind: 'day'; key: string; date: Date }
  /** What follows is new. */
  | { kind: 'new'; key: string };

/** Arranges messages, in the order of their `seq`, under days, the "New" line and senders. */
export function rowsOf(messages: readonly Message[], newFromSeq: number | null): Row[] {
  const rows: Row[] = [];
  let group: GroupRow | undefined;
  let before: Date | undefined;
  for (const [index, message] of messages.entries()) {
    const time = new Date(message.created_at);
    const sender = senderOf(message);
    if (!before || !sameDay(before, time)) {
      rows.push({ kind: 'day', key: `day ${message.seq}`, date: time });
      group = undefined;
    }
    // Read messages may have been cut off above; then everything that is held is new.
    const begins = newFromSeq !== null && message.seq >= newFromSeq;
    const began = index > 0 && (messages[index - 1]?.seq ?? 0) >= (newFromSeq ?? Infinity);
    if (begins && !began) {
      rows.push({ kind: 'new', key: 'new' });
      group = undefined;
    }
    const follows = before && time.getTime() - before.getTime() < GROUP_MS;
    if (group && follows && group.sender.key === sender.key) group.messages.push(message);
    else {
      group = { kind: 'group', key: message.id, sender, messages: [message] };
      rows.push(group);
    }
    before = time;
  }
  return rows;
}

/**
 * Lets groups keep the keys they had in the rows `before`. A group begins with another message once
 * older ones were loaded or the oldest were let go; the page keeps it all the same, with the focus
 * and the selection that are in it.
 */
export function keepKeys(rows: readonly Row[], before: readonly Row[]): Row[] {
  const keys = new Map<string, string>();
  for (const row of before) {
    if (row.kind === 'group') for (const { id } of row.messages) keys.set(id, row.key);
  }
  const taken = new Set<string>();
  return rows.map((row) => {
    if (row.kind !== 'group') return row;
    const known = row.messages.find(({ id }) => keys.has(id));
    let key = (known && keys.get(known.id)) ?? row.key;
    // Of a group that was split, one part keeps the key.
    while (taken.has(key)) key += '+';
    taken.add(key);
    return { ...row, key };
  });
}
