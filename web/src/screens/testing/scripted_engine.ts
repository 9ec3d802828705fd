/** Stands in for the engine of encryption in tests of screens: a test says how things stand. */

import {
  EngineError,
  type CryptoEngine,
  type Decryption,
  type EncryptionDevice,
  type EncryptionRequest,
  type EngineEvent,
  type EngineState,
  type Envelope,
  type SealedMessage,
  type SentMessage,
  type VerificationProgress,
} from '../../encryption/types';

/** What a test's engine makes of a text: no cryptography, so that a test can read it. */
function sealed(text: string): Envelope {
  return {
    algorithm: 'm.megolm.v1.aes-sha2',
    ciphertext: text,
    session_id: 'session',
    device_id: 'device',
  };
}

/** The envelope of a message as a member's device sends it. */
export function envelopeOf(
  channelId: string,
  body: string,
  fields: { mentions?: string[]; txnId?: string; replaces?: string } = {},
): Envelope {
  const { mentions = [], txnId = crypto.randomUUID(), replaces } = fields;
  return sealed(
    JSON.stringify({
      channel_id: channelId,
      txn_id: txnId,
      body,
      format: 'markdown',
      mentions,
      ...(replaces === undefined ? {} : { replaces }),
    }),
  );
}

/** An engine whose state a test sets, and whose calls a test looks at. */
export class ScriptedEngine implements CryptoEngine {
  current: EngineState = {
    recovery: 'unlocked',
    identityReplaced: false,
    backup: 'ok',
    verification: null,
    identityChanges: [],
  };
  /** What opens this account's secrets, and what it is told is its password. */
  recoveryKey = 'EsTx 1234 5678';
  password = 'correct horse';
  deviceList: EncryptionDevice[] = [];
  /** What becomes of a message, by its id, instead of being read. */
  readonly unreadable = new Map<string, Decryption>();
  /** Messages whose key came from the backup. */
  readonly imported = new Set<string>();
  readonly calls: string[] = [];
  /** What goes wrong with a call. */
  failures: { makeRecoveryKey?: Error } = {};
  /** What the client says it has sent. */
  readonly sent: SentMessage[] = [];
  #tell: (event: EngineEvent) => void = () => {};

  /** Takes the place of loading the engine. */
  open = (onEvent: (event: EngineEvent) => void): Promise<CryptoEngine> => {
    this.#tell = onEvent;
    return Promise.resolve(this);
  };

  /** Changes how things stand, and tells. */
  set(change: Partial<EngineState>): void {
    this.current = { ...this.current, ...change };
    this.#tell({ type: 'state', state: this.current });
  }

  /** Keys have come. */
  keysCame(): void {
    this.#tell({ type: 'keys', sessionIds: null });
  }

  /** Goes on with a verification. */
  verify(change: Partial<VerificationProgress>): void {
    const verification = this.current.verification ?? {
      withUserId: 'bob',
      deviceId: null,
      stage: 'asked',
      emoji: [],
      reason: null,
    };
    this.set({ verification: { ...verification, ...change } });
  }

  state = async (): Promise<EngineState> => this.current;

  async encrypt({ plaintext, memberIds }: EncryptionRequest): Promise<Envelope> {
    const { recovery, identityChanges } = this.current;
    if (recovery === 'none') throw new EngineError('not_set_up', 'Encryption is not set up.');
    if (recovery === 'locked') throw new EngineError('locked', 'This device is not unlocked.');
    const changed = identityChanges.filter(({ userId }) => memberIds.includes(userId));
    if (changed.length > 0) throw new EngineError('identity_changed', 'An identity has changed.');
    return sealed(JSON.stringify(plaintext));
  }

  async noteSent(message: SentMessage): Promise<void> {
    this.sent.push(message);
  }

  async decrypt(messages: SealedMessage[]): Promise<Decryption[]> {
    return messages.map(({ id, envelope }) => {
      const unreadable = this.unreadable.get(id);
      if (unreadable) return unreadable;
      const imported = this.imported.has(id);
      return { state: 'clear', plaintext: JSON.parse(envelope.ciphertext), imported };
    });
  }

  async track(): Promise<void> {}

  async bootstrap(password: string, replace: boolean): Promise<void> {
    this.calls.push(replace ? 'replace' : 'bootstrap');
    if (password !== this.password) throw new EngineError('engine', 'The password is wrong.');
    this.set({ recovery: 'set_up' });
  }

  async makeRecoveryKey(beginAnew = false): Promise<string> {
    this.calls.push(beginAnew ? 'makeRecoveryKey anew' : 'makeRecoveryKey');
    if (this.failures.makeRecoveryKey) throw this.failures.makeRecoveryKey;
    this.set({ recovery: 'unlocked', identityReplaced: false, backup: 'ok' });
    return this.recoveryKey;
  }

  async unlock(recoveryKey: string): Promise<void> {
    if (recoveryKey !== this.recoveryKey) {
      throw new EngineError('wrong_recovery_key', 'That is not the recovery key of this account.');
    }
    this.set({ recovery: 'unlocked', identityReplaced: false, backup: 'ok' });
    this.keysCame();
  }

  devices = async (): Promise<EncryptionDevice[]> => this.deviceList;

  async requestVerification(userId: string, deviceId: string | null): Promise<void> {
    this.calls.push(`requestVerification ${userId} ${deviceId ?? 'any'}`);
    this.verify({ withUserId: userId, deviceId, stage: 'waiting', emoji: [], reason: null });
  }

  async acceptVerification(): Promise<void> {
    this.calls.push('accept');
    this.verify({ stage: 'waiting' });
  }

  async confirmVerification(): Promise<void> {
    this.calls.push('confirm');
    this.verify({ stage: 'done' });
  }

  async cancelVerification(mismatch: boolean): Promise<void> {
    const stage = this.current.verification?.stage;
    // What is over is shown no more.
    if (stage === 'done' || stage === 'cancelled') return this.set({ verification: null });
    this.calls.push(mismatch ? 'mismatch' : 'cancel');
    const reason = mismatch ? 'The emoji did not match.' : 'You cancelled it.';
    this.verify({ stage: 'cancelled', reason });
  }

  async acknowledgeIdentity(userId: string): Promise<void> {
    this.calls.push(`acknowledge ${userId}`);
    const { identityChanges } = this.current;
    this.set({ identityChanges: identityChanges.filter((change) => change.userId !== userId) });
  }
}
