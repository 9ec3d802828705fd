/** Where the quick switcher leads, and in which order it offers that. */

import { computeCommandScore } from 'bits-ui';

/** A channel or a community that can be gone to. */
export interface Destination {
  kind: 'channel' | 'community';
  id: string;
  name: string;
  /** The community of a channel. */
  community?: string;
  private?: boolean;
  unread: number;
  mentions: number;
}

/** The least score that counts as a match: below it the letters are merely all there. */
const LEAST_SCORE = 0.01;

/**
 * The destinations that fit what was typed, the best first. With nothing typed: those that
 * mention the user, those with something unread, then the rest, each group as it was given.
 */
export function ranked(all: readonly Destination[], typed: string): Destination[] {
  const search = typed.trim().replace(/^#/, '').trim();
  if (search === '') return [...all].sort((a, b) => urgency(b) - urgency(a));
  return all
    .map((destination) => ({ destination, score: score(destination, search) }))
    .filter((one) => one.score >= LEAST_SCORE)
    .sort((a, b) => b.score - a.score || urgency(b.destination) - urgency(a.destination))
    .map((one) => one.destination);
}

/** A channel is also found by its name and its community's together, in either order. */
function score({ name, community }: Destination, search: string): number {
  const byName = computeCommandScore(name, search);
  if (community === undefined) return byName;
  const both = [`${name} ${community}`, `${community} ${name}`];
  return Math.max(byName, ...both.map((text) => 0.9 * computeCommandScore(text, search)));
}

function urgency({ mentions, unread }: Destination): number {
  if (mentions > 0) return 2;
  return unread > 0 ? 1 : 0;
}
