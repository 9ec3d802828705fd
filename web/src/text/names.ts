/** Controls, marks of text direction, and characters that show nothing. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Those of them that scripts and emoji are joined with. */
const JOINING = ['\u200c', '\u200d', '\ufe0f'];

/**
 * A sender's name as it is shown: without what is invisible or changes the direction of text, so
 * that a name is never empty to the eye and moves nothing beside it.
 */
export function visibleName(name: string, otherwise = 'Unnamed'): string {
  const nothing = name.replace(INVISIBLE, '').trim() === '';
  if (nothing) return otherwise;
  return name
    .replace(INVISIBLE, (character) => (JOINING.includes(character) ? character : ''))
    .replace(/\s+/gu, ' ')
    .trim();
}
