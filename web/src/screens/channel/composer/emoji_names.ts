/** The emoji by the names that GitHub and others know them by. */

let loading: Promise<ReadonlyMap<string, string>> | undefined;

/**
 * The table, fetched when the first emoji is named. Rejects when it cannot be fetched; asked again,
 * it is fetched again.
 */
export function loadEmojiNames(): Promise<ReadonlyMap<string, string>> {
  loading ??= import('markdown-it-emoji/lib/data/full.mjs').then(
    (module) => new Map(Object.entries(module.default)),
    (reason: unknown) => {
      loading = undefined;
      throw reason;
    },
  );
  return loading;
}
