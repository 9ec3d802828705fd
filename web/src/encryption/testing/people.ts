/** People with devices, for tests: each has a real engine on a scripted server. */

import { Engine } from '../engine/engine';
import type {
  Decryption,
  DeviceNews,
  EngineEvent,
  EngineState,
  Plaintext,
  SealedMessage,
} from '../types';
import { PASSWORD, ScriptedKeyServer } from './scripted_key_server';

/** One device of a person, with its engine. */
export class Person {
  readonly events: EngineEvent[] = [];
  /** Whether what the server tells reaches the device at once. */
  connected = true;
  acknowledged = 0;
  /** How often the device has asked for a new connection. */
  reconnections = 0;
  state!: EngineState;
  #delivering: Promise<void> = Promise.resolve();
  #wake: (() => void)[] = [];

  private constructor(
    readonly server: ScriptedKeyServer,
    readonly userId: string,
    readonly deviceId: string,
    public engine: Engine,
  ) {}

  /** Somebody who has set up encryption, on their first device. */
  static async arrive(server: ScriptedKeyServer): Promise<Person> {
    const person = await Person.signIn(server, server.register());
    await person.engine.bootstrap(PASSWORD, false);
    return person;
  }

  /** A new device of a user. */
  static async signIn(server: ScriptedKeyServer, userId: string): Promise<Person> {
    return Person.#open(server, userId, server.signIn(userId));
  }

  /** The same device, after its page was loaded again. */
  async reload(): Promise<Person> {
    this.engine.close();
    return Person.#open(this.server, this.userId, this.deviceId);
  }

  static async #open(server: ScriptedKeyServer, userId: string, deviceId: string): Promise<Person> {
    let person: Person | null = null;
    const engine = await Engine.open({
      userId,
      deviceId,
      exchange: server.exchange(deviceId),
      tell: (event) => person?.hear(event),
      acknowledge: (upTo) => person?.acknowledge(upTo),
      reconnect: () => person?.reconnect(),
    });
    person = new Person(server, userId, deviceId, engine);
    person.state = await engine.state();
    server.device(deviceId).ring = () => person?.deliverSoon();
    person.deliverSoon();
    return person;
  }

  hear(event: EngineEvent): void {
    this.events.push(event);
    if (event.type === 'state') this.state = event.state;
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Waits until something that the engine tells makes this true. */
  async until(true_: () => boolean | Promise<boolean>): Promise<void> {
    for (let round = 0; round < 1000; round += 1) {
      if (await true_()) return;
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        setTimeout(resolve, 20);
      });
    }
    throw new Error('it did not come to that');
  }

  /** Whether the engine has told that the key of a session came. */
  told(sessionId: string): boolean {
    return this.events.some(
      (event) => event.type === 'keys' && event.sessionIds?.includes(sessionId),
    );
  }

  acknowledge(upTo: number): void {
    this.acknowledged = upTo;
    const device = this.server.device(this.deviceId);
    device.mailbox = device.mailbox.filter(({ id }) => id > upTo);
  }

  /** The connection is made anew: the mailbox is told again. */
  reconnect(): void {
    this.reconnections += 1;
    void this.engine.receive({ position: this.reconnections }).then(() => this.deliverSoon());
  }

  deliverSoon(): void {
    if (this.connected) void this.deliver();
  }

  /** Hands over what there is to tell the device. */
  deliver(): Promise<void> {
    this.#delivering = this.#delivering.then(async () => {
      const device = this.server.device(this.deviceId);
      const { fallback } = device;
      const news: DeviceNews = { events: [...device.mailbox], changed: [...device.changed] };
      if (device.claimed) {
        news.oneTimeKeys = this.server.counts(this.deviceId);
        const unused = fallback !== null && !fallback.used;
        news.unusedFallbackKeys = unused ? ['signed_curve25519'] : [];
      }
      device.changed.clear();
      device.claimed = false;
      await this.engine.receive(news);
    });
    return this.#delivering;
  }

  plaintext(channelId: string, body: string): Plaintext {
    const txn_id = crypto.randomUUID();
    return { channel_id: channelId, txn_id, body, format: 'markdown', mentions: [] };
  }

  /** Encrypts for the members as they are now, and sends. */
  async write(channelId: string, body: string): Promise<SealedMessage> {
    const { members, membersVersion } = this.server.channel(channelId);
    const plaintext = this.plaintext(channelId, body);
    const envelope = await this.engine.encrypt({
      plaintext,
      memberIds: [...members],
      membersVersion,
    });
    const message = this.server.post(channelId, this.deviceId, membersVersion, envelope);
    const { id, seq } = message;
    await this.engine.noteSent({ id, channelId, seq, txnId: plaintext.txn_id });
    return message;
  }

  async read(message: SealedMessage): Promise<Decryption> {
    const [decryption] = await this.engine.decrypt([message]);
    if (decryption === undefined) throw new Error('nothing came of it');
    return decryption;
  }

  /** What a message says; fails with the reason if it cannot be read. */
  async text(message: SealedMessage): Promise<string> {
    const decryption = await this.read(message);
    if (decryption.state !== 'clear') throw new Error(JSON.stringify(decryption));
    return decryption.plaintext.body;
  }
}

/** The people of one test, and their server. */
export class Cast {
  readonly server = new ScriptedKeyServer();
  readonly #present: { close(): void }[] = [];

  /** Somebody who has set up encryption, on their first device. */
  async arrive(): Promise<Person> {
    return this.#note(await Person.arrive(this.server));
  }

  /** A new device of a user. */
  async signIn(userId: string): Promise<Person> {
    return this.#note(await Person.signIn(this.server, userId));
  }

  /** Has something closed with everybody else's engines. */
  leaveAtTheEnd(open: { close(): void }): void {
    this.#present.push(open);
  }

  /** Closes everything. */
  leave(): void {
    for (const open of this.#present.splice(0)) open.close();
  }

  #note(person: Person): Person {
    this.leaveAtTheEnd(person.engine);
    return person;
  }
}
