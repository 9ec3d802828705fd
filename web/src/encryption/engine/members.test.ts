// @vitest-environment node
import 'fake-indexeddb/auto';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Cast, type Person } from '../testing/people';
import { PASSWORD, type ScriptedKeyServer, SERVER_NAME } from '../testing/scripted_key_server';

let cast: Cast;
let server: ScriptedKeyServer;
const arrive = () => cast.arrive();
const signIn = (userId: string) => cast.signIn(userId);

beforeEach(() => {
  cast = new Cast();
  ({ server } = cast);
});

afterEach(() => cast.leave());

test('somebody who left and came back gets no key to what was written meanwhile', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const before = await alice.write(channel, 'before');
  server.leave(channel, bob.userId);
  server.join(channel, bob.userId);
  const after = await alice.write(channel, 'after');
  expect(after.envelope.session_id).not.toBe(before.envelope.session_id);
});

test('a member whom the server has forgotten to have left gets no key of before', async () => {
  const [alice, bob, carol] = [await arrive(), await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const before = await alice.write(channel, 'hello');
  // Restored from a backup, the server counts the same state of the members with others in it.
  server.channel(channel).members = new Set([alice.userId, carol.userId]);
  const after = await alice.write(channel, 'hello');
  expect(after.envelope.session_id).not.toBe(before.envelope.session_id);
});

describe('somebody who left all shared channels', () => {
  async function leave() {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    const message = await bob.write(channel, 'farewell');
    await alice.deliver();
    expect(await alice.text(message)).toBe('farewell');
    server.leave(channel, bob.userId);
    await alice.engine.receive({ changed: [`@${bob.userId}:${SERVER_NAME}`] });
    const before = queries();
    return { alice, bob, channel, message, before };
  }

  const queries = () => server.calls.filter((call) => call.endsWith('/keys/query')).length;

  test('is asked for once and not with every message, and what they wrote stays theirs', async () => {
    const { alice, channel, message, before } = await leave();
    for (let count = 0; count < 5; count += 1) {
      expect(await alice.text(message)).toBe('farewell');
      await alice.write(channel, 'to myself');
    }
    expect(queries() - before).toBe(1);
  });

  test('is asked for again after they came back', async () => {
    const { alice, bob, channel, message } = await leave();
    const recoveryKey = await bob.engine.makeRecoveryKey();
    const second = await signIn(bob.userId);
    await second.engine.unlock(recoveryKey);
    expect(await alice.text(message)).toBe('farewell');
    server.join(channel, bob.userId);
    await alice.deliver();
    const welcome = await alice.write(channel, 'welcome back');
    await second.deliver();
    expect(await second.text(welcome)).toBe('welcome back');
  });

  test('is asked for again when they are among the members, whoever forgot to say so', async () => {
    const { alice, bob, channel, message } = await leave();
    expect(await alice.text(message)).toBe('farewell');
    const recoveryKey = await bob.engine.makeRecoveryKey();
    const second = await signIn(bob.userId);
    await second.engine.unlock(recoveryKey);
    await alice.write(channel, 'to myself');
    alice.connected = false;
    server.join(channel, bob.userId);
    const welcome = await alice.write(channel, 'welcome back');
    await second.deliver();
    expect(await second.text(welcome)).toBe('welcome back');
  });
});

test('whoever joined is asked for anew before anything is written to them', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const elsewhere = server.openChannel(alice.userId, bob.userId);
  const channel = server.openChannel(alice.userId);
  await alice.write(elsewhere, 'hello');
  await alice.write(channel, 'hello');
  // The news of the device, and of the join, are still on their way.
  alice.connected = false;
  const second = await signIn(bob.userId);
  await second.engine.unlock(await bob.engine.makeRecoveryKey());
  server.join(channel, bob.userId);
  const message = await alice.write(channel, 'welcome');
  await second.deliver();
  expect(await second.text(message)).toBe('welcome');
});

