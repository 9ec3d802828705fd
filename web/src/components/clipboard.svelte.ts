/**
 * Whose text was copied last. One copy button of the page says "Copied", the one whose text is in
 * the clipboard, so that people need not remember which of several they took.
 */
class Clipboard {
  /** The button that copied last; by its id, so that no secret is kept here. */
  holder = $state<string>();
}

/** The clipboard of this page. */
export const clipboard = new Clipboard();
