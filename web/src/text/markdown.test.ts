import { describe, expect, it } from 'vitest';

import { renderMarkdown } from './markdown';

function html(content: string, mentioned: string[] = []): string {
  const element = document.createElement('div');
  element.append(renderMarkdown(content, mentioned));
  return element.innerHTML.trim();
}

function elements(content: string): HTMLElement {
  const element = document.createElement('div');
  element.append(renderMarkdown(content, []));
  return element;
}

describe('what is written', () => {
  it.each([
    ['Build **passed**', '<p dir="auto">Build <strong>passed</strong></p>'],
    ['one\ntwo', '<p dir="auto">one<br>\ntwo</p>'],
    ['~~old~~ `new`', '<p dir="auto"><s>old</s> <code>new</code></p>'],
    ['# Title', '<p class="heading" dir="auto">Title</p>'],
    ['    indented', '<p dir="auto">indented</p>'],
  ])('%j is shown as %s', (content, expected) => {
    expect(html(content)).toBe(expected);
  });

  it.each([
    ['&copy; &amp; &nbsp;&CounterClockwiseContourIntegral;', '© & \u00a0∳'],
    ['&lt;b&gt; &#x41; &#0;', '<b> A \ufffd'],
    ['&nosuchthing; &copy', '&nosuchthing; &copy'],
    ['`&copy;`', '&copy;'],
  ])('the references in %j are shown as %j', (content, expected) => {
    expect(elements(content).textContent?.trim()).toBe(expected);
  });

  it('a table keeps the alignment of its columns and scrolls by itself', () => {
    const table = elements('| a | b |\n| :- | -: |\n| 1 | 2 |').querySelector('.table');
    expect(table?.getAttribute('tabindex')).toBe('0');
    expect([...(table?.querySelectorAll('td') ?? [])].map((cell) => cell.className)).toEqual([
      'align-left',
      'align-right',
    ]);
  });

  it('a task in a list has a box, ticked or not, in place of its bullet', () => {
    const [open, done, other] = elements(
      '- [ ] **deploy** it\n- [x] test\n- [y] no task',
    ).querySelectorAll('li');
    expect([open?.className, open?.textContent]).toEqual(['task', '☐ deploy it']);
    expect([done?.className, done?.textContent]).toEqual(['task', '☑ test']);
    expect([other?.className, other?.textContent]).toEqual(['', '[y] no task']);
  });

  it('a fenced block is code from left to right and names its grammar', () => {
    const block = elements('```sh\ncurl "$URL"\n```');
    expect(block.querySelector('pre')?.dir).toBe('ltr');
    expect(block.querySelector('code')?.dataset['grammar']).toBe('bash');
    expect(block.textContent).toContain('curl "$URL"');
  });

  it('a fence of an unknown language is plain code', () => {
    expect(html('```constructor x"><b>\na\n```')).toBe(
      '<pre dir="ltr" tabindex="0"><code>a\n</code></pre>',
    );
  });

  it('a list in a list that lies deep does not nest without end', () => {
    expect(() => html('> '.repeat(2000) + 'x')).not.toThrow();
  });
});

describe('links', () => {
  it('a link opens elsewhere, tells nobody where it was, and says where it leads', () => {
    const link = elements('[status](https://status.example.com/?a=1&b=2)').querySelector('a');
    expect(link?.getAttribute('href')).toBe('https://status.example.com/?a=1&b=2');
    expect(link?.title).toBe('https://status.example.com/?a=1&b=2');
    expect(link?.target).toBe('_blank');
    expect(link?.rel).toBe('noopener noreferrer nofollow');
  });

  it('an address in the text is a link, a file name is none', () => {
    expect(elements('see https://example.com/x and README.md').querySelectorAll('a')).toHaveLength(
      1,
    );
  });

  it.each([
    '[x](javascript:alert(1))',
    '[x](data:text/html,<script>alert(1)</script>)',
    '[x](vbscript:alert)',
    '[x](/settings/account)',
    '[x](//evil.example)',
    '![x](javascript:alert(1))',
    '<javascript:alert(1)>',
  ])('%j is no link', (content) => {
    expect(elements(content).querySelector('a')).toBeNull();
  });

  it('an image is a link to it, not a request', () => {
    const message = elements('![A graph](https://example.com/graph.png)');
    expect(message.querySelector('img')).toBeNull();
    expect(message.querySelector('a.image')?.textContent).toBe('A graph');
  });

  it('an image in a link is its text', () => {
    const message = elements('[![CI](https://example.com/ci.svg)](https://example.com/ci)');
    expect(message.querySelectorAll('a')).toHaveLength(1);
    expect(message.querySelector('a')?.textContent).toBe('CI');
  });
});

describe('HTML in the text', () => {
  it.each([
    '<img src=x onerror=alert(1)>',
    '<script>alert(1)</script>',
    '<svg onload=alert(1)>',
    '<style>.badge{display:none}</style>',
    '<span class="badge">Webhook</span>',
    '<a href="https://example.com" onclick="alert(1)">x</a>',
    '**<iframe src="https://example.com">**',
    '| <b>x</b> |\n| - |\n| <i onmouseover=alert(1)>y</i> |',
  ])('%j is shown as it is written', (content) => {
    const message = elements(content);
    expect(message.querySelector('img, script, svg, style, iframe, span, b, i')).toBeNull();
    expect(message.querySelector('[onerror], [onload], [onclick], [style]')).toBeNull();
    expect(message.textContent).toContain('<');
  });
});

describe('mentions', () => {
  it.each([
    ['hello @bob!', ['bob'], ['@bob']],
    ['@bob,@alice', ['bob', 'alice'], ['@bob', '@alice']],
    ['**@under_score_**', ['under_score_'], ['@under_score_']],
    ['@_x_ hi', ['_x_'], ['@_x_']],
    ['[ask @bob](https://example.com)', ['bob'], ['@bob']],
    ['@bob', [], []],
    ['@bobby', ['bob'], []],
    ['@Bob', ['bob'], []],
    ['`@bob`', ['bob'], []],
    ['```\n@bob\n```', ['bob'], []],
    ['mail bob@bob', ['bob'], []],
    ['é@bob', ['bob'], []],
    ['\\@bob', ['bob'], []],
    ['https://example.com/@bob', ['bob'], []],
    ['<https://example.com/@bob>', ['bob'], []],
    ['[x](https://example.com/@bob)', ['bob'], []],
  ])('in %j with %j alerted, %j is marked', (content, mentioned, marked) => {
    const element = document.createElement('div');
    element.append(renderMarkdown(content, mentioned));
    const marks = [...element.querySelectorAll('.mention')].map((mark) => mark.textContent);
    expect(marks).toEqual(marked);
  });
});

it('two renderings of one text are elements of their own', () => {
  expect(renderMarkdown('x', []).firstChild).not.toBe(renderMarkdown('x', []).firstChild);
});
