/** Addresses that the worker may open: those of this server and no others. */

/** The address of a message's place, or of the start page when there is none. */
export function placeOf(channelId: string | null, seq: number | null): string {
  if (!channelId || !/^[0-9a-f-]{36}$/i.test(channelId)) return '/';
  return seq === null ? `/c/${channelId}` : `/c/${channelId}/${seq}`;
}

/**
 * `sent`, if it is at `origin`, else `fallback` there. A server that people reach by a second
 * name sends addresses with its first one; and nothing that a push says may lead elsewhere.
 */
export function ownAddress(sent: string | null, fallback: string, origin: string): string {
  const own = new URL(fallback, origin).href;
  if (!sent || !URL.canParse(sent)) return own;
  const url = new URL(sent);
  return url.origin === origin ? url.href : own;
}
