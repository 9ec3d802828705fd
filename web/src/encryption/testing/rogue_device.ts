/** A device that keeps to the protocol and to none of this client's rules, for tests. */

import { KeyServer } from '../engine/key_server';
import {
  CollectStrategy,
  DeviceId,
  EncryptionSettings,
  initAsync,
  OlmMachine,
  RequestType,
  RoomId,
  UserId,
} from '../engine/library';
import { type LibraryRequest, OutgoingRequests } from '../engine/outgoing';
import type { Envelope, SealedMessage } from '../types';
import { PASSWORD, type ScriptedKeyServer, SERVER_NAME } from './scripted_key_server';

/** A device of a user, which writes whatever it is told to. */
export class RogueDevice {
  readonly #outgoing: OutgoingRequests;
  readonly #keyServer: KeyServer;

  private constructor(
    readonly server: ScriptedKeyServer,
    readonly deviceId: string,
    readonly machine: OlmMachine,
  ) {
    this.#keyServer = new KeyServer(server.exchange(deviceId));
    this.#outgoing = new OutgoingRequests(machine, this.#keyServer);
  }

  /** A new device, which the server lists and nobody vouches for. */
  static async signIn(server: ScriptedKeyServer, userId: string): Promise<RogueDevice> {
    await initAsync();
    const deviceId = server.signIn(userId);
    const machine = await OlmMachine.initialize(new UserId(nameOf(userId)), new DeviceId(deviceId));
    const device = new RogueDevice(server, deviceId, machine);
    await device.#outgoing.flush(RequestType.KeysUpload, RequestType.KeysQuery);
    return device;
  }

  /** Makes an identity for the user, which vouches for this device. */
  async vouch(): Promise<void> {
    const requests = await this.machine.bootstrapCrossSigning(false);
    await this.#keyServer.uploadSigningKeys(requests.uploadSigningKeysRequest.body, PASSWORD);
    await this.#outgoing.send(requests.uploadSignaturesRequest);
  }

  /** Vouches for another device of its user, with the identity that it has made. */
  async vouchFor(deviceId: string): Promise<void> {
    const user = () => new UserId(nameOf(this.server.device(this.deviceId).userId));
    await this.machine.updateTrackedUsers([user()]);
    await this.#outgoing.flush(RequestType.KeysQuery);
    const device = await this.machine.getDevice(user(), new DeviceId(deviceId));
    if (device === undefined) throw new Error(`no device ${deviceId}`);
    await this.#outgoing.send(await device.verify());
  }

  /** Gives its key to all devices of the members, and sends whatever `content` is. */
  async write(channelId: string, content: object): Promise<SealedMessage> {
    const { members, membersVersion } = this.server.channel(channelId);
    const users = () => [...members].map((id) => new UserId(nameOf(id)));
    const room = () => new RoomId(`!${channelId}:${SERVER_NAME}`);
    await this.machine.updateTrackedUsers(users());
    await this.#outgoing.flush(RequestType.KeysQuery);
    const claim = await this.machine.getMissingSessions(users());
    if (claim) await this.#outgoing.send(claim);
    const settings = new EncryptionSettings();
    settings.sharingStrategy = CollectStrategy.deviceBasedStrategy(false, false);
    const requests: LibraryRequest[] = await this.machine.shareRoomKey(room(), users(), settings);
    for (const request of requests) await this.#outgoing.send(request);
    const text = JSON.stringify(content);
    const sealed = await this.machine.encryptRoomEvent(room(), 'm.room.message', text);
    const envelope = JSON.parse(sealed) as Envelope;
    return this.server.post(channelId, this.deviceId, membersVersion, envelope);
  }

  close(): void {
    this.#outgoing.close();
    this.machine.close();
  }
}

function nameOf(userId: string): string {
  return `@${userId}:${SERVER_NAME}`;
}
