/** How near to the end counts as being there, in pixels. */
const NEAR_END = 32;

/** A message and where it stood, so that it can be put back there. */
export interface Anchor {
  seq: string;
  top: number;
}

/**
 * Where somebody reads in a scrolled list of messages. A message is an element `article` with its
 * place in `data-seq`.
 */
export class ReadingPosition {
  readonly #scroller: HTMLElement;

  constructor(scroller: HTMLElement) {
    this.#scroller = scroller;
  }

  /** Whether the end of the list is in view. */
  get atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  /** How many pixels are hidden above, and below, what is in view. */
  get hidden(): { above: number; below: number } {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return { above: scrollTop, below: scrollHeight - scrollTop - clientHeight };
  }

  /** Scrolls to the end. */
  goToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Scrolls so that an element begins at a part (0 to 1) of the height in view. */
  goTo(element: Element, part: number): void {
    const { top, height } = this.#scroller.getBoundingClientRect();
    this.#scroller.scrollTop += element.getBoundingClientRect().top - top - height * part;
  }

  /** The message at a place, if the list has it. */
  find(seq: number): HTMLElement | null {
    return this.#scroller.querySelector<HTMLElement>(`article[data-seq="${seq}"]`);
  }

  /** Notes what is being read: the first message in view. */
  measure(): Anchor | null {
    const articles = this.#articles();
    const { top } = this.#scroller.getBoundingClientRect();
    const first = articles[firstIndex(articles, (one) => bottomOf(one) > top)];
    const seq = first?.dataset['seq'];
    return first && seq ? { seq, top: first.getBoundingClientRect().top - top } : null;
  }

  /** Puts what was being read back to where it stood. */
  restore(anchor: Anchor): void {
    const element = this.find(Number(anchor.seq));
    if (!element) return;
    const { top } = this.#scroller.getBoundingClientRect();
    const moved = element.getBoundingClientRect().top - top - anchor.top;
    if (Math.abs(moved) >= 1) this.#scroller.scrollTop += moved;
  }

  /** The place of the last message that is wholly in view, or fills the view. */
  lastDisplayed(): number | null {
    const articles = this.#articles();
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const next = firstIndex(articles, (one) => bottomOf(one) > bottom + 2);
    const beyond = articles[next];
    const fills = beyond && beyond.getBoundingClientRect().top <= top;
    const last = fills ? beyond : articles[next - 1];
    const inView = last && bottomOf(last) > top;
    return inView ? Number(last.dataset['seq']) : null;
  }

  /** The message before or after one; without one, the last in view. */
  neighbour(of: HTMLElement | null, step: -1 | 1): HTMLElement | null {
    const articles = this.#articles();
    const at = of ? articles.indexOf(of) : -1;
    if (at >= 0) return articles[at + step] ?? null;
    const last = this.lastDisplayed();
    return last === null ? null : this.find(last);
  }

  #articles(): HTMLElement[] {
    return [...this.#scroller.querySelectorAll<HTMLElement>('article[data-seq]')];
  }
}

function bottomOf(element: Element): number {
  return element.getBoundingClientRect().bottom;
}

/** The index of the first of `items` that passes, when all after it pass too. */
function firstIndex<T>(items: readonly T[], passes: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
