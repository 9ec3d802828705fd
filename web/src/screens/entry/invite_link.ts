/**
 * The code in what somebody pasted: the link of an invite, or the code alone. Undefined when it is
 * neither.
 */
export function inviteCodeIn(text: string): string | undefined {
  const pasted = text.trim();
  return /(?:^|\/invite\/)([\w-]{1,128})(?:[/?#].*)?$/.exec(pasted)?.[1];
}
