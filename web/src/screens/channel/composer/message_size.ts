/** How long a message may be. */

/**
 * The server takes envelopes of 64 KiB. An envelope holds the message as JSON, encrypted and in
 * base64, so three quarters of it are left, less what else stands in it and room for mentions.
 */
const ENVELOPE_BYTES = 64 * 1024;
const OVERHEAD_BYTES = 1_000;
const MENTION_BYTES = 40;

const encoder = new TextEncoder();

/** How many bytes a message of this text could still grow by; negative when it is too long. */
export function bytesLeft(text: string, mentions: number): number {
  const most = Math.floor((ENVELOPE_BYTES * 3) / 4) - OVERHEAD_BYTES - mentions * MENTION_BYTES;
  // No character takes more than six bytes in JSON: most texts need not be measured.
  if (text.length * 6 < most / 2) return most;
  return most - encoder.encode(JSON.stringify(text)).length;
}

/** With less than this left, it is said. */
export const NEAR_LIMIT_BYTES = 4_000;

/** An amount of text, for people. */
export function amount(bytes: number): string {
  return bytes < 1_000 ? `${bytes} bytes` : `${(bytes / 1_000).toFixed(1)} KB`;
}
