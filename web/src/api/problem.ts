/** What went wrong with a call, in one form whether the server said so or was never reached. */

import type { components } from './schema';
import type { FieldError } from './types';

type ProblemBody = components['schemas']['Problem'];

/** A failed call. `code` is for programs, `title` and `detail` are for people. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
    /** The kind of error: one of the server's, or `network` or `unexpected`. */
    readonly code: string,
    /** The kind of error in words. */
    readonly title: string,
    /** What happened this time. */
    readonly detail: string,
    /** Every field that is wrong. */
    readonly errors: readonly FieldError[] = [],
    /** After how many seconds the same may be tried again, when the server said so. */
    readonly retryAfter: number | null = null,
    /** What the server's log knows the request by. */
    readonly requestId: string | null = null,
  ) {
    super(detail || title);
  }
}

/** The problem of a call that no answer came to. */
export function unreachable(timedOut: boolean): Problem {
  return timedOut
    ? new Problem(
        0,
        'network',
        'The server did not answer in time',
        'The server did not answer in time. Try again in a moment.',
      )
    : new Problem(
        0,
        'network',
        'The server cannot be reached',
        'The server cannot be reached. Check your connection and try again.',
      );
}

/** Reads the problem out of an answer that is none of success. */
export async function problemOf(response: Response): Promise<Problem> {
  const retryAfter = secondsOf(response.headers.get('Retry-After'));
  const requestId = response.headers.get('X-Request-Id');
  const body = await bodyOf(response);
  if (body === null) {
    // A proxy in between, not the server: only the status is known.
    return new Problem(
      response.status,
      'unexpected',
      'The server gave an unexpected answer',
      `The server gave an unexpected answer (status ${response.status}). Try again in a moment.`,
      [],
      retryAfter,
      requestId,
    );
  }
  return new Problem(
    response.status,
    body.code,
    body.title,
    body.detail,
    fieldErrorsOf(body.errors),
    retryAfter,
    body.request_id ?? requestId,
  );
}

/** Turns whatever was thrown into a problem, so that a store can always show one. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new Problem(0, 'unexpected', 'Something unexpected happened', detail);
}

async function bodyOf(response: Response): Promise<ProblemBody | null> {
  try {
    const body: unknown = await response.json();
    if (typeof body !== 'object' || body === null) return null;
    const { code, title, detail } = body as Partial<ProblemBody>;
    const whole =
      typeof code === 'string' && typeof title === 'string' && typeof detail === 'string';
    return whole ? (body as ProblemBody) : null;
  } catch {
    return null;
  }
}

function fieldErrorsOf(errors: unknown): FieldError[] {
  if (!Array.isArray(errors)) return [];
  return errors.filter(
    (error): error is FieldError =>
      typeof error?.pointer === 'string' && typeof error?.detail === 'string',
  );
}

/** `Retry-After` in seconds; its form as a date is not one the server uses. */
function secondsOf(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) : null;
}
