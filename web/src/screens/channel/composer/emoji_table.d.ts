/** The package's table has no types of its own. */
declare module 'markdown-it-emoji/lib/data/full.mjs' {
  const emojiByName: Record<string, string>;
  export default emojiByName;
}
