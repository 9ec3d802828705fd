/** The address names the place: reload, back, share and open-in-new-tab work. */

import { hrefOf, placeAt, type Place } from './place';

export type { Place } from './place';

/** Follows and writes the address of the page. */
export class Router {
  /** Where the page is. */
  place = $state.raw<Place>({ kind: 'home' });
  /**
   * Counts the ways here, so that going again to the place one is at (the same notification
   * clicked twice) is noticed too.
   */
  visits = $state(0);

  readonly #leave = new AbortController();

  constructor() {
    const { signal } = this.#leave;
    this.#arrive();
    // Steps that only opened or closed something here do not count as a way to the place.
    const moved = () => location.pathname !== hrefOf(this.place);
    addEventListener('popstate', () => moved() && this.#arrive(), { signal });
    document.addEventListener('click', (event) => this.#follow(event), { signal });
  }

  /** Goes to a place. With `replace`, back does not lead to the present one. */
  go(place: Place, options: { replace?: boolean } = {}): void {
    const href = hrefOf(place);
    const stays = href === location.pathname;
    if (options.replace || stays) history.replaceState(null, '', href);
    else history.pushState(null, '', href);
    this.place = place;
    this.visits += 1;
  }

  /** Goes to an address, if it is one of this client's. Says whether it is. */
  open(address: string, options: { replace?: boolean } = {}): boolean {
    const place = this.#placeOf(address);
    if (place === null) return false;
    this.go(place, options);
    return true;
  }

  /** The address of a place, for links. */
  href(place: Place): string {
    return hrefOf(place);
  }

  /** Stops following the address. */
  close(): void {
    this.#leave.abort();
  }

  #arrive(): void {
    const place = placeAt(location.pathname);
    if (place === null) return this.go({ kind: 'home' }, { replace: true });
    this.place = place;
    this.visits += 1;
  }

  /** A plain click on a link to a place goes there; everything else is left to the browser. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || !link.href || link.hasAttribute('download')) return;
    if (link.target !== '' && link.target !== '_self') return;
    if (this.open(link.href)) event.preventDefault();
  }

  #placeOf(address: string): Place | null {
    if (!URL.canParse(address, location.href)) return null;
    const url = new URL(address, location.href);
    return url.origin === location.origin ? placeAt(url.pathname) : null;
  }
}
