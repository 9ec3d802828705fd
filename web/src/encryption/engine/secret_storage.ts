/**
 * Secrets on the server that only the recovery key opens: Matrix's secret storage
 * (Client-Server API, "Secrets", `m.secret_storage.v1.aes-hmac-sha2`).
 */

import { decodeRecoveryKey, encodeRecoveryKey } from 'matrix-js-sdk/lib/crypto-api/recovery-key.js';
import decrypt from 'matrix-js-sdk/lib/utils/decryptAESSecretStorageItem.js';
import encrypt from 'matrix-js-sdk/lib/utils/encryptAESSecretStorageItem.js';

import { EngineError } from '../types';
import type { KeyServer } from './key_server';

const ALGORITHM = 'm.secret_storage.v1.aes-hmac-sha2';
const DEFAULT_KEY = 'm.secret_storage.default_key';
/** What a key is checked with: it encrypts this to what is kept beside its name. */
const CHECK = '\0'.repeat(32);

/** The secrets that a user keeps. */
export const SECRETS = {
  master: 'm.cross_signing.master',
  selfSigning: 'm.cross_signing.self_signing',
  userSigning: 'm.cross_signing.user_signing',
  backup: 'm.megolm_backup.v1',
} as const;

/** The secrets in the clear, by their names. */
export type Secrets = Record<keyof typeof SECRETS, string>;

interface Sealed {
  iv: string;
  ciphertext: string;
  mac: string;
}

interface SealedSecret {
  encrypted: Record<string, Sealed>;
}

interface KeyDescription {
  algorithm: string;
  iv: string;
  mac: string;
  /** The public key of the identity whose secrets it opens. Other programs do not note it. */
  identity?: string;
  /** The public key of the backup that it opens. */
  backup?: string;
}

/** What a recovery key opens, by the public keys. */
export interface Opened {
  identity: string;
  /** Undefined if there is none. */
  backup: string | undefined;
}

/** Whether the user has a recovery key that opens these. */
export async function hasRecoveryKey(
  server: KeyServer,
  { identity, backup }: Opened,
): Promise<boolean> {
  const keyId = await defaultKeyId(server);
  if (keyId === null) return false;
  const description = await server.accountData<KeyDescription>(descriptionType(keyId));
  if (description === null || (description.identity ?? identity) !== identity) return false;
  // When making it came to no end, the newest backup is one that it does not open.
  return backup === undefined || (description.backup ?? backup) === backup;
}

/** There is no recovery key any more: what it opened belongs to an identity that was replaced. */
export async function forgetRecoveryKey(server: KeyServer): Promise<void> {
  await server.deleteAccountData(DEFAULT_KEY);
}

/** Seals the secrets of what it is to open with a new recovery key, and answers it. */
export async function sealSecrets(
  server: KeyServer,
  { identity, backup }: Opened,
  secrets: Secrets,
): Promise<string> {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const keyId = crypto.randomUUID().replaceAll('-', '');
  const before = await defaultKeyId(server);
  const check = await encrypt(CHECK, key, '');
  const { iv, mac } = check;
  const opened = backup === undefined ? { identity } : { identity, backup };
  const description: KeyDescription = { algorithm: ALGORITHM, iv, mac, ...opened };
  await server.putAccountData(descriptionType(keyId), description);
  const sealed = new Map<string, Sealed>();
  for (const [name, type] of Object.entries(SECRETS)) {
    sealed.set(type, await encrypt(secrets[name as keyof Secrets], key, type));
  }
  // Until all of them are there, the key of before has to open them too.
  for (const [type, item] of sealed) {
    const old = await server.accountData<SealedSecret>(type);
    await server.putAccountData(type, { encrypted: { ...old?.encrypted, [keyId]: item } });
  }
  await server.putAccountData(DEFAULT_KEY, { key: keyId });
  for (const [type, item] of sealed) {
    await server.putAccountData(type, { encrypted: { [keyId]: item } });
  }
  // It describes a key that opens nothing any more, so it does no harm where it is left.
  if (before !== null) await server.deleteAccountData(descriptionType(before)).catch(() => {});
  return encodeRecoveryKey(key) ?? '';
}

/** Opens the secrets with the recovery key. The backup's may be missing. */
export async function openSecrets(
  server: KeyServer,
  recoveryKey: string,
): Promise<Partial<Secrets>> {
  const key = parseRecoveryKey(recoveryKey);
  const keyId = await defaultKeyId(server);
  if (keyId === null) {
    throw new EngineError('not_set_up', 'This account has no recovery key yet.');
  }
  const description = await server.accountData<KeyDescription>(descriptionType(keyId));
  if (description?.algorithm !== ALGORITHM) {
    throw new EngineError('engine', 'The recovery key of this account is of an unknown kind.');
  }
  const check = await encrypt(CHECK, key, '', description.iv);
  if (withoutPadding(check.mac) !== withoutPadding(description.mac)) {
    throw new EngineError(
      'wrong_recovery_key',
      'This is not the recovery key of this account, or not the newest one.',
    );
  }
  const secrets: Partial<Secrets> = {};
  for (const [name, type] of Object.entries(SECRETS)) {
    const item = (await server.accountData<SealedSecret>(type))?.encrypted[keyId];
    if (item === undefined) continue;
    secrets[name as keyof Secrets] = await decrypt(item, key, type);
  }
  return secrets;
}

async function defaultKeyId(server: KeyServer): Promise<string | null> {
  const content = await server.accountData<{ key?: string }>(DEFAULT_KEY);
  return content?.key ?? null;
}

function parseRecoveryKey(text: string): Uint8Array<ArrayBuffer> {
  try {
    // People type it in groups, and copy it with line breaks.
    return new Uint8Array(decodeRecoveryKey(text.replace(/\s+/g, '')));
  } catch {
    throw new EngineError(
      'wrong_recovery_key',
      'This is not a recovery key. It has 48 letters and digits, in groups of four: check that none is missing or mistyped.',
    );
  }
}

function descriptionType(keyId: string): string {
  return `m.secret_storage.key.${keyId}`;
}

function withoutPadding(base64: string): string {
  return base64.replace(/=+$/, '');
}
