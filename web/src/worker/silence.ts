/** What browsers do about a push that shows nothing. */

/**
 * Whether the browser punishes every push that shows nothing, even while a page of ours is in
 * front of the user. That is WebKit. It gives no better sign of itself in a worker than its name
 * for itself, which Chromium's browsers carry too, together with their own.
 */
export function mustShowEveryPush(userAgent: string): boolean {
  return /AppleWebKit\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent);
}
