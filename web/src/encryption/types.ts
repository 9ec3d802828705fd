/**
 * The one surface of encryption. What stands behind it is loaded when it is first needed, and may
 * run in another tab: everything that goes through it can be copied from one tab to another.
 */

/** An encrypted message as it travels: Megolm in the shape of the Matrix Client-Server API. */
export interface Envelope {
  algorithm: 'm.megolm.v1.aes-sha2';
  ciphertext: string;
  session_id: string;
  /** The device that encrypted it. */
  device_id: string;
  sender_key?: string;
}

/** What a person writes, before it is encrypted and after it was decrypted. */
export interface Plaintext {
  /** The channel it was written for; it counts in no other one. */
  channel_id: string;
  /** Chosen by the author's device; a second message with the same one is a replay. */
  txn_id: string;
  /** The message that this is a new text of. */
  replaces?: string;
  body: string;
  format: 'markdown';
  /** The users that are mentioned. Only the members learn of it. */
  mentions: string[];
}

/** What is to be encrypted, and for whom. */
export interface EncryptionRequest {
  plaintext: Plaintext;
  /** The members of the channel, as of the `members_version` that the message is sent with. */
  memberIds: string[];
  /** Which state of the members that is: when somebody left, what follows gets new keys. */
  membersVersion: number;
}

/** An encrypted message as the server has it. */
export interface SealedMessage {
  id: string;
  channelId: string;
  seq: number;
  authorId: string;
  deviceId: string;
  createdAt: string;
  /** When it was edited, since that makes it another one to decrypt. */
  editedAt: string | null;
  envelope: Envelope;
  /** It comes just now: only a key that its author's device sent counts for it. */
  live?: boolean;
}

/** A message of the user's own that is in its channel. */
export interface SentMessage {
  id: string;
  channelId: string;
  seq: number;
  txnId: string;
}

/** Why a message cannot be read yet, or never will be. */
export type Unreadable =
  /** The key has not come. It may come by itself, from the author or from the backup. */
  | { state: 'waiting'; reason: string }
  /** It is not what it says it is, so it is not shown. */
  | { state: 'refused'; reason: string }
  /** This device lacks the secrets: it has to be unlocked with the recovery key first. */
  | { state: 'locked' };

/** What became of a message that was to be decrypted. */
export type Decryption =
  | {
      state: 'clear';
      plaintext: Plaintext;
      /** The key came from the backup, which does not prove who wrote the message. */
      imported: boolean;
    }
  | Unreadable;

/** Whether this device can read what was written before it, and vouch for itself. */
export type RecoveryState =
  /** Not known yet. */
  | 'unknown'
  /** The account has no cross-signing identity yet: nobody can encrypt for it. */
  | 'none'
  /** This device can read and write, and no recovery key was made: only it holds the secrets. */
  | 'set_up'
  /** There are secrets, and this device lacks them: it needs the recovery key or another device. */
  | 'locked'
  /** Everything is in place. */
  | 'unlocked';

/** Whether what this device has keys to could be read by a new one. */
export type BackupState =
  /** The keys are in the backup or on their way there, or there is none to be yet. */
  | 'ok'
  /** The server takes no more keys into the backup. */
  | 'full'
  /** There is one whose key this device has not got yet, from another device or a recovery key. */
  | 'keyless'
  /** There is none any more, or another device has begun one whose key this device lacks. */
  | 'lost';

/** A device of a user that encrypts. */
export interface EncryptionDevice {
  id: string;
  name: string;
  /** Its owner vouches for it, and for oneself: one has vouched for the owner or is the owner. */
  verified: boolean;
  /** It is one of the user's own. */
  own: boolean;
  /** It is this browser. */
  here: boolean;
}

/** One of the seven pictures that two people compare. */
export interface VerificationEmoji {
  symbol: string;
  name: string;
}

/** Two devices, or two people, finding out that nobody stands between them. */
export interface VerificationProgress {
  withUserId: string;
  deviceId: string | null;
  /**
   * `asked`: the other side asks for it, and waits for `accept`. `waiting`: it is the other
   * side's turn. `emoji`: compare. Then it is `done` or `cancelled`.
   */
  stage: 'asked' | 'waiting' | 'emoji' | 'done' | 'cancelled';
  emoji: readonly VerificationEmoji[];
  /** Why it was cancelled. */
  reason: string | null;
}

/** A user whose identity is another one than it was. */
export interface IdentityChange {
  userId: string;
  /** When this device noticed. */
  at: string;
}

