import { describe, expect, it } from 'vitest';

import { closedEmojiAt, emojiLike, fragmentAt, membersLike } from './completion';
import { loadEmojiNames } from './emoji_names';
import { bytesLeft } from './message_size';

/** The fragment where the text has its `|`. */
function at(marked: string) {
  const caret = marked.indexOf('|');
  const fragment = fragmentAt(marked.replace('|', ''), caret);
  return fragment && `${fragment.kind} ${fragment.query}`;
}

describe('what can be completed', () => {
  it.each([
    ['@|', 'member '],
    ['hello @ad|', 'member ad'],
    ['(@ad|)', 'member ad'],
    ['one\n@ad| two', 'member ad'],
    ['mail ada@exa|', null],
    ['ship it :roc|', 'emoji roc'],
    [':+1|', 'emoji +1'],
    ['at 10:30|', null],
    ['std::vec|', null],
    [': a|', null],
    ['`:roc|', null],
    ['`a` :roc|', 'emoji roc'],
    ['```\n@ad|', null],
    ['```\nx\n```\n@ad|', 'member ad'],
  ])('in %j', (text, fragment) => {
    expect(at(text)).toBe(fragment);
  });
});

const person = (username: string, display_name: string) => ({
  id: username,
  username,
  display_name,
});

describe('members', () => {
  const members = [
    person('zoe', 'Zoe Adams'),
    person('grada', 'Grada'),
    person('ada', 'Ada Lovelace'),
    person('ada.l', 'Cannot be mentioned'),
  ];

  it('are offered by the beginning of their usernames, then of their names, then by any part', () => {
    expect(membersLike(members, 'Ada').map(({ label }) => label)).toEqual(['ada', 'zoe', 'grada']);
  });

  it('are all offered before a letter is typed, but those whom nothing can mention', () => {
    expect(membersLike(members, '').map(({ label }) => label)).toEqual(['ada', 'grada', 'zoe']);
  });
});

describe('emoji', () => {
  it('are offered by the beginning of their names, then of the words in them', async () => {
    const offered = emojiLike(await loadEmojiNames(), 'thu');
    expect(offered[0]?.symbol).toBe('👍');
    expect(offered.length).toBeLessThanOrEqual(8);
  });

  it('are offered once, by the name that is typed out', async () => {
    const offered = emojiLike(await loadEmojiNames(), '+1');
    expect(offered.map(({ label }) => label)).toEqual([':+1:']);
  });

  it('take the place of a closed name', async () => {
    const names = await loadEmojiNames();
    const closed = (text: string) =>
      closedEmojiAt(text, text.length, (name) => names.get(name))?.symbol;
    expect(closed('well done :tada:')).toBe('🎉');
    expect(closed('a::tada:')).toBeUndefined();
    expect(closed(':no_such_thing:')).toBeUndefined();
    expect(closed('`:tada:')).toBeUndefined();
  });
});

describe('the length of a message', () => {
  it.each([
    ['letters', 'x'.repeat(40_000), true],
    ['letters', 'x'.repeat(50_000), false],
    ['characters of four bytes', '🎉'.repeat(13_000), false],
    ['line breaks, which JSON writes as two', '\n'.repeat(30_000), false],
  ])('is counted in bytes, of %s', (_, text, fits) => {
    expect(bytesLeft(text, 0) >= 0).toBe(fits);
  });
});
