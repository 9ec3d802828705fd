import { expect, it } from 'vitest';

import { highlightCode } from './code_highlighting';
import { renderMarkdown } from './markdown';

async function highlighted(content: string): Promise<HTMLElement> {
  const element = document.createElement('div');
  element.append(renderMarkdown(content, []));
  await highlightCode(element);
  return element;
}

it.each(['sh', 'json', 'yaml', 'toml', 'diff', 'ts', 'py', 'rust', 'go', 'sql', 'html', 'docker'])(
  'a block of %s keeps its text',
  async (language) => {
    const code = 'a: "b" <script>alert(1)</script> & - if (1) { return 2 }';
    const element = await highlighted(`\`\`\`${language}\n${code}\n\`\`\``);
    expect(element.querySelector('code')?.textContent).toBe(`${code}\n`);
    expect(element.querySelector('script')).toBeNull();
  },
);

it('the parts of a block have the classes of their colours', async () => {
  const element = await highlighted('```json\n{"port": 8080}\n```');
  expect(element.querySelector('.hljs-attr')?.textContent).toBe('"port"');
  expect(element.querySelector('.hljs-number')?.textContent).toBe('8080');
});
