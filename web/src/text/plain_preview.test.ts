import { expect, test } from 'vitest';

import { plainPreview } from './plain_preview';

test.each([
  ['Build #142 passed on **main**.', 'Build #142 passed on main.'],
  ['# Deployed\n\n> by *ada* and __bob__', 'Deployed by ada and bob'],
  ['Run `make test` in ``a`b``', 'Run make test in ``a`b``'],
  ['[the log](https://ci.example/1 "Log") ![chart](https://x/y.png)', 'the log chart'],
  ['```rust\nfn main() {}\n```', 'fn main() {}'],
  ['~~old~~ new', 'old new'],
])('the marks of Markdown are taken away: %j', (preview, plain) => {
  expect(plainPreview(preview)).toBe(plain);
});

test.each([
  'snake_case_name and 2*3*4',
  '**cut off in the mid',
  '[cut](https://exa',
  'a < b && c > d',
  '@ada_l look at __x',
  '\\*not emphasis\\*',
  '',
])('what is no whole mark stays as it is: %j', (preview) => {
  expect(plainPreview(preview)).toBe(preview);
});

test('long and hostile text takes no time', () => {
  const began = performance.now();
  for (const piece of ['**', '[', '[a](', '`', '_a', '~~ ', '> ', '*_'])
    plainPreview(piece.repeat(1000));
  expect(performance.now() - began).toBeLessThan(1000);
});
