import { describe, expect, it } from 'vitest';

import { Problem } from '../api/http';
import { fieldError, formError, reasonOf } from './field_errors';

const invalid = new Problem(422, 'invalid_body', 'The request body is not valid', '', [
  { pointer: '/username', detail: 'must not be empty' },
  { pointer: '/password', detail: 'must be 8 to 256 characters long, not 1' },
]);
const wrong = new Problem(
  401,
  'bad_credentials',
  'The username or the password is wrong',
  'Check both and try again.',
);

describe('the reason of a failure', () => {
  it.each([
    [wrong, 'The username or the password is wrong. Check both and try again.'],
    [
      new Problem(0, 'network', 'No server', 'No server answers. Try again.'),
      'No server answers. Try again.',
    ],
    [invalid, 'Username must not be empty. Password must be 8 to 256 characters long, not 1.'],
    [new Problem(404, 'not_found', 'There is no such thing', ''), 'There is no such thing.'],
    [new Error('out of paper'), 'Out of paper.'],
    ['what?', 'Something went wrong.'],
  ])('is said in sentences', (error, reason) => {
    expect(reasonOf(error)).toBe(reason);
  });
});

describe('errors of fields', () => {
  it('stand beside the field they are about', () => {
    expect(fieldError(invalid, '/username')).toBe('Must not be empty.');
    expect(fieldError(invalid, '/display_name')).toBeUndefined();
    expect(fieldError(wrong, '/username')).toBeUndefined();
  });

  it('are not said again for the whole form', () => {
    expect(formError(invalid, ['/username', '/password'])).toBeUndefined();
  });

  it('are said for the whole form when one of them has no field there', () => {
    expect(formError(invalid, ['/username'])).toBe(invalid);
    expect(formError(wrong, ['/username', '/password'])).toBe(wrong);
  });
});
