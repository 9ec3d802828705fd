import { Recent } from '../state/recent';
import { sanitize } from './sanitizing';

const highlighted = new Recent<DocumentFragment>(200);

/**
 * Gives the code blocks of a rendered message their colours. The highlighter is loaded with the
 * first block that needs it; nothing but colours changes, so nothing moves when it arrives.
 */
export async function highlightCode(message: ParentNode): Promise<void> {
  const blocks = [...message.querySelectorAll<HTMLElement>('code[data-grammar]')];
  if (blocks.length === 0) return;
  const { highlight } = await import('./highlighting');
  for (const block of blocks) {
    const [code, grammar] = [block.textContent ?? '', block.dataset['grammar'] ?? ''];
    const colours = highlighted.get(`${grammar}\n${code}`, () =>
      sanitize(highlight(code, grammar)),
    );
    block.replaceChildren(colours.cloneNode(true));
  }
}
