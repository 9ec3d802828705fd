/** End-to-end encryption as people see it: whether it is there, what it needs of them. */

import type { Problem } from '../api/problem';
import type {
  BackupState,
  CryptoEngine,
  EncryptionDevice,
  EngineEvent,
  EngineState,
  IdentityChange,
  RecoveryState,
  VerificationEmoji,
  VerificationProgress,
} from '../encryption/types';
import { pauseBefore } from '../protocol/backoff';
import { encryptionProblem } from './encryption_problem';
import { Recent } from './recent';
import { RemoteList } from './remote_list.svelte';
import { unobserved } from './unobserved.svelte';

/** How many users' devices are held. */
const DEVICE_LISTS_HELD = 20;
/** How long the page has to itself before encryption is loaded that nobody waits for. */
const IDLE_AFTER_MS = 1_500;
/** The same when somebody has just signed in: others can write to them only after it. */
const SIGNED_IN_AFTER_MS = 200;
/** How long a password is kept that was typed to sign in. */
const PASSWORD_KEPT_MS = 120_000;

/** Whether encryption is there. */
export type EncryptionStatus = 'off' | 'loading' | 'ready' | 'error';

/** What encryption needs of the rest. */
export interface EncryptionContext {
  /** Loads the engine of who is signed in, and makes it ready. */
  open(onEvent: (event: EngineEvent) => void): Promise<CryptoEngine>;
  /** Keys came, of these sessions; null if it is not known of which. */
  keysCame(sessionIds: readonly string[] | null): void;
  /** A message that was read repeats another one. */
  isRepeat(messageId: string): void;
  /** The devices of these users have changed. */
  devicesChanged(userIds: readonly string[]): void;
}

/** The devices of one user that encrypt. */
export class EncryptionDeviceList extends RemoteList<EncryptionDevice> {}

/** A verification under way. */
export class Verification {
  readonly withUserId: string;
  readonly deviceId: string | null;
  readonly stage: VerificationProgress['stage'];
  readonly emoji: readonly VerificationEmoji[];
  /** Why it was cancelled. */
  readonly reason: string | null;
  readonly #engine: CryptoEngine;
  readonly #dismiss: () => void;

  constructor(progress: VerificationProgress, engine: CryptoEngine, dismiss: () => void) {
    this.withUserId = progress.withUserId;
    this.deviceId = progress.deviceId;
    this.stage = progress.stage;
    this.emoji = progress.emoji;
    this.reason = progress.reason;
    this.#engine = engine;
    this.#dismiss = dismiss;
  }

  /** Takes part in a verification that the other side asks for. */
  accept = (): Promise<void> => this.#engine.acceptVerification();
  /** The pictures are the same on both sides. */
  confirm = (): Promise<void> => this.#engine.confirmVerification();
  /** The pictures differ. */
  reject = (): Promise<void> => this.#engine.cancelVerification(true);
  /** Does not go on; when it is over already, it is shown no more. */
  cancel = async (): Promise<void> => {
    if (this.stage === 'done' || this.stage === 'cancelled') this.#dismiss();
    await this.#engine.cancelVerification(false);
  };
}

/** End-to-end encryption. Off until somebody needs it. */
export class Encryption {
  status = $state<EncryptionStatus>('off');
  error = $state.raw<Problem | null>(null);
  verification = $state.raw<Verification | null>(null);

  readonly #context: EncryptionContext;
  readonly #devices = new Recent<EncryptionDeviceList>(DEVICE_LISTS_HELD);
  #state = $state.raw<EngineState | null>(null);
  #engine: CryptoEngine | null = null;
  #opening: Promise<CryptoEngine> | null = null;
  /** The last attempt to open it, if that failed, and until when there is no other by itself. */
  #failure: { error: unknown; until: number } | null = null;
  /** How many attempts have failed, one after the other. */
  #failures = 0;
  /** What was typed to sign in, for making an identity with it if there is none. */
  #password: string | null = null;
  #forgetting: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** Grows when somebody else signs in, so that an engine of before is not used. */
  #generation = 0;

  constructor(context: EncryptionContext) {
    this.#context = context;
  }

  /** Whether this device can read what was written before it, and vouch for itself. */
  get recovery(): { readonly state: RecoveryState } {
    return { state: this.#state?.recovery ?? 'unknown' };
  }

  /** Whether what this device has keys to could be read by a new one. */
  get backup(): BackupState {
    return this.#state?.backup ?? 'ok';
  }

  /** Whether the user's identity was replaced elsewhere, so that this device is locked out. */
  get identityReplaced(): boolean {
    return this.#state?.identityReplaced ?? false;
  }

  /** Users whose identity is another one than it was, until that is acknowledged. */
  get identityChanges(): readonly IdentityChange[] {
    return this.#state?.identityChanges ?? [];
  }

  /** Loads encryption if it is not there yet. Never rejects: what went wrong is in `error`. */
  open = async (): Promise<void> => {
    await this.engine().catch(() => {});
  };

  /** Tries again, after an error. */
  retry = async (): Promise<void> => {
    await this.askedEngine().catch(() => {});
  };

  /** Loads encryption when the page has nothing better to do. */
  openSoon(after = IDLE_AFTER_MS): void {
    if (this.#opening !== null) return;
    this.#idle ??= setTimeout(() => {
      this.#idle = undefined;
      void this.open();
    }, after);
  }

