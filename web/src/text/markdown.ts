import MarkdownIt, { type Token } from 'markdown-it';

import { Recent } from '../state/recent';
import { grammarOf } from './languages';
import { sanitize } from './sanitizing';

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true, maxNesting: 20 });

// Alert templates indent their text, which makes it code to nobody but CommonMark; the server
// looks for mentions in it, too.
markdown.disable('code');

// Only what is written as an address becomes a link: README.md is a file.
markdown.linkify?.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
markdown.validateLink = (url) => /^(?:https?:\/\/|mailto:)/i.test(url.trim());

markdown.inline.ruler.before('emphasis', 'mention', (state, silent) => {
  if (state.src[state.pos] !== '@') return false;
  const mentioned = state.env['mentioned'] as ReadonlySet<string>;
  const before = state.src.slice(Math.max(0, state.pos - 2), state.pos);
  if (/[\p{L}\p{N}_]$/u.test(before)) return false;
  const name = /^\w+/.exec(state.src.slice(state.pos + 1, state.pos + 65))?.[0];
  if (name === undefined || !mentioned.has(name)) return false;
  if (!silent) state.push('mention', '', 0).content = `@${name}`;
  state.pos += name.length + 1;
  return true;
});

// `- [ ]` and `- [x]` are tasks, as on code hosting sites (GitHub Flavored Markdown, section 5.3).
// Nobody can tick them: they are what somebody wrote.
markdown.core.ruler.after('inline', 'task', ({ tokens }) => {
  for (const [index, token] of tokens.entries()) {
    if (token.type !== 'inline' || tokens[index - 2]?.type !== 'list_item_open') continue;
    const [text] = token.children ?? [];
    const box = /^\[([ xX])\] /.exec(text?.type === 'text' ? text.content : '');
    if (!text || !box) continue;
    text.content = `${box[1] === ' ' ? '☐' : '☑'} ${text.content.slice(box[0].length)}`;
    tokens[index - 2]?.attrSet('class', 'task');
  }
});

const { rules } = markdown.renderer;
const escape = markdown.utils.escapeHtml;

rules['mention'] = (tokens, index) =>
  `<span class="mention">${escape(tokens[index]?.content ?? '')}</span>`;

// A heading inside a message is a heavier line, not a part of the page's outline.
rules['heading_open'] = () => '<p class="heading" dir="auto">';
rules['heading_close'] = () => '</p>';

rules['table_open'] = () => '<div class="table" tabindex="0"><table>';
rules['table_close'] = () => '</table></div>';

rules['fence'] = (tokens, index) => {
  const token = tokens[index];
  const grammar = grammarOf(token?.info ?? '');
  const attribute = grammar === undefined ? '' : ` data-grammar="${grammar}"`;
  return `<pre dir="ltr" tabindex="0"><code${attribute}>${escape(token?.content ?? '')}</code></pre>`;
};

// Showing an image would tell its server who reads the message, and when.
rules['image'] = (tokens, index, options, env) => {
  const token = tokens[index];
  const url = attribute(token, 'src');
  const name = markdown.renderer.renderInlineAsText(token?.children ?? [], options, env).trim();
  const links = tokens.slice(0, index).map(({ type }) => type);
  if (links.lastIndexOf('link_open') > links.lastIndexOf('link_close')) return escape(name || url);
  return `<a class="image" ${linkAttributes(url)}>${escape(name || url)}</a>`;
};

rules['link_open'] = (tokens, index) => `<a ${linkAttributes(attribute(tokens[index], 'href'))}>`;

for (const block of ['paragraph', 'blockquote', 'list_item', 'th', 'td'] as const) {
  const name = `${block}_open`;
  rules[name] = (tokens, index, options, _env, renderer) => {
    const token = tokens[index];
    if (token?.hidden) return '';
    const align = /text-align:(\w+)/.exec(attribute(token, 'style'))?.[1];
    const task = block === 'list_item' && attribute(token, 'class') === 'task';
    const kind = task ? 'task' : align === undefined ? '' : `align-${align}`;
    if (token) token.attrs = kind === '' ? [] : [['class', kind]];
    token?.attrSet('dir', 'auto');
    return renderer.renderToken(tokens, index, options);
  };
}

function attribute(token: Token | undefined, name: string): string {
  return String(token?.attrGet(name) ?? '');
}

/** Where a link leads is said on hover, whatever its text claims. */
function linkAttributes(url: string): string {
  return `href="${escape(url)}" title="${escape(url)}" target="_blank" rel="noopener noreferrer nofollow"`;
}

const rendered = new Recent<DocumentFragment>(500);

/**
 * The elements of a message's text. `mentioned` are the usernames of those the message alerted:
 * their `@name` is marked, outside code, and no other. The result is a copy of one's own.
 */
export function renderMarkdown(content: string, mentioned: readonly string[]): DocumentFragment {
  const key = `${mentioned.join(' ')}\n${content}`;
  const fragment = rendered.get(key, () => {
    return sanitize(markdown.render(content, { mentioned: new Set(mentioned) }));
  });
  return fragment.cloneNode(true) as DocumentFragment;
}
