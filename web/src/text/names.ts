/**
 * Characters that show nothing, or that rearrange what stands around them: controls, marks of
 * text direction, zero-width characters, tags and fillers.
 */
const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/**
 * A sender's name as it is shown: without what is invisible or changes the direction of text, so
 * that a name is never empty to the eye and moves nothing beside it.
 */
export function visibleName(name: string, otherwise = 'Unnamed'): string {
  return name.replace(INVISIBLE, '').replace(/\s+/gu, ' ').trim() || otherwise;
}