  /**
   * Somebody has just signed in with this password. Others can write to them only once they have
   * an identity, so it is made right away, with the password that is at hand.
   */
  passwordGiven(password: string): void {
    this.#password = password;
    clearTimeout(this.#forgetting);
    this.#forgetting = setTimeout(() => (this.#password = null), PASSWORD_KEPT_MS);
    this.openSoon(SIGNED_IN_AFTER_MS);
  }

  /** Nobody is signed in any more, or somebody else. */
  reset(): void {
    this.#generation += 1;
    clearTimeout(this.#idle);
    clearTimeout(this.#forgetting);
    this.#idle = undefined;
    this.#password = null;
    this.#opening = null;
    this.#failure = null;
    this.#failures = 0;
    this.#engine = null;
    this.#state = null;
    this.#devices.clear();
    this.verification = null;
    this.error = null;
    this.status = 'off';
  }

  /**
   * The engine, loaded if it is not there yet. When that has failed a moment ago it fails again at
   * once: every message on the screen asks for the engine.
   */
  engine(): Promise<CryptoEngine> {
    const failure = this.#opening === null ? this.#failure : null;
    if (failure !== null && Date.now() < failure.until) return Promise.reject(failure.error);
    return this.askedEngine();
  }

  /** The same for what the user asks for by hand: nobody is told to wait who presses a button. */
  askedEngine(): Promise<CryptoEngine> {
    if (this.#opening !== null) return this.#opening;
    const generation = this.#generation;
    this.#opening = this.#open().then(
      (engine) => {
        if (generation === this.#generation) this.#failures = 0;
        return engine;
      },
      (error: unknown) => {
        if (generation === this.#generation) this.#failed(error);
        throw error;
      },
    );
    return this.#opening;
  }

  /**
   * Makes the account's identity and its backup where they are missing, and a recovery key, which
   * is answered once and cannot be asked for again. Without an identity, and to replace one whose
   * secrets are lost, the password is needed. `beginAnew` gives a backup up whose key is lost.
   */
  async setUpRecovery(password = '', beginAnew = false): Promise<string> {
    const engine = await this.askedEngine();
    const { state } = this.recovery;
    if (state === 'none' || state === 'locked') {
      await engine.bootstrap(password, state === 'locked');
    }
    return engine.makeRecoveryKey(beginAnew);
  }

  /** Unlocks a new device: takes the secrets and the history that the recovery key opens. */
  async unlock(recoveryKey: string): Promise<void> {
    await (await this.askedEngine()).unlock(recoveryKey);
  }

  /** The devices of a user that encrypt. */
  devices = (userId: string): EncryptionDeviceList =>
    this.#devices.get(userId, () => {
      const read = async () => (await this.engine()).devices(userId);
      const list = unobserved(() => new EncryptionDeviceList(read));
      queueMicrotask(list.reload);
      return list;
    });

  /** Asks a device, or all devices of a user, to compare pictures. */
  async requestVerification(userId: string, deviceId: string | null = null): Promise<void> {
    await (await this.askedEngine()).requestVerification(userId, deviceId);
  }

  /** Goes on with an identity that is another one than it was. */
  async acknowledgeIdentity(userId: string): Promise<void> {
    await (await this.askedEngine()).acknowledgeIdentity(userId);
  }

  #failed(error: unknown): void {
    this.#opening = null;
    this.#failure = { error, until: Date.now() + pauseBefore(this.#failures) };
    this.#failures += 1;
  }

  async #open(): Promise<CryptoEngine> {
    const generation = this.#generation;
    this.status = 'loading';
    this.error = null;
    try {
      const engine = await this.#context.open((event) => {
        if (generation === this.#generation) this.#hear(event);
      });
      let state = await engine.state();
      if (state.recovery === 'none') state = (await this.#makeIdentity(engine)) ?? state;
      if (generation !== this.#generation) throw new Error('Somebody else has signed in.');
      this.#engine = engine;
      this.#show(state);
      this.status = 'ready';
      this.#context.keysCame(null);
      return engine;
    } catch (error) {
      if (generation === this.#generation) {
        this.error = encryptionProblem(error);
        this.status = 'error';
      }
      throw error;
    }
  }

  /** With the password at hand, if there is one; otherwise the user is asked for it later. */
  async #makeIdentity(engine: CryptoEngine): Promise<EngineState | null> {
    const password = this.#password;
    this.#password = null;
    if (password === null) return null;
    try {
      await engine.bootstrap(password, false);
      return await engine.state();
    } catch {
      return null;
    }
  }

  #hear(event: EngineEvent): void {
    switch (event.type) {
      case 'state':
        return this.#show(event.state);
      case 'devices':
        for (const userId of event.userIds) void this.#devices.peek(userId)?.reload();
        return this.#context.devicesChanged(event.userIds);
      case 'repeat':
        return this.#context.isRepeat(event.messageId);
      case 'keys':
        return this.#context.keysCame(event.sessionIds);
    }
  }

  #show(state: EngineState): void {
    this.#state = state;
    const engine = this.#engine;
    const progress = state.verification;
    this.verification =
      progress === null || engine === null
        ? null
        : new Verification(progress, engine, () => (this.verification = null));
  }
}