test('what is written waits until it is known whose devices changed meanwhile', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  await alice.write(channel, 'hello');
  alice.connected = false;
  const second = await signIn(bob.userId);
  await second.engine.unlock(await bob.engine.makeRecoveryKey());
  server.underway = async (_, path) => {
    if (path.includes('/keys/changes')) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const told = alice.engine.receive({ position: 1 });
  const message = await alice.write(channel, 'to both of you');
  await told;
  await second.deliver();
  expect(await second.text(message)).toBe('to both of you');
});

describe('a channel with more members than the server takes in one call', () => {
  test('is written to, and all of them can read it', async () => {
    const people = [await arrive(), await arrive(), await arrive(), await arrive(), await arrive()];
    const [alice, ...others] = people as [Person, ...Person[]];
    const second = await signIn(alice.userId);
    await second.engine.unlock(await alice.engine.makeRecoveryKey());
    const channel = server.openChannel(...people.map(({ userId }) => userId));
    server.mostUsers = 2;
    server.mostDevices = { ...server.mostDevices, query: 2, claim: 1 };
    const message = await alice.write(channel, 'hello, all');
    for (const person of [second, ...others]) {
      await person.deliver();
      expect(await person.text(message)).toBe('hello, all');
    }
  });

  test('is written to also when one of them has more devices than are shown', async () => {
    const [alice, bob, carol] = [await arrive(), await arrive(), await arrive()];
    await signIn(carol.userId);
    const channel = server.openChannel(alice.userId, bob.userId, carol.userId);
    server.mostDevices.query = 1;
    const message = await alice.write(channel, 'hello');
    await bob.deliver();
    expect(await bob.text(message)).toBe('hello');
  });
});

describe('an account with more devices than are shown', () => {
  test('is not taken for one without an identity', async () => {
    const alice = await arrive();
    server.mostDevices.query = 1;
    await expect(signIn(alice.userId)).rejects.toThrow(/more devices/);
    const identity = JSON.stringify(server.users.get(alice.userId)?.crossSigning);
    await expect(alice.engine.bootstrap(PASSWORD, false)).rejects.toThrow(/more devices/);
    expect(JSON.stringify(server.users.get(alice.userId)?.crossSigning)).toBe(identity);
  });
});

describe('a device whose mailbox was full', () => {
  afterEach(() => void vi.useRealTimers());

  test('is given a new key after an hour, and can read from then on', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    server.device(bob.deviceId).full = true;
    const missed = await alice.write(channel, 'hello?');
    server.device(bob.deviceId).full = false;
    const soon = await alice.write(channel, 'hello?');
    expect(soon.envelope.session_id).toBe(missed.envelope.session_id);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61 * 60_000 });
    const message = await alice.write(channel, 'there you are');
    expect(message.envelope.session_id).not.toBe(missed.envelope.session_id);
    await bob.deliver();
    expect(await bob.text(message)).toBe('there you are');
    expect(await bob.read(missed)).toMatchObject({ state: 'waiting' });
    vi.setSystemTime(Date.now() + 61 * 60_000);
    const last = await alice.write(channel, 'and on');
    expect(last.envelope.session_id).toBe(message.envelope.session_id);
  });

  test('is given a new key also when something else could not be sent then', async () => {
    const [alice, bob, carol] = [await arrive(), await arrive(), await arrive()];
    // This one is told why it gets no key, in a message of its own.
    await signIn(carol.userId);
    const channel = server.openChannel(alice.userId, bob.userId, carol.userId);
    server.device(bob.deviceId).full = true;
    server.underway = async (_, path) => {
      if (path.includes('withheld')) throw new TypeError('no network');
    };
    await expect(alice.write(channel, 'hello?')).rejects.toThrow();
    server.underway = async () => {};
    server.device(bob.deviceId).full = false;
    const missed = await alice.write(channel, 'hello?');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61 * 60_000 });
    const message = await alice.write(channel, 'there you are');
    expect(message.envelope.session_id).not.toBe(missed.envelope.session_id);
  });

  test('is tried again once an hour, however much is written', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    server.device(bob.deviceId).full = true;
    const sessions = new Set<string>();
    const write = async () => {
      sessions.add((await alice.write(channel, 'hello?')).envelope.session_id);
    };
    await write();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61 * 60_000 });
    for (let count = 0; count < 3; count += 1) await write();
    expect(sessions.size).toBe(2);
  });
});
