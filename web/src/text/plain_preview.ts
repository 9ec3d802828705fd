/**
 * The beginning of a message as plain text, for places that show no Markdown: the marks of the
 * commonest forms are taken away. It is cut off anywhere, so a mark without its partner stays, as
 * does everything that is not understood: a preview loses marks, never words.
 */
export function plainPreview(preview: string): string {
  return preview
    .replace(/^ {0,3}(?:#{1,6} +|> ?|```[\w+-]*$|~~~[\w+-]*$)/gm, '')
    .replace(/!?\[([^\]\n]*)\]\([^()\s]*(?: "[^"\n]*")?\)/g, '$1')
    .replace(/(?<![\w\\])(\*\*|__|~~)(?=\S)([^\n]*?\S)\1(?!\w)/g, '$2')
    .replace(/(?<![\w\\])([*_])(?=\S)([^\n*_]*?\S)\1(?!\w)/g, '$2')
    .replace(/(?<!`)(`+)([^`\n]+)\1(?!`)/g, '$2')
    .replace(/\s+/g, ' ')
    .trim();
}
