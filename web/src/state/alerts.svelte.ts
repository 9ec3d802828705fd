/** The live alerts of mentions: each is shown by one tab, once. */

import type { Notification } from '../api/types';
import type { Tabs } from './tabs';

/** An alert on the screen of this tab. */
export interface Alert {
  notification: Notification;
  /** When it was shown, in milliseconds since 1970. */
  shownAt: number;
}

/** The most alerts on the screen at once; the oldest make room. */
const MOST_SHOWN = 5;
/** How many alerts are remembered, so that none is shown twice. */
const REMEMBERED = 1_000;
/** Alerts that come together make one sound. */
const SOUND_PAUSE_MS = 2_000;

/** What the alerts need of the rest. */
export interface AlertsContext {
  tabs: Tabs;
  /** Shows an alert as a notification of the system, when nobody sees a tab. */
  showOutside(notification: Notification): void;
}

/** The alerts of this tab. */
export class Alerts {
  current = $state.raw<readonly Alert[]>([]);
  /** Called when an alert is shown that should be heard. */
  onSound: (() => void) | null = null;

  readonly #context: AlertsContext;
  /** Alerts that reached this tab, and whether some tab shows them. */
  readonly #known = new Map<string, 'arrived' | 'claimed'>();
  #soundedAt = 0;

  constructor(context: AlertsContext) {
    this.#context = context;
  }

  /** An alert came over this tab's connection. */
  async arrive(notification: Notification): Promise<void> {
    if (this.#known.has(notification.id)) return;
    this.#remember(notification.id, 'arrived');
    const { tabs } = this.#context;
    if (!tabs.seen && (await tabs.someSeen())) {
      // A tab that is seen shows it, even if its own connection is just being made again.
      tabs.tell({ type: 'alert', notification });
      return;
    }
    if (tabs.seen || tabs.leads) await this.#show(notification);
  }

  /** Another tab, which is not seen, hands over an alert. */
  async handedOver(notification: Notification): Promise<void> {
    if (this.#known.has(notification.id) || !this.#context.tabs.seen) return;
    this.#remember(notification.id, 'arrived');
    await this.#show(notification);
  }

  /** Another tab shows an alert. */
  claimed(id: string): void {
    this.#remember(id, 'claimed');
  }

  /** Whether an alert has reached the tabs of this browser. */
  has(id: string): boolean {
    return this.#known.has(id);
  }

  /** Takes an alert off the screen. */
  dismiss = (id: string): void => {
    this.current = this.current.filter((alert) => alert.notification.id !== id);
  };

  /** Takes alerts off the screen that were read, here or on another device. */
  dismissWhere(read: (notification: Notification, shownAt: number) => boolean): void {
    this.current = this.current.filter((alert) => !read(alert.notification, alert.shownAt));
  }

  /** Forgets everything: somebody else is signed in. */
  reset(): void {
    this.current = [];
    this.#known.clear();
  }

  async #show(notification: Notification): Promise<void> {
    const { tabs } = this.#context;
    if (!(await tabs.claim(notification.id))) return;
    if (this.#known.get(notification.id) === 'claimed') return;
    this.#remember(notification.id, 'claimed');
    tabs.tell({ type: 'claimed', alert: notification.id });
    const alert = { notification, shownAt: Date.now() };
    this.current = [...this.current, alert].slice(-MOST_SHOWN);
    if (!tabs.seen) this.#context.showOutside(notification);
    this.#sound();
  }

  #sound(): void {
    const now = performance.now();
    if (this.#soundedAt !== 0 && now - this.#soundedAt < SOUND_PAUSE_MS) return;
    this.#soundedAt = now;
    this.onSound?.();
  }

  #remember(id: string, what: 'arrived' | 'claimed'): void {
    this.#known.delete(id);
    this.#known.set(id, what);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(oldest);
    }
  }
}
