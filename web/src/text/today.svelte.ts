import { createSubscriber } from 'svelte/reactivity';

/** The present day. What reads it in a template is shown anew after midnight. */
class Today {
  #subscribe = createSubscriber((update) => {
    let timer: ReturnType<typeof setTimeout>;
    const untilMidnight = () => {
      const now = new Date();
      const next = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
      // A timer stands still while the machine sleeps, so it is set for an hour at most.
      const wait = Math.min(next.getTime() - now.getTime() + 50, 3_600_000);
      timer = setTimeout(() => {
        update();
        untilMidnight();
      }, wait);
    };
    untilMidnight();
    return () => clearTimeout(timer);
  });

  /** Midnight at which the present day began. */
  get start(): Date {
    this.#subscribe();
    const now = new Date();
    return new Date(now.getFullYear(), now.getMonth(), now.getDate());
  }
}

export const today = new Today();
