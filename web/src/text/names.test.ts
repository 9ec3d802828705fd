import { expect, it } from 'vitest';

import { visibleName } from './names';

it.each([
  ['CI Pipeline', 'CI Pipeline'],
  ['a\u202eb\u2066c\u200fd', 'abcd'],
  ['one\ntwo\tthree\u0000', 'onetwothree'],
  ['a  \u00a0  b', 'a b'],
  ['\u200b\u2060\ufeff', 'Unnamed'],
  ['\u3164\u2800', 'Unnamed'],
  ['', 'Unnamed'],
  ['دعم', 'دعم'],
  ['👩\u200d💻 ops', '👩\u200d💻 ops'],
])('the name %j is shown as %j', (name, shown) => {
  expect(visibleName(name)).toBe(shown);
});
