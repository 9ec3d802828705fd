/** What the word at the caret may become: a member's name after `@`, an emoji after `:`. */

/** A part of a word that can be completed. */
export interface Fragment {
  kind: 'member' | 'emoji';
  /** Where it begins in the text, with its `@` or `:`, and where it ends. */
  start: number;
  end: number;
  /** What was typed after the sign. */
  query: string;
}

/** What may take the place of a fragment. */
export interface Suggestion {
  key: string;
  /** What it puts there. */
  text: string;
  /** What it is called in the list. */
  label: string;
  /** What says more about it: a display name. */
  note?: string;
  /** The emoji itself. */
  symbol?: string;
}

/** How many are offered at a time: whoever does not see theirs types another letter. */
export const OFFERED = 8;

/** The fragment that ends at the caret; null when there is nothing to complete. */
export function fragmentAt(text: string, caret: number): Fragment | null {
  // Longer than any name; the rest of a long text need not be looked at.
  const near = text.slice(Math.max(0, caret - 80), caret);
  const match = /(?:@(\w{0,32})|:([a-z0-9_+-]{2,40}))$/.exec(near);
  if (match === null) return null;
  const start = caret - match[0].length;
  const before = text.slice(0, start);
  if (!mayBegin(before)) return null;
  const [, member, emoji] = match;
  if (member !== undefined) return { kind: 'member', start, end: caret, query: member };
  return { kind: 'emoji', start, end: caret, query: emoji ?? '' };
}

/** The emoji whose name was just closed with a second colon, if one is called so. */
export function closedEmojiAt(
  text: string,
  caret: number,
  emojiOf: (name: string) => string | undefined,
): { start: number; end: number; symbol: string } | null {
  const match = /:([a-z0-9_+-]{1,40}):$/.exec(text.slice(Math.max(0, caret - 44), caret));
  if (match === null) return null;
  const start = caret - match[0].length;
  const before = text.slice(0, start);
  if (!mayBegin(before)) return null;
  const symbol = emojiOf(match[1] ?? '');
  return symbol === undefined ? null : { start, end: caret, symbol };
}

/** Whether a sign after `before` is one, and not a part of an address, of a path or of code. */
function mayBegin(before: string): boolean {
  return !/[\p{L}\p{N}_:]$/u.test(before.slice(-2)) && !inCode(before);
}

/** Whether what follows `before` would stand in a fenced block or a code span. */
function inCode(before: string): boolean {
  const fences = before.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0;
  if (fences % 2 === 1) return true;
  const line = before.slice(before.lastIndexOf('\n') + 1);
  return (line.match(/`+/g)?.length ?? 0) % 2 === 1;
}

/** What the members' list is asked for. */
interface Named {
  id: string;
  username: string;
  display_name: string;
}

/** The members that `query` may mean, the likeliest first. Those a mention cannot name are left out. */
export function membersLike(members: readonly Named[], query: string): Suggestion[] {
  const wanted = query.toLocaleLowerCase();
  const ranked = members
    .filter(({ username }) => /^\w+$/.test(username))
    .map((member) => ({ member, rank: rankOf(member, wanted) }))
    .filter(({ rank }) => rank < 4)
    .sort((a, b) => a.rank - b.rank || a.member.username.localeCompare(b.member.username));
  return ranked.slice(0, OFFERED).map(({ member }) => ({
    key: member.id,
    text: `@${member.username} `,
    label: member.username,
    note: member.display_name,
  }));
}

function rankOf({ username, display_name }: Named, wanted: string): number {
  const [sign, shown] = [username.toLocaleLowerCase(), display_name.toLocaleLowerCase()];
  if (sign.startsWith(wanted)) return 0;
  if (shown.split(/\s+/).some((word) => word.startsWith(wanted))) return 1;
  if (sign.includes(wanted)) return 2;
  return shown.includes(wanted) ? 3 : 4;
}

/** The emoji whose names `query` may mean, the likeliest first, each once. */
export function emojiLike(names: ReadonlyMap<string, string>, query: string): Suggestion[] {
  const begin: Suggestion[] = [];
  const within: Suggestion[] = [];
  const seen = new Set<string>();
  const offer = (list: Suggestion[], name: string, symbol: string) => {
    if (seen.has(symbol)) return;
    seen.add(symbol);
    list.push({ key: name, text: `${symbol} `, label: `:${name}:`, symbol });
  };
  // The name that is typed out comes first, whatever others begin with it.
  const exact = names.get(query);
  if (exact !== undefined) offer(begin, query, exact);
  for (const [name, symbol] of names) if (name.startsWith(query)) offer(begin, name, symbol);
  if (begin.length < OFFERED) {
    for (const [name, symbol] of names) {
      if (name.includes(`_${query}`)) offer(within, name, symbol);
    }
  }
  return [...begin, ...within].slice(0, OFFERED);
}
