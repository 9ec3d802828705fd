/** What the server told a device while no engine of this tab could take it. */

import type { DeviceNews } from './types';

/** How many messages are kept for the tab that takes over. */
const MOST_KEPT = 2_000;

/** News in the order in which they came, without what another tab has taken in meanwhile. */
export class WaitingNews {
  #news: DeviceNews[] = [];
  #kept = 0;
  /** Whether some were let go, so that they have to be asked for again. */
  incomplete = false;

  add(news: DeviceNews): void {
    this.#news.push(news);
    this.#kept += 1 + (news.events?.length ?? 0);
    while (this.#kept > MOST_KEPT) this.#drop();
  }

  /** Another tab has messages up to here in the store. */
  acknowledged(upTo: number): void {
    this.#news = this.#news.map((news) =>
      news.events === undefined
        ? news
        : { ...news, events: news.events.filter(({ id }) => id > upTo) },
    );
    this.#kept = this.#news.reduce((sum, { events }) => sum + 1 + (events?.length ?? 0), 0);
  }

  /** Takes out what waits. */
  take(): DeviceNews[] {
    const news = this.#news;
    this.clear();
    return news;
  }

  /** A new connection: the server tells what matters again. */
  clear(): void {
    this.#news = [];
    this.#kept = 0;
    this.incomplete = false;
  }

  #drop(): void {
    const dropped = this.#news.shift();
    this.#kept -= 1 + (dropped?.events?.length ?? 0);
    this.incomplete = true;
  }
}
