import {
  closedEmojiAt,
  emojiLike,
  fragmentAt,
  membersLike,
  type Fragment,
  type Suggestion,
} from './completion';
import { loadEmojiNames } from './emoji_names';

interface Member {
  id: string;
  username: string;
  display_name: string;
}

/** Completes what is typed in one field: which word, what is offered, which of it is chosen. */
export class Completing {
  fragment = $state.raw<Fragment | null>(null);
  suggestions = $state.raw<readonly Suggestion[]>([]);
  chosen = $state(0);

  readonly #members: () => readonly Member[];
  #emoji: ReadonlyMap<string, string> | null = null;
  /** The beginning of the word that nothing is to be offered for: it was refused with Escape. */
  #refusedAt = -1;

  constructor(members: () => readonly Member[]) {
    this.#members = members;
  }

  get open(): boolean {
    return this.suggestions.length > 0;
  }

  /** Looks at the word before the caret. */
  look(text: string, caret: number): void {
    const fragment = fragmentAt(text, caret);
    if (fragment?.start !== this.#refusedAt) this.#refusedAt = -1;
    else return this.#show(null, []);
    if (fragment === null) return this.#show(null, []);
    if (fragment.kind === 'member') {
      return this.#show(fragment, membersLike(this.#members(), fragment.query));
    }
    if (this.#emoji !== null) return this.#show(fragment, emojiLike(this.#emoji, fragment.query));
    this.#show(fragment, []);
    // Without the table, an emoji is still typed with the keyboard of the system.
    loadEmojiNames().then(
      (names) => this.#loaded(names),
      () => undefined,
    );
  }

  /** The emoji whose name was closed right before the caret, if its table is here. */
  closedEmoji(text: string, caret: number) {
    return closedEmojiAt(text, caret, (name) => this.#emoji?.get(name));
  }

  /** Goes to the next or the previous suggestion, round the ends. */
  move(step: -1 | 1): void {
    const { length } = this.suggestions;
    this.chosen = (this.chosen + step + length) % length;
  }

  /** Offers nothing more for this word. */
  refuse(): void {
    this.#refusedAt = this.fragment?.start ?? -1;
    this.close();
  }

  /** Offers nothing until the caret moves. */
  close(): void {
    this.#show(null, []);
  }

  #loaded(names: ReadonlyMap<string, string>): void {
    this.#emoji = names;
    const { fragment } = this;
    if (fragment?.kind === 'emoji') this.#show(fragment, emojiLike(names, fragment.query));
  }

  #show(fragment: Fragment | null, suggestions: readonly Suggestion[]): void {
    const same = suggestions[this.chosen]?.key === this.suggestions[this.chosen]?.key;
    if (!same || fragment?.query !== this.fragment?.query) this.chosen = 0;
    this.fragment = fragment;
    this.suggestions = suggestions;
  }
}
