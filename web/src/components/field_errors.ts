import { Problem } from '../api/http';

/** Why something failed, in a sentence for people. */
export function reasonOf(error: unknown): string {
  if (error instanceof Problem) return sentence(error.detail || error.title);
  return error instanceof Error ? sentence(error.message) : 'Something went wrong.';
}

/**
 * What the server says about one field of a form, named by its JSON Pointer (`/username`), as a
 * sentence to show beside it. Undefined when the error is not about that field.
 */
export function fieldError(error: unknown, pointer: string): string | undefined {
  if (!(error instanceof Problem)) return undefined;
  const about = error.errors.filter((one) => one.pointer === pointer);
  return about.length ? about.map((one) => sentence(one.detail)).join(' ') : undefined;
}

/**
 * The error, unless all it says is shown beside the fields with these pointers. What is left is
 * shown once for the whole form.
 */
export function formError(error: unknown, pointers: string[]): unknown {
  if (!(error instanceof Problem) || error.errors.length === 0) return error;
  return error.errors.every((one) => pointers.includes(one.pointer)) ? undefined : error;
}

/** The server's details are parts of sentences, such as "must not be empty". */
function sentence(text: string): string {
  const [first = '', ...rest] = text.trim();
  return first.toUpperCase() + rest.join('') + (/[.!?…]$/.test(text.trim()) ? '' : '.');
}
