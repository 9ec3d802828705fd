/** Encrypting what is written, for the devices of the members. */

import { EngineError, type EncryptionRequest, type Envelope, type RecoveryState } from '../types';
import type { DeviceStore } from './device_store';
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
    await this.#rotate(request);
    await this.#share(channelId, memberIds);
    await store.noteShared(channelId, { membersVersion, memberIds });
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

  /** Begins anew when somebody may have left: what follows is encrypted with keys they never had. */
  async #rotate({ memberIds, membersVersion, plaintext }: EncryptionRequest): Promise<void> {
    const { machine, names, store } = this.#context;
    const before = await store.shared(plaintext.channel_id);
    if (before === undefined) return;
    const known = new Set(before.memberIds);
    const joined = memberIds.filter((id) => !known.has(id)).length;
    const stayed = memberIds.length - joined;
    const onlyJoins = stayed === known.size && membersVersion - before.membersVersion === joined;
    if (!onlyJoins)
      await machine.invalidateGroupSession(new RoomId(names.room(plaintext.channel_id)));
  }

  async #share(channelId: string, memberIds: readonly string[]): Promise<void> {
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
    await Promise.all(requests.map((request) => outgoing.send(request)));
  }
}
