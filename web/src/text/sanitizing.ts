import DOMPurify from 'dompurify';

const PLAIN_ATTRIBUTES = [
  'class',
  'data-grammar',
  'dir',
  'rel',
  'start',
  'tabindex',
  'target',
  'title',
];

/**
 * Turns HTML into elements, and admits only what the Markdown renderer and the highlighter make.
 * It is the second wall: what a message says cannot be HTML in the first place.
 */
export function sanitize(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    ALLOWED_TAGS: [
      'a',
      'blockquote',
      'br',
      'code',
      'del',
      'div',
      'em',
      'hr',
      'li',
      'ol',
      'p',
      'pre',
      's',
      'span',
      'strong',
      'table',
      'tbody',
      'td',
      'th',
      'thead',
      'tr',
      'ul',
    ],
    ALLOWED_ATTR: [...PLAIN_ATTRIBUTES, 'href'],
    // The purifier takes every other attribute for an address.
    ADD_URI_SAFE_ATTR: PLAIN_ATTRIBUTES,
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  });
}
