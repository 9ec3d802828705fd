/** How a tab without the keys calls the tab that has them: what they tell each other. */

import { Problem } from '../api/problem';
import { type CryptoEngine, EngineError, type EngineEvent } from './types';

/** The calls that may be made from another tab. */
export type CallName = keyof CryptoEngine;

/** The engine's calls; anything else is not answered. */
export const CALLS: readonly CallName[] = [
  'state',
  'encrypt',
  'noteSent',
  'decrypt',
  'track',
  'bootstrap',
  'makeRecoveryKey',
  'unlock',
  'devices',
  'requestVerification',
  'acceptVerification',
  'confirmVerification',
  'cancelVerification',
  'acknowledgeIdentity',
];

/** An error on its way to another tab. */
export type SentError =
  | { kind: 'engine'; code: EngineError['code']; detail: string; userIds: readonly string[] }
  | { kind: 'problem'; status: number; code: string; title: string; detail: string }
  | { kind: 'other'; detail: string };

/** What tabs tell each other about encryption. */
export type EngineMessage =
  /** Do this, whoever has the keys. */
  | { type: 'call'; id: string; name: CallName; args: unknown[] }
  /** It is being done: whoever asked has only to wait. */
  | { type: 'taken'; id: string }
  | { type: 'answer'; id: string; value: unknown }
  | { type: 'failure'; id: string; error: SentError }
  /** This tab has the keys from now on: calls that were not answered are made again. */
  | { type: 'holder' }
  /**
   * This tab has a new connection, or heard that devices have changed: the one with the keys may
   * have no connection, and know of less.
   */
  | { type: 'connected'; epoch?: string }
  | { type: 'event'; event: EngineEvent }
  /** Messages to the device up to here are in the store. */
  | { type: 'acknowledged'; upTo: number };

/** Makes an error fit to travel. */
export function packError(error: unknown): SentError {
  if (error instanceof EngineError) {
    return { kind: 'engine', code: error.code, detail: error.message, userIds: error.userIds };
  }
  if (error instanceof Problem) {
    const { status, code, title, detail } = error;
    return { kind: 'problem', status, code, title, detail };
  }
  return { kind: 'other', detail: error instanceof Error ? error.message : String(error) };
}

/** The error that arrived. */
export function unpackError(sent: SentError): Error {
  switch (sent.kind) {
    case 'engine':
      return new EngineError(sent.code, sent.detail, sent.userIds);
    case 'problem':
      return new Problem(sent.status, sent.code, sent.title, sent.detail);
    case 'other':
      return new Error(sent.detail);
  }
}
