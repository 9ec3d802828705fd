/** What went wrong with encryption, in the form that components show. */

import { asProblem, Problem } from '../api/problem';
import { EngineError, type EngineErrorCode } from '../encryption/types';

const TITLES: Record<EngineErrorCode, string> = {
  locked: 'This device is locked',
  not_set_up: 'Encryption is not set up',
  identity_changed: 'An identity has changed',
  wrong_recovery_key: 'The recovery key is not right',
  engine: 'Encryption failed',
};

/** Turns whatever was thrown into a problem; `code` stays one of `EngineErrorCode`. */
export function encryptionProblem(thrown: unknown): Problem {
  if (!(thrown instanceof EngineError)) return asProblem(thrown);
  return new Problem(0, thrown.code, TITLES[thrown.code], thrown.message);
}
