/** Decrypting what the members wrote, and refusing what is not what it says it is. */

import type { Decryption, Plaintext, RecoveryState, SealedMessage, SentMessage } from '../types';
import type { DeviceStore, Remembered } from './device_store';
import type { Identifiers } from './identifiers';
import {
  type DecryptedRoomEvent,
  DecryptionErrorCode,
  DecryptionSettings,
  MegolmDecryptionError,
  type OlmMachine,
  RoomId,
  ShieldStateCode,
  TrustRequirement,
} from './library';

const WAITING = 'Waiting for the key.';

/** What decrypting needs of the rest. */
export interface ReadingContext {
  machine: OlmMachine;
  names: Identifiers;
  store: DeviceStore;
  recovery(): RecoveryState;
  /** What was read turns out to repeat a message that stands before it. */
  repeated(messageId: string): void;
  /** A key is missing: it may be in the backup. */
  missing(channelId: string, sessionId: string): void;
}

/** Decrypts messages. */
export class Reading {
  readonly #context: ReadingContext;

  constructor(context: ReadingContext) {
    this.#context = context;
  }

  /** What the user sent from here is the original of whatever says the same. */
  async noteSent({ id, channelId, seq, txnId }: SentMessage): Promise<void> {
    const { names } = this.#context;
    await this.#original(keyOf(channelId, names.userId, txnId), { messageId: id, seq });
  }

  async decrypt(message: SealedMessage): Promise<Decryption> {
    try {
      const { event } = await this.#open(message, TrustRequirement.CrossSigned);
      return await this.#check(message, event, false);
    } catch (error) {
      if (!(error instanceof MegolmDecryptionError)) throw error;
      const { UnknownSenderDevice } = DecryptionErrorCode;
      const imported =
        error.code === UnknownSenderDevice ? await this.#openImported(message) : null;
      return imported ?? this.#unreadable(message, error);
    }
  }

  /**
   * Keys from the backup do not say whose they are: the server could have made one up, and a
   * message with it. Only what the library says that of passes here: a key that came from a device
   * directly is held to what is known of that device. The requirement that is meant for it,
   * CrossSignedOrLegacy, does not do: the library (18.9) forgets that a key is of the backup when it
   * hears something new of its author's device.
   */
  async #openImported(message: SealedMessage): Promise<Decryption | null> {
    try {
      const opened = await this.#open(message, TrustRequirement.Untrusted);
      const { AuthenticityNotGuaranteed } = ShieldStateCode;
      if (opened.shieldState(false).code !== AuthenticityNotGuaranteed) return null;
      if (message.live) return { state: 'waiting', reason: WAITING };
      return await this.#check(message, opened.event, true);
    } catch (error) {
      if (error instanceof MegolmDecryptionError) return null;
      throw error;
    }
  }

  async #open(message: SealedMessage, trust: TrustRequirement): Promise<DecryptedRoomEvent> {
    const { machine, names } = this.#context;
    const room = names.room(message.channelId);
    const event = JSON.stringify({
      type: 'm.room.encrypted',
      event_id: `$${message.id}`,
      room_id: room,
      sender: names.user(message.authorId),
      origin_server_ts: Date.parse(message.createdAt) || 0,
      content: message.envelope,
    });
    return machine.decryptRoomEvent(event, new RoomId(room), new DecryptionSettings(trust));
  }

  /** The envelope was opened; what is in it has to be for this place, and for the first time. */
  async #check(message: SealedMessage, event: string, imported: boolean): Promise<Decryption> {
    const plaintext = parsePlaintext(event);
    if (plaintext === null) return refused('It is in a form that this version cannot read.');
    if (plaintext.channel_id !== message.channelId) {
      return refused('It was written for another channel.');
    }
    if (plaintext.replaces !== (message.editedAt === null ? undefined : message.id)) {
      return refused('It was written for another place in this channel.');
    }
    const key = keyOf(message.channelId, message.authorId, plaintext.txn_id);
    const { id: messageId, seq } = message;
    const original = await this.#original(key, { messageId, seq });
    if (original.messageId !== messageId) return refused('It repeats an earlier message.');
    return { state: 'clear', plaintext, imported };
  }

  async #original(key: string, message: Remembered): Promise<Remembered> {
    const { store, repeated } = this.#context;
    const { original, repeat } = await store.remember(key, message);
    if (repeat !== null) repeated(repeat.messageId);
    return original;
  }

  #whyWaiting({ createdAt }: SealedMessage): string {
    const before = Date.parse(createdAt) < this.#context.machine.deviceCreationTimeMs;
    return before
      ? 'It was written before this device was there, and the key is not in your backup, or not yet.'
      : WAITING;
  }

  #unreadable(message: SealedMessage, error: MegolmDecryptionError): Decryption {
    switch (error.code) {
      case DecryptionErrorCode.MissingRoomKey:
      case DecryptionErrorCode.UnknownMessageIndex: {
        if (!message.live) {
          this.#context.missing(message.channelId, message.envelope.session_id);
        }
        const recovery = this.#context.recovery();
        if (recovery === 'locked' || recovery === 'none') return { state: 'locked' };
        return { state: 'waiting', reason: withheld(error) ?? this.#whyWaiting(message) };
      }
      case DecryptionErrorCode.UnknownSenderDevice:
        return refused('It comes from a device that its author does not have, or has no more.');
      case DecryptionErrorCode.UnsignedSenderDevice:
        return refused('It comes from a device that its author does not vouch for.');
      case DecryptionErrorCode.SenderIdentityVerificationViolation:
        return refused('The identity of its author has changed since you verified it.');
      case DecryptionErrorCode.MismatchedSender:
      case DecryptionErrorCode.MismatchedIdentityKeys:
        return refused('It was not encrypted by the person it is said to be from.');
      default:
        return refused('It cannot be decrypted: it was changed on its way, or was never right.');
    }
  }
}

/** By which a repeat is known. */
function keyOf(channelId: string, authorId: string, txnId: string): string {
  return `${channelId} ${authorId} ${txnId}`;
}

function refused(reason: string): Decryption {
  return { state: 'refused', reason };
}

/** Why a device was not given the key, when its sender said so. */
function withheld(error: MegolmDecryptionError): string | undefined {
  switch (error.withheldCode) {
    case undefined:
      return undefined;
    case 'm.unverified':
      return 'The author gives keys only to devices that their owner vouches for, and this was none then.';
    case 'm.no_olm':
      return 'The author could not reach this device in secret, and tries again with the next message.';
    default:
      return 'The author did not give this device the key.';
  }
}

function parsePlaintext(event: string): Plaintext | null {
  const { type, content } = JSON.parse(event) as { type?: unknown; content?: Partial<Plaintext> };
  if (type !== 'm.room.message' || typeof content !== 'object' || content === null) return null;
  const { channel_id, txn_id, replaces, body, format, mentions } = content;
  const whole =
    typeof channel_id === 'string' &&
    typeof txn_id === 'string' &&
    (replaces === undefined || typeof replaces === 'string') &&
    typeof body === 'string' &&
    format === 'markdown' &&
    Array.isArray(mentions) &&
    mentions.every((id) => typeof id === 'string');
  if (!whole) return null;
  const plaintext: Plaintext = { channel_id, txn_id, body, format, mentions };
  return replaces === undefined ? plaintext : { ...plaintext, replaces };
}
