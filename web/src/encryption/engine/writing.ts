/** Encrypting what is written, for the devices of the members. */

import { EngineError, type EncryptionRequest, type Envelope, type RecoveryState } from '../types';
import type { DeviceStore, Shared } from './device_store';
import type { Identifiers } from './identifiers';
import type { Identities } from './identities';
import type { Incoming } from './incoming';
import {
  CollectStrategy,
  EncryptionSettings,
  HistoryVisibility,
  type OlmMachine,
  RoomId,
  UserId,
} from './library';
import type { OutgoingRequests } from './outgoing';
import type { Tracking } from './tracking';

/** What kind of event a message is, inside of its envelope. */
export const MESSAGE_TYPE = 'm.room.message';
/** What kind of message to a device a key is; others say why a device gets none. */
const KEY_TYPE = 'm.room.encrypted';

/** A device whose mailbox was full is given another key after this time: it may have room then. */
const REACH_AGAIN_MS = 60 * 60_000;

/** What encrypting needs of the rest. */
export interface WritingContext {
  machine: OlmMachine;
  names: Identifiers;
  store: DeviceStore;
  outgoing: OutgoingRequests;
  incoming: Pick<Incoming, 'settled' | 'take'>;
  tracking: Tracking;
  identities: Identities;
  recovery(): RecoveryState;
}

/** Encrypts, one message after the other. */
export class Writing {
  readonly #context: WritingContext;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(context: WritingContext) {
    this.#context = context;
  }

  /** Gives the members' devices the keys that they lack, and encrypts. */
  encrypt(request: EncryptionRequest): Promise<Envelope> {
    const encrypted = this.#writing.then(() => this.#encrypt(request));
    this.#writing = encrypted.catch(() => {});
    return encrypted;
  }

  async #encrypt(request: EncryptionRequest): Promise<Envelope> {
    const { machine, names, store, incoming, tracking, identities } = this.#context;
    const { memberIds, membersVersion, plaintext } = request;
    const channelId = plaintext.channel_id;
    // It may say that somebody has a new device, or that one was taken from them.
    await incoming.settled();
    await this.#meetNewcomers(channelId, memberIds);
    await tracking.know(memberIds);
    this.#mayWrite();
    const others = memberIds.filter((id) => id !== names.userId);
    const changed = await identities.unacknowledged(others);
    if (changed.length > 0) {
      throw new EngineError(
        'identity_changed',
        'The identity of somebody in this channel has changed. Check it before you go on.',
        changed,
      );
    }
    const before = await store.shared(channelId);
    const anew = before !== undefined && isToBeginAnew(before, request);
    if (anew) await machine.invalidateGroupSession(new RoomId(names.room(channelId)));
    const { reached, failures } = await this.#share(channelId, memberIds);
    const unreachedAt = reached ? !anew && before?.unreachedAt : Date.now();
    await store.noteShared(channelId, {
      membersVersion,
      memberIds,
      ...(unreachedAt && { unreachedAt }),
    });
    // Noted before: what did arrive is not sent again, and so not answered again.
    for (const failure of failures) throw failure;
    const content = JSON.stringify({ msgtype: 'm.text', ...plaintext });
    const room = new RoomId(names.room(channelId));
    return JSON.parse(await machine.encryptRoomEvent(room, MESSAGE_TYPE, content)) as Envelope;
  }

  /**
   * Whoever is among the members for the first time is shown by the server. The members may be
   * known before the news that a newcomer's devices have changed while no channel was shared.
   */
  async #meetNewcomers(channelId: string, memberIds: readonly string[]): Promise<void> {
    const { names, store, outgoing, incoming } = this.#context;
    const before = await store.shared(channelId);
    const known = new Set(before?.memberIds);
    const newcomers = memberIds.filter((id) => !known.has(id)).map((id) => names.user(id));
    outgoing.hidden.show(newcomers);
    if (before !== undefined && newcomers.length > 0) await incoming.take({ changed: newcomers });
  }

  #mayWrite(): void {
    const recovery = this.#context.recovery();
    if (recovery === 'none') {
      throw new EngineError('not_set_up', 'Set up encryption for your account before you write.');
    }
    if (recovery === 'locked') {
      throw new EngineError(
        'locked',
        'Nobody vouches for this device yet. Unlock it with your recovery key, or verify it from another device of yours.',
      );
    }
  }

  /**
   * Gives the key to the members' devices that lack it. Says whether there was room for it in all
   * mailboxes that were tried, and why others could not be.
   */
  async #share(
    channelId: string,
    memberIds: readonly string[],
  ): Promise<{ reached: boolean; failures: unknown[] }> {
    const { machine, names, outgoing } = this.#context;
    const users = () => memberIds.map((id) => new UserId(names.user(id)));
    const claim = await machine.getMissingSessions(users());
    if (claim !== null && claim !== undefined) await outgoing.send(claim);
    const settings = new EncryptionSettings();
    settings.historyVisibility = HistoryVisibility.Joined;
    // Only devices that their owners vouch for: one that the server makes up gets nothing.
    settings.sharingStrategy = CollectStrategy.identityBasedStrategy();
    const requests = await machine.shareRoomKey(
      new RoomId(names.room(channelId)),
      users(),
      settings,
    );
    const sent = await Promise.allSettled(
      requests.map(async (request) => {
        const { undelivered = {} } = JSON.parse(await outgoing.send(request)) as ToDeviceAnswer;
        return request.event_type !== KEY_TYPE || Object.keys(undelivered).length === 0;
      }),
    );
    return {
      reached: !sent.some((result) => result.status === 'fulfilled' && !result.value),
      failures: sent.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])),
    };
  }
}

/** What sent messages to devices are answered with. */
interface ToDeviceAnswer {
  /** Devices whose mailbox is full. */
  undelivered?: Record<string, string[]>;
}

/**
 * Whether what follows is to be encrypted with a new key: somebody may have left, who is to have
 * none, or somebody has none of the key in use, because there was no room for it.
 */
function isToBeginAnew(before: Shared, { memberIds, membersVersion }: EncryptionRequest): boolean {
  const { unreachedAt = Infinity } = before;
  if (Date.now() - unreachedAt >= REACH_AGAIN_MS) return true;
  const known = new Set(before.memberIds);
  const joined = memberIds.filter((id) => !known.has(id)).length;
  const stayed = memberIds.length - joined;
  return stayed !== known.size || membersVersion - before.membersVersion !== joined;
}
