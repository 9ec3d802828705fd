/** The timelines that are held: the open one and some that were open lately. */

import { Recent } from './recent';
import { Timeline, type TimelineContext } from './timeline.svelte';
import { unobserved } from './unobserved.svelte';

/** How many timelines are held. */
const HELD = 12;

/** What the timelines need of the rest, apart from knowing which of them is open. */
export type TimelinesContext = Omit<TimelineContext, 'opened' | 'isOpen'> & {
  /** Another timeline is open now. */
  openChanged(): void;
};

/** The timelines of one client. */
export class Timelines {
  readonly #recent = new Recent<Timeline>(HELD);
  readonly #context: TimelineContext;
  #open: Timeline | null = null;

  constructor(context: TimelinesContext) {
    this.#context = {
      ...context,
      opened: (timeline) => {
        if (this.#open === timeline) return;
        this.#open = timeline;
        context.openChanged();
      },
      isOpen: (timeline) => this.#open === timeline,
    };
  }

  /** The timeline of a channel. */
  get(channelId: string): Timeline {
    return this.#recent.get(channelId, () =>
      unobserved(() => new Timeline(channelId, this.#context)),
    );
  }

  /** The timeline of a channel, if it is held. */
  peek(channelId: string): Timeline | undefined {
    return this.#recent.peek(channelId);
  }

  /** All that are held, the most recently used first. */
  held(): Timeline[] {
    return this.#recent
      .entries()
      .map(([, timeline]) => timeline)
      .reverse();
  }

  /** Lets a timeline go. */
  remove(channelId: string): void {
    if (this.#open?.channelId === channelId) this.#open = null;
    this.#recent.delete(channelId);
  }

  /** Lets all go. */
  clear(): void {
    this.#open = null;
    this.#recent.clear();
  }
}
