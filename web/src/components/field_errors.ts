import { Problem } from '../api/http';

/** Why something failed, and what to do about it, in sentences for people. */
export function reasonOf(error: unknown): string {
  if (error instanceof Problem) {
    const { title, detail, errors } = error;
    if (errors.length > 0) {
      return errors.map((one) => sentence(`${one.pointer.slice(1)} ${one.detail}`)).join(' ');
    }
    return detail.startsWith(title)
      ? sentence(detail)
      : `${sentence(title)} ${detail && sentence(detail)}`.trim();
  }
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
