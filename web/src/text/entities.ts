/**
 * Takes the place of the package "entities", of which the Markdown parser needs one function. The
 * browser knows every named character itself; the package's table of them would be a tenth of all
 * code that the page loads. See the alias in vite.config.ts.
 */

let decoder: HTMLTextAreaElement | undefined;

/** The character that a whole reference such as `&copy;` or `&#169;` stands for. */
export function decodeHTMLStrict(reference: string): string {
  // In a text area nothing is markup. It drops a newline at its beginning, so none stands there.
  decoder ??= document.createElement('textarea');
  decoder.innerHTML = `.${reference}`;
  return decoder.value.slice(1);
}