/** A message to this device. */
export interface ToDeviceEvent {
  /** Its place in this device's mailbox. */
  id: number;
  type: string;
  sender: string;
  content: unknown;
}

/** What the server tells a device. */
export interface DeviceNews {
  /** A new connection: where the order of device list changes is. What was missed is asked for. */
  position?: number;
  /** Which history the server has: another one than before when it was restored from a backup. */
  epoch?: string;
  /** More has changed than is listed. */
  limited?: boolean;
  /** Messages to this device, in order. */
  events?: ToDeviceEvent[];
  /** Users whose devices are to be asked for again, by their full names. */
  changed?: string[];
  /** Users with whom no channel is shared any more. */
  left?: string[];
  /** How many one-time keys the server has, by their algorithm. */
  oneTimeKeys?: Record<string, number>;
  /** The algorithms whose fallback key nobody was given yet. */
  unusedFallbackKeys?: string[];
}

/** What the engine shows of itself. */
export interface EngineState {
  recovery: RecoveryState;
  /**
   * The user's identity is another one than that which vouched for this device: the user has
   * started over elsewhere, or somebody else did.
   */
  identityReplaced: boolean;
  backup: BackupState;
  verification: VerificationProgress | null;
  identityChanges: readonly IdentityChange[];
}

/** What the engine tells. */
export type EngineEvent =
  | { type: 'state'; state: EngineState }
  /** Keys came: messages of these sessions can be tried again; null for any session. */
  | { type: 'keys'; sessionIds: string[] | null }
  /** A message that was read turns out to repeat another one that stands before it. */
  | { type: 'repeat'; messageId: string }
  /** A user's devices have changed. */
  | { type: 'devices'; userIds: string[] };

/** End-to-end encryption, as the rest of the client knows it. */
export interface CryptoEngine {
  /** What it shows of itself now; later changes come as events. */
  state(): Promise<EngineState>;
  /** Gives the keys to the members' devices where they lack them, and encrypts. */
  encrypt(request: EncryptionRequest): Promise<Envelope>;
  /** Notes what was sent here, so that a repeat of it is known although nobody decrypted it. */
  noteSent(message: SentMessage): Promise<void>;
  /** Decrypts messages; what becomes of them is in the same order. */
  decrypt(messages: SealedMessage[]): Promise<Decryption[]>;
  /** Learns the devices of these users, without which their messages are not believed. */
  track(userIds: string[]): Promise<void>;
  /**
   * Makes what is missing: the cross-signing identity and the backup. Needs the password only to
   * make an identity. An identity that exists is not replaced unless `replace` is given.
   */
  bootstrap(password: string, replace: boolean): Promise<void>;
  /**
   * Makes a recovery key, which is shown once. One that was made before opens nothing any more.
   * `beginAnew` gives a backup up whose key this device has lost, with what only that one holds.
   */
  makeRecoveryKey(beginAnew?: boolean): Promise<string>;
  /** Takes the secrets that the recovery key opens, and what they open. */
  unlock(recoveryKey: string): Promise<void>;
  devices(userId: string): Promise<EncryptionDevice[]>;
  requestVerification(userId: string, deviceId: string | null): Promise<void>;
  acceptVerification(): Promise<void>;
  confirmVerification(): Promise<void>;
  /** Ends a verification: because the pictures differ, or for another reason. */
  cancelVerification(mismatch: boolean): Promise<void>;
  /** The user has seen that this identity is another one, and goes on with it. */
  acknowledgeIdentity(userId: string): Promise<void>;
}

/** Why the engine refuses something that the user can do something about. */
export type EngineErrorCode =
  /** This device is not vouched for: unlock it, verify it, or set up recovery. */
  | 'locked'
  /** No identity yet: set up recovery. */
  | 'not_set_up'
  /** Members have changed identities that were not acknowledged. */
  | 'identity_changed'
  /** That is not a recovery key, or not that of this account. */
  | 'wrong_recovery_key'
  /** Anything else: `detail` says what. */
  | 'engine';

/** An error that tells the user what to do. */
export class EngineError extends Error {
  override name = 'EngineError';
  readonly code: EngineErrorCode;
  /** The users it is about. */
  readonly userIds: readonly string[];

  constructor(code: EngineErrorCode, detail: string, userIds: readonly string[] = []) {
    super(detail);
    this.code = code;
    this.userIds = userIds;
  }
}
