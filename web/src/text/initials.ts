const segments = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Up to two letters that stand for a name where its picture is missing. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}]\S*/gu) ?? [];
  const [first, second] = [words[0], words.length > 1 ? words.at(-1) : undefined];
  if (!first) return firstLetter(name.trim()) || '?';
  return (firstLetter(first) + firstLetter(second ?? '')).toLocaleUpperCase();
}

/** Which of eight tones, 0 to 7, a name has. It is always the same for a name. */
export function toneOf(name: string): number {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return hash % 8;
}

/** What a reader takes for one letter, with its accents, cut where somebody piled them up. */
function firstLetter(word: string): string {
  const [first] = segments.segment(word);
  return first ? first.segment.slice(0, 8) : '';
}
