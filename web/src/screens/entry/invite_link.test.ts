import { expect, it } from 'vitest';

import { inviteCodeIn } from './invite_link';

it.each([
  ['https://chat.example.com/invite/aB3_x-9', 'aB3_x-9'],
  [' http://localhost:8080/invite/aB3/ ', 'aB3'],
  ['chat.example.com/invite/aB3?from=mail', 'aB3'],
  ['aB3_x-9', 'aB3_x-9'],
  ['https://chat.example.com/', undefined],
  ['https://example.com/c/1', undefined],
  ['two words', undefined],
  ['', undefined],
])('the code in %j is %j', (text, code) => {
  expect(inviteCodeIn(text)).toBe(code);
});
