// @vitest-environment node
import 'fake-indexeddb/auto';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Problem } from '../../api/problem';
import { Cast, type Person } from '../testing/people';
import { PASSWORD, type ScriptedKeyServer, SERVER_NAME } from '../testing/scripted_key_server';
import { Engine } from './engine';

let cast: Cast;
let server: ScriptedKeyServer;
const arrive = () => cast.arrive();
const signIn = (userId: string) => cast.signIn(userId);

beforeEach(() => {
  cast = new Cast();
  ({ server } = cast);
});

afterEach(() => cast.leave());

describe('a first message', () => {
  test('is read by the members and by its author, and is theirs', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    const message = await alice.write(channel, 'hello');
    expect(message.envelope.algorithm).toBe('m.megolm.v1.aes-sha2');
    expect(message.envelope.device_id).toBe(alice.deviceId);
    await bob.deliver();
    expect(await bob.read(message)).toMatchObject({
      state: 'clear',
      plaintext: { body: 'hello' },
      imported: false,
    });
    expect(await alice.text(message)).toBe('hello');
  });

  test('waits for its key, and is readable when the key has come', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    bob.connected = false;
    const message = await alice.write(channel, 'hello');
    expect(await bob.read(message)).toMatchObject({ state: 'waiting' });
    await bob.deliver();
    await bob.until(() => bob.told(message.envelope.session_id));
    expect(await bob.text(message)).toBe('hello');
  });
});

test('somebody who left cannot read what is written after it', async () => {
  const [alice, bob, carol] = [await arrive(), await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId, carol.userId);
  const before = await alice.write(channel, 'before');
  await bob.deliver();
  expect(await bob.text(before)).toBe('before');
  // The message is encrypted for all three, and then refused: one has left meanwhile.
  const { members, membersVersion } = server.channel(channel);
  const plaintext = alice.plaintext(channel, 'after');
  const stale = { plaintext, memberIds: [...members], membersVersion };
  const envelope = await alice.engine.encrypt(stale);
  server.leave(channel, bob.userId);
  expect(() => server.post(channel, alice.deviceId, membersVersion, envelope)).toThrow();
  const message = await alice.write(channel, 'after');
  await Promise.all([bob.deliver(), carol.deliver()]);
  expect(message.envelope.session_id).not.toBe(envelope.session_id);
  expect(await carol.text(message)).toBe('after');
  expect(await bob.read(message)).toMatchObject({ state: 'waiting' });
});

test('somebody who joins reads what is written from then on, with the same session', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId);
  const before = await alice.write(channel, 'before');
  server.join(channel, bob.userId);
  const after = await alice.write(channel, 'after');
  await bob.deliver();
  expect(after.envelope.session_id).toBe(before.envelope.session_id);
  expect(await bob.text(after)).toBe('after');
  expect(await bob.read(before)).toMatchObject({ state: 'waiting' });
});

describe('a new device', () => {
  test('is locked until the recovery key brings the secrets and the history', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    const message = await bob.write(channel, 'long ago');
    await alice.deliver();
    expect(await alice.text(message)).toBe('long ago');
    expect(alice.state.recovery).toBe('set_up');
    const recoveryKey = await alice.engine.makeRecoveryKey();
    expect(recoveryKey).toMatch(/^([1-9A-HJ-NP-Za-km-z]{4} ){11}[1-9A-HJ-NP-Za-km-z]{4}$/);
    expect(alice.state.recovery).toBe('unlocked');

    const second = await signIn(alice.userId);
    expect(second.state.recovery).toBe('locked');
    expect(await second.read(message)).toEqual({ state: 'locked' });
    await expect(second.write(channel, 'let me in')).rejects.toMatchObject({ code: 'locked' });
    await second.engine.unlock(recoveryKey.toLowerCase()).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'wrong_recovery_key' });
    });
    await second.engine.unlock(` ${recoveryKey}\n`);
    expect(second.state.recovery).toBe('unlocked');
    expect(await second.read(message)).toMatchObject({ state: 'waiting' });
    await second.until(() => second.told(message.envelope.session_id));
    expect(await second.read(message)).toMatchObject({ state: 'clear', imported: true });

    await second.write(channel, 'here I am');
    await bob.deliver();
    const written = server.channel(channel).messages.at(-1);
    if (written === undefined) throw new Error('nothing was written');
    expect(await bob.text(written)).toBe('here I am');
    // What is written to it comes with its key, and is known to be of its author.
    const carol = await arrive();
    server.join(channel, carol.userId);
    const later = await carol.write(channel, 'welcome');
    await second.deliver();
    expect(await second.read(later)).toMatchObject({ state: 'clear', imported: false });
  });

  test('gets no keys as long as nobody vouches for it', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    const ghost = await signIn(bob.userId);
    const message = await alice.write(channel, 'for bob');
    await Promise.all([ghost.deliver(), bob.deliver()]);
    expect(await bob.text(message)).toBe('for bob');
    expect(await ghost.read(message)).toEqual({ state: 'locked' });
  });
});

test('a recovery key that was replaced opens nothing', async () => {
  const alice = await arrive();
  const first = await alice.engine.makeRecoveryKey();
  const second = await alice.engine.makeRecoveryKey();
  const device = await signIn(alice.userId);
  await expect(device.engine.unlock(first)).rejects.toMatchObject({ code: 'wrong_recovery_key' });
  await device.engine.unlock(second);
  expect(device.state.recovery).toBe('unlocked');
});

test('an identity is made only with the right password, and then with another try', async () => {
  const person = await signIn(server.register());
  expect(person.state.recovery).toBe('none');
  await expect(person.engine.bootstrap('wrong', false)).rejects.toMatchObject({ status: 403 });
  await person.engine.bootstrap(PASSWORD, false);
  expect(person.state.recovery).toBe('set_up');
});

test('an identity is replaced also when keys are asked for meanwhile', async () => {
  const { userId } = await arrive();
  const device = await signIn(userId);
  const asked: Promise<unknown>[] = [];
  server.underway = async (method, path) => {
    if (`${method} ${path}` !== 'POST /api/e2ee/keys/device_signing/upload') return;
    // The server still shows the identity before, which the secrets do not belong to any more.
    await device.engine.receive({ changed: [`@${userId}:${SERVER_NAME}`] });
    asked.push(device.engine.devices(userId));
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (let turns = 0; turns < 100; turns += 1) await turn();
  };
  await device.engine.bootstrap(PASSWORD, true);
  await Promise.all(asked);
  expect(asked).toHaveLength(1);
  await device.engine.makeRecoveryKey();
  expect(device.state.recovery).toBe('unlocked');
});

test('a message is believed whose device is gone, but was vouched for as its key came', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const message = await alice.write(channel, 'done, and off');
  await bob.deliver();
  server.signOut(alice.deviceId);
  await bob.deliver();
  expect(await bob.text(message)).toBe('done, and off');
});

test('messages to a device that come twice, or late, do no harm', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  bob.connected = false;
  const message = await alice.write(channel, 'hello');
  const mailbox = [...server.device(bob.deviceId).mailbox];
  expect(mailbox).not.toHaveLength(0);
  await bob.engine.receive({ events: mailbox });
  await bob.engine.receive({ events: mailbox });
  expect(bob.acknowledged).toBe(mailbox.at(-1)?.id);
  expect(await bob.text(message)).toBe('hello');
  // The acknowledgement was lost, and the page was loaded again: they come once more.
  server.device(bob.deviceId).mailbox = mailbox;
  const again = await bob.reload();
  cast.leaveAtTheEnd(again.engine);
  await again.deliver();
  expect(server.device(bob.deviceId).mailbox).toHaveLength(0);
  expect(await again.text(message)).toBe('hello');
  const later = await alice.write(channel, 'and on');
  await again.deliver();
  expect(await again.text(later)).toBe('and on');
});

test('a message is refused that the server says is from somebody else', async () => {
  const [alice, bob, mallory] = [await arrive(), await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId, mallory.userId);
  const message = await mallory.write(channel, 'I am alice');
  await bob.deliver();
  const forged = { ...message, authorId: alice.userId };
  expect(await bob.read(forged)).toMatchObject({ state: 'refused' });
  expect(await bob.text(message)).toBe('I am alice');
});

test('a message is refused that is repeated, or shown in another channel or place', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const message = await alice.write(channel, 'pay 10');
  await bob.deliver();
  expect(await bob.text(message)).toBe('pay 10');
  const repeat = { ...message, id: crypto.randomUUID(), seq: message.seq + 1 };
  expect(await bob.read(repeat)).toMatchObject({ state: 'refused' });
  const edit = { ...message, editedAt: new Date().toISOString() };
  expect(await bob.read(edit)).toMatchObject({ state: 'refused' });
  const elsewhere = { ...message, channelId: server.openChannel(alice.userId, bob.userId) };
  expect((await bob.read(elsewhere)).state).not.toBe('clear');
  // Also after the page was loaded again, and in whichever order they are read.
  const again = await bob.reload();
  cast.leaveAtTheEnd(again.engine);
  expect(await again.read(repeat)).toMatchObject({ state: 'refused' });
  expect(await again.text(message)).toBe('pay 10');
});

test('an edit is readable at the message that it was made for only', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const message = await alice.write(channel, 'teh');
  const other = await alice.write(channel, 'other');
  const { members, membersVersion } = server.channel(channel);
  const envelope = await alice.engine.encrypt({
    plaintext: { ...alice.plaintext(channel, 'the'), replaces: message.id },
    memberIds: [...members],
    membersVersion,
  });
  await bob.deliver();
  const editedAt = new Date().toISOString();
  expect(await bob.text({ ...message, envelope, editedAt })).toBe('the');
  expect(await bob.read({ ...other, envelope, editedAt })).toMatchObject({ state: 'refused' });
});

test('when its one-time keys run out, a device is reached by its fallback key', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  bob.connected = false;
  server.device(bob.deviceId).oneTime.clear();
  const message = await alice.write(channel, 'still there?');
  expect(server.device(bob.deviceId).fallback?.used).toBe(true);
  await bob.deliver();
  expect(await bob.text(message)).toBe('still there?');
  await bob.until(() => server.device(bob.deviceId).oneTime.size > 0);
});

test('the 101st message of a session begins a new one', async () => {
  const alice = await arrive();
  const channel = server.openChannel(alice.userId);
  const sessions = new Set<string>();
  for (let count = 0; count < 102; count += 1) {
    sessions.add((await alice.write(channel, `${count}`)).envelope.session_id);
  }
  expect(sessions.size).toBe(2);
});

test('a changed identity has to be acknowledged before anything is sent to it', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  await alice.write(channel, 'hello');
  await bob.engine.bootstrap(PASSWORD, true);
  await alice.deliver();
  await expect(alice.write(channel, 'secret')).rejects.toMatchObject({
    code: 'identity_changed',
    userIds: [bob.userId],
  });
  expect(alice.state.identityChanges).toMatchObject([{ userId: bob.userId }]);
  await alice.engine.acknowledgeIdentity(bob.userId);
  expect(alice.state.identityChanges).toEqual([]);
  const message = await alice.write(channel, 'secret');
  await bob.deliver();
  expect(await bob.text(message)).toBe('secret');
});

test('a changed identity is shown also when the page was loaded again meanwhile', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const message = await bob.write(channel, 'hello');
  await alice.deliver();
  expect(await alice.text(message)).toBe('hello');
  await bob.engine.bootstrap(PASSWORD, true);
  await alice.deliver();
  await alice.engine.devices(bob.userId);
  const again = await alice.reload();
  cast.leaveAtTheEnd(again.engine);
  await again.read(message);
  expect(again.state.identityChanges).toMatchObject([{ userId: bob.userId }]);
});

test('an identity that another device has replaced is told apart from a new device', async () => {
  const alice = await arrive();
  const second = await signIn(alice.userId);
  expect(second.state).toMatchObject({ recovery: 'locked', identityReplaced: false });
  await second.engine.bootstrap(PASSWORD, true);
  expect(second.state.identityReplaced).toBe(false);
  await alice.until(() => alice.state.recovery === 'locked');
  expect(alice.state.identityReplaced).toBe(true);
  const again = await alice.reload();
  cast.leaveAtTheEnd(again.engine);
  expect(again.state).toMatchObject({ recovery: 'locked', identityReplaced: true });
  await again.engine.unlock(await second.engine.makeRecoveryKey());
  expect(again.state).toMatchObject({ recovery: 'unlocked', identityReplaced: false });
});

test('a call that fails is made again, and what waits for it goes on', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  let failures = 2;

  server.fails = (_, path) => {
    if (!path.includes('room_keys/keys') || failures === 0) return undefined;
    failures -= 1;
    return new Problem(503, 'unavailable', 'Busy', 'Busy');
  };
  const message = await alice.write(channel, 'hello');
  const backups = server.users.get(alice.userId)?.backups ?? [];
  await alice.until(() => (backups.at(-1)?.keys.size ?? 0) > 0);
  expect(failures).toBe(0);
  await bob.deliver();
  expect(await bob.text(message)).toBe('hello');
});

describe('comparing pictures', () => {
  test('brings a new device of a user the secrets', async () => {
    const alice = await arrive();
    const channel = server.openChannel(alice.userId);
    const message = await alice.write(channel, 'note to self');
    const second = await signIn(alice.userId);
    await second.engine.requestVerification(alice.userId, null);
    await alice.until(() => alice.state.verification?.stage === 'asked');
    await alice.engine.acceptVerification();
    await compare(alice, second);
    await second.until(() => second.state.recovery === 'set_up');
    await second.until(async () => (await second.read(message)).state === 'clear');
    await second.until(() => second.state.backup === 'ok');
  });

  test('unlocks a new device also when it is vouched for a while later', async () => {
    const alice = await arrive();
    const second = await signIn(alice.userId);
    await second.engine.requestVerification(alice.userId, null);
    await alice.until(() => alice.state.verification?.stage === 'asked');
    await alice.engine.acceptVerification();
    let late = false;
    server.underway = async (_, path) => {
      if (!path.endsWith('signatures/upload')) return;
      late = true;
      // It may be done only after this, as the requests happen to be in order.
      const done = second.until(() => second.state.verification?.stage === 'done');
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 500))]);
      // What the new device asks for in the meantime does not have the signature.
      await second.engine.devices(alice.userId);
      await new Promise((resolve) => setTimeout(resolve, 500));
    };
    await compare(alice, second);
    await second.until(() => second.state.recovery === 'set_up');
    expect(late).toBe(true);
  });

  test('lets two people vouch for each other', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    server.openChannel(alice.userId, bob.userId);
    await alice.engine.requestVerification(bob.userId, null);
    await bob.until(() => bob.state.verification?.stage === 'asked');
    expect(bob.state.verification).toMatchObject({ withUserId: alice.userId });
    await bob.engine.acceptVerification();
    await compare(alice, bob);
    const [device] = await alice.engine.devices(bob.userId);
    expect(device).toMatchObject({ id: bob.deviceId, verified: true, own: false, here: false });
  });

  test('ends when the pictures differ', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    server.openChannel(alice.userId, bob.userId);
    await alice.engine.requestVerification(bob.userId, bob.deviceId);
    await bob.until(() => bob.state.verification?.stage === 'asked');
    await bob.engine.acceptVerification();
    await bob.until(() => bob.state.verification?.stage === 'emoji');
    await bob.engine.cancelVerification(true);
    await alice.until(() => alice.state.verification?.stage === 'cancelled');
    await alice.engine.cancelVerification(false);
    expect(alice.state.verification).toBeNull();
    const [device] = await alice.engine.devices(bob.userId);
    expect(device).toMatchObject({ verified: false });
  });

  test.each(['m.key.verification.mac', 'signatures/upload', 'm.key.verification.done'])(
    'comes to its end also when %s could not be sent at first',
    async (call) => {
      const [alice, bob] = [await arrive(), await arrive()];
      server.openChannel(alice.userId, bob.userId);
      await alice.engine.requestVerification(bob.userId, null);
      await bob.until(() => bob.state.verification?.stage === 'asked');
      await bob.engine.acceptVerification();
      let failures = 1;
      server.fails = (_, path) => {
        if (!path.includes(call) || failures === 0) return undefined;
        failures -= 1;
        return new Problem(0, 'network', 'Away', 'Away');
      };
      await compare(alice, bob);
      await alice.until(() => failures === 0);
      const keys = () => JSON.stringify(server.users.get(bob.userId)?.crossSigning);
      await alice.until(() => keys().includes(`@${alice.userId}:`));
      const again = await alice.reload();
      cast.leaveAtTheEnd(again.engine);
      const [device] = await again.engine.devices(bob.userId);
      expect(device).toMatchObject({ id: bob.deviceId, verified: true });
    },
  );

  test('that could not be asked for is none, and can be asked for again', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    server.openChannel(alice.userId, bob.userId);
    server.fails = (_, path) =>
      path.includes('m.key.verification.request')
        ? new Problem(500, 'internal', 'Broken', 'Broken')
        : undefined;
    const asked = alice.engine.requestVerification(bob.userId, null);
    await expect(asked).rejects.toMatchObject({ status: 500 });
    expect((await alice.engine.state()).verification).toBeNull();
    server.fails = () => undefined;
    await alice.engine.requestVerification(bob.userId, null);
    await bob.until(() => bob.state.verification?.stage === 'asked');
    await bob.engine.acceptVerification();
    await compare(alice, bob);
  });

  test('is ended on the other side also when that could not be sent at first', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    server.openChannel(alice.userId, bob.userId);
    await alice.engine.requestVerification(bob.userId, bob.deviceId);
    await bob.until(() => bob.state.verification?.stage === 'asked');
    let fails = true;
    server.fails = (_, path) =>
      fails && path.includes('m.key.verification.cancel')
        ? new Problem(0, 'network', 'Away', 'Away')
        : undefined;
    await bob.engine.cancelVerification(false);
    expect(bob.state.verification).toMatchObject({ stage: 'cancelled' });
    fails = false;
    await alice.until(() => alice.state.verification?.stage === 'cancelled');
  });

  async function compare(one: Person, other: Person): Promise<void> {
    await one.until(() => one.state.verification?.stage === 'emoji');
    await other.until(() => other.state.verification?.stage === 'emoji');
    expect(one.state.verification?.emoji).toHaveLength(7);
    expect(one.state.verification?.emoji).toEqual(other.state.verification?.emoji);
    await one.engine.confirmVerification();
    await other.engine.confirmVerification();
    await one.until(() => one.state.verification?.stage === 'done');
    await other.until(() => other.state.verification?.stage === 'done');
  }
});

test('a device brings no more keys than the server keeps, however often it hears of it', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  for (let count = 0; count < 5; count += 1) {
    await alice.engine.receive({ changed: [`@${bob.userId}:chat.example`], position: count });
    await alice.write(channel, 'hello');
    await bob.deliver();
  }
  const uploads = server.calls.filter((call) => call.endsWith('/keys/upload'));
  expect(uploads.length).toBeLessThan(8);
  expect(server.device(alice.deviceId).oneTime.size).toBe(50);
});

test('what the server refuses of a device does not keep it from writing', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);

  server.fails = (_, path) =>
    path.endsWith('/keys/upload') ? new Problem(409, 'no', 'No', 'No') : undefined;
  await alice.engine.receive({ oneTimeKeys: { signed_curve25519: 0 } });
  const message = await alice.write(channel, 'all the same');
  await bob.deliver();
  expect(await bob.text(message)).toBe('all the same');
});

test('what the server refuses is not sent again with every message that is read or written', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const message = await bob.write(channel, 'hello');
  await alice.deliver();
  bob.engine.close();
  const refused: string[] = [];
  server.fails = (method, path) => {
    if (!/keys\/upload$|room_keys\/keys/.test(path)) return undefined;
    refused.push(`${method} ${path.split('?')[0]}`);
    return new Problem(413, 'too_large', 'Too large', 'Too large');
  };
  await alice.engine.receive({ oneTimeKeys: { signed_curve25519: 0 } });
  for (let count = 0; count < 10; count += 1) {
    expect(await alice.text(message)).toBe('hello');
    await alice.write(channel, `${count}`);
  }
  await alice.until(() => refused.length > 1);
  expect(refused.sort()).toEqual(['POST /api/e2ee/keys/upload', 'PUT /api/e2ee/room_keys/keys']);
});

test('an engine opens no store but that of the device that it was meant for', async () => {
  const alice = await arrive();
  const deviceId = server.signIn(alice.userId);
  const before = await indexedDB.databases();
  const opened = Engine.open({
    userId: alice.userId,
    deviceId,
    // Somebody has signed in anew: the cookie is that of another device.
    exchange: server.exchange(server.signIn(alice.userId)),
    tell: () => {},
    acknowledge: () => {},
    reconnect: () => {},
  });
  await expect(opened).rejects.toMatchObject({ code: 'engine' });
  expect(await indexedDB.databases()).toEqual(before);
});

test('messages to a device that could not be taken in are not acknowledged with later ones', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channels = [1, 2].map(() => server.openChannel(alice.userId, bob.userId));
  bob.connected = false;
  const messages = [];
  for (const channel of channels) messages.push(await alice.write(channel, 'hello'));
  const { acknowledged } = bob;
  const [first, ...later] = server.device(bob.deviceId).mailbox;
  if (first === undefined || later.length === 0) throw new Error('there are keys for both');
  // What is no user's name fails the whole of it.
  await bob.engine.receive({ events: [first], changed: ['nobody'] });
  await bob.engine.receive({ events: later });
  expect(bob.acknowledged).toBe(acknowledged);
  bob.connected = true;
  await bob.until(() => bob.reconnections > 0 && server.device(bob.deviceId).mailbox.length === 0);
  for (const message of messages) expect(await bob.text(message)).toBe('hello');
});

describe('an identity that takes the place of one whose secrets are lost', () => {
  test('has no recovery key until one is made for it', async () => {
    const alice = await arrive();
    const lost = await alice.engine.makeRecoveryKey();
    const device = await signIn(alice.userId);
    await device.engine.bootstrap(PASSWORD, true);
    expect(device.state.recovery).toBe('set_up');
    const recoveryKey = await device.engine.makeRecoveryKey();
    expect(device.state.recovery).toBe('unlocked');
    const third = await signIn(alice.userId);
    await expect(third.engine.unlock(lost)).rejects.toMatchObject({ code: 'wrong_recovery_key' });
    await third.engine.unlock(recoveryKey);
    expect(third.state.recovery).toBe('unlocked');
  });

  test('has no recovery key of before also when that could not be deleted', async () => {
    const alice = await arrive();
    const lost = await alice.engine.makeRecoveryKey();
    const device = await signIn(alice.userId);
    server.fails = (method) =>
      method === 'DELETE' ? new Problem(500, 'internal', 'Broken', 'Broken') : undefined;
    await device.engine.bootstrap(PASSWORD, true);
    expect(device.state.recovery).toBe('set_up');
    const again = await device.reload();
    cast.leaveAtTheEnd(again.engine);
    expect(again.state.recovery).toBe('set_up');
    const recoveryKey = await again.engine.makeRecoveryKey();
    expect(again.state.recovery).toBe('unlocked');
    const third = await signIn(alice.userId);
    await expect(third.engine.unlock(lost)).rejects.toMatchObject({ code: 'wrong_recovery_key' });
    await third.engine.unlock(recoveryKey);
    expect(third.state.recovery).toBe('unlocked');
  });

  test('is not made once more when what comes after it is repeated', async () => {
    const alice = await arrive();
    const lost = await alice.engine.makeRecoveryKey();
    const device = await signIn(alice.userId);
    let published = false;
    server.underway = async (_, path) => {
      if (path.endsWith('signatures/upload')) published = true;
    };
    server.fails = () => (published ? new Problem(500, 'internal', 'Broken', 'Broken') : undefined);
    const master = () =>
      JSON.stringify(server.users.get(alice.userId)?.crossSigning['master_key']?.['keys']);
    const before = master();
    await expect(device.engine.bootstrap(PASSWORD, true)).rejects.toMatchObject({ status: 500 });
    const after = master();
    expect(after).not.toBe(before);
    server.fails = () => undefined;
    await device.engine.bootstrap(PASSWORD, true);
    expect(master()).toBe(after);
    const recoveryKey = await device.engine.makeRecoveryKey();
    expect(device.state).toMatchObject({ recovery: 'unlocked', backup: 'ok' });
    const third = await signIn(alice.userId);
    await expect(third.engine.unlock(lost)).rejects.toMatchObject({ code: 'wrong_recovery_key' });
    await third.engine.unlock(recoveryKey);
  });

  test('gets a backup of its own also when that failed at first', async () => {
    const alice = await arrive();
    await alice.engine.makeRecoveryKey();
    const device = await signIn(alice.userId);
    server.fails = (method, path) =>
      method === 'POST' && path.endsWith('room_keys/version')
        ? new Problem(500, 'internal', 'Broken', 'Broken')
        : undefined;
    await expect(device.engine.bootstrap(PASSWORD, true)).rejects.toMatchObject({ status: 500 });
    expect(device.state.recovery).toBe('set_up');
    server.fails = () => undefined;
    const recoveryKey = await device.engine.makeRecoveryKey();
    expect(device.state.recovery).toBe('unlocked');
    const channel = server.openChannel(alice.userId);
    const message = await device.write(channel, 'note to self');
    const backups = server.users.get(alice.userId)?.backups ?? [];
    expect(backups).toHaveLength(1);
    await device.until(() => (backups.at(-1)?.keys.size ?? 0) > 0);
    const third = await signIn(alice.userId);
    await third.engine.unlock(recoveryKey);
    await third.until(async () => (await third.read(message)).state === 'clear');
  });
});

test('a backup whose key has not come yet is not replaced by a recovery key', async () => {
  const alice = await arrive();
  const channel = server.openChannel(alice.userId);
  await alice.write(channel, 'history');
  const backups = server.users.get(alice.userId)?.backups ?? [];
  await alice.until(() => (backups.at(-1)?.keys.size ?? 0) > 0);
  const recoveryKey = await alice.engine.makeRecoveryKey();
  const second = await signIn(alice.userId);
  // Its secrets come without the key of the backup.
  server.users.get(alice.userId)?.accountData.delete('m.megolm_backup.v1');
  await second.engine.unlock(recoveryKey);
  await second.until(() => second.state.backup === 'keyless');
  const again = await second.reload();
  cast.leaveAtTheEnd(again.engine);
  expect(again.state.backup).toBe('keyless');
  await expect(again.engine.makeRecoveryKey()).rejects.toMatchObject({ code: 'locked' });
  expect(backups.at(-1)?.keys.size).toBe(1);
});

describe('a backup that takes no more keys', () => {
  const backupsOf = ({ userId }: Person) => server.users.get(userId)?.backups ?? [];
  const keysOf = (person: Person) => backupsOf(person).at(-1)?.keys.size ?? 0;

  /** The backups that there are take no more. */
  function fill(code = 'backup_full', status = 409): void {
    const full = [...server.users.values()].flatMap(({ backups }) => backups);
    const versions = new Set(full.map(({ version }) => `version=${version}`));
    server.fails = (method, path) =>
      method === 'PUT' && versions.has(path.split('?')[1] ?? '')
        ? new Problem(status, code, 'Full', 'Full')
        : undefined;
  }

  test.each([
    [409, 'backup_full'],
    [413, 'too_large'],
  ])(
    'because it is full (%i) says so, and a new recovery key begins another',
    async (status, code) => {
      const alice = await arrive();
      const channel = server.openChannel(alice.userId);
      await alice.write(channel, 'fits');
      await alice.until(() => keysOf(alice) === 1);
      expect(alice.state.backup).toBe('ok');
      fill(code, status);
      const other = server.openChannel(alice.userId);
      await alice.write(other, 'does not fit');
      await alice.until(() => alice.state.backup === 'full');
      const recoveryKey = await alice.engine.makeRecoveryKey();
      expect(alice.state.backup).toBe('ok');
      await alice.until(() => keysOf(alice) === 2);
      expect(backupsOf(alice)).toHaveLength(1);
      const second = await signIn(alice.userId);
      await second.engine.unlock(recoveryKey);
      for (const message of server.channel(other).messages) {
        await second.until(async () => (await second.read(message)).state === 'clear');
      }
    },
  );

  test('stays until a recovery key opens the one in its place', async () => {
    const alice = await arrive();
    const before = await alice.engine.makeRecoveryKey();
    fill();
    const channel = server.openChannel(alice.userId);
    const message = await alice.write(channel, 'does not fit');
    await alice.until(() => alice.state.backup === 'full');
    server.fails = (method, path) =>
      method === 'PUT' && path.includes('account_data')
        ? new Problem(0, 'network', 'Away', 'Away')
        : undefined;
    const made = alice.engine.makeRecoveryKey();
    await expect(made).rejects.toMatchObject({ status: 0 });
    expect(alice.state.recovery).toBe('set_up');
    expect(backupsOf(alice)).toHaveLength(2);
    server.fails = () => undefined;
    const again = await alice.reload();
    cast.leaveAtTheEnd(again.engine);
    expect(again.state.recovery).toBe('set_up');
    const recoveryKey = await again.engine.makeRecoveryKey();
    expect(recoveryKey).not.toBe(before);
    expect(again.state).toMatchObject({ recovery: 'unlocked', backup: 'ok' });
    await again.until(() => keysOf(alice) === 1);
    const second = await signIn(alice.userId);
    await second.engine.unlock(recoveryKey);
    await second.until(async () => (await second.read(message)).state === 'clear');
  });

  test('because it was deleted says so, also after a reload, and a new recovery key begins another', async () => {
    const alice = await arrive();
    await alice.engine.makeRecoveryKey();
    const channel = server.openChannel(alice.userId);
    backupsOf(alice).splice(0);
    await alice.write(channel, 'hello');
    await alice.until(() => alice.state.backup === 'lost');
    const again = await alice.reload();
    cast.leaveAtTheEnd(again.engine);
    expect(again.state.backup).toBe('lost');
    await again.engine.makeRecoveryKey();
    expect(again.state.backup).toBe('ok');
    await again.until(() => keysOf(alice) === 1);
  });

  test('because another was begun meanwhile says nothing of that one', async () => {
    const alice = await arrive();
    const { length: reached } = server.calls;
    let leave = () => {};
    const left = new Promise<void>((resolve) => (leave = resolve));
    const [old] = backupsOf(alice);
    server.underway = async (method, path) => {
      if (method === 'PUT' && path.endsWith(`room_keys/keys?version=${old?.version}`)) await left;
    };
    const channel = server.openChannel(alice.userId);
    await alice.write(channel, 'on its way to the old one');
    await alice.until(() =>
      server.calls.slice(reached).some((call) => call.includes('PUT /api/e2ee/room_keys/keys')),
    );
    await alice.engine.bootstrap(PASSWORD, true);
    leave();
    await alice.until(() => keysOf(alice) === 1);
    expect(backupsOf(alice)).toHaveLength(1);
    expect(alice.state.backup).toBe('ok');
    await alice.write(server.openChannel(alice.userId), 'and another');
    await alice.until(() => keysOf(alice) === 2);
  });

  test('because another device has begun another takes the new recovery key', async () => {
    const alice = await arrive();
    const second = await signIn(alice.userId);
    await second.engine.unlock(await alice.engine.makeRecoveryKey());
    alice.connected = false;
    fill();
    const channel = server.openChannel(alice.userId);
    await second.write(channel, 'does not fit');
    await second.until(() => second.state.backup === 'full');
    const recoveryKey = await second.engine.makeRecoveryKey();
    await second.until(() => keysOf(alice) === 1);
    server.fails = () => undefined;
    await alice.write(channel, 'not in the new one');
    await alice.until(() => alice.state.backup === 'lost');
    const again = await alice.reload();
    cast.leaveAtTheEnd(again.engine);
    expect(again.state.backup).toBe('lost');
    // It is not replaced, since what it has may be nowhere else.
    await expect(again.engine.makeRecoveryKey()).rejects.toMatchObject({ code: 'locked' });
    await again.engine.unlock(recoveryKey);
    expect(again.state.backup).toBe('ok');
    await again.until(() => keysOf(alice) === 2);
  });

  test('because another device began another and is gone gives way to one that is asked for', async () => {
    const alice = await arrive();
    const second = await signIn(alice.userId);
    await second.engine.unlock(await alice.engine.makeRecoveryKey());
    const channel = server.openChannel(alice.userId);
    fill();
    await second.write(channel, 'does not fit');
    await second.until(() => second.state.backup === 'full');
    await second.engine.makeRecoveryKey();
    server.fails = () => undefined;
    second.engine.close();
    const message = await alice.write(channel, 'not in the new one');
    await alice.until(() => alice.state.backup === 'lost');
    const recoveryKey = await alice.engine.makeRecoveryKey(true);
    expect(alice.state).toMatchObject({ recovery: 'unlocked', backup: 'ok' });
    expect(backupsOf(alice)).toHaveLength(1);
    await alice.until(() => keysOf(alice) === 2);
    const third = await signIn(alice.userId);
    await third.engine.unlock(recoveryKey);
    await third.until(async () => (await third.read(message)).state === 'clear');
  });
});

test('a repeat of what was written here is refused here, too', async () => {
  const alice = await arrive();
  const channel = server.openChannel(alice.userId);
  const message = await alice.write(channel, 'pay 10');
  const repeat = { ...message, id: crypto.randomUUID(), seq: message.seq + 1 };
  expect(await alice.read(repeat)).toMatchObject({ state: 'refused' });
  expect(await alice.text(message)).toBe('pay 10');
});

test('after the server was restored, its mailbox and all devices are read anew', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channels = [1, 2].map(() => server.openChannel(alice.userId, bob.userId));
  bob.connected = false;
  const messages = [];
  const news = [];
  for (const channel of channels) {
    server.device(bob.deviceId).mailbox = [];
    messages.push(await alice.write(channel, 'hello'));
    news.push(server.device(bob.deviceId).mailbox);
  }
  const [before = [], after = []] = news;
  const asked = () => server.calls.filter((call) => call.includes('/changes')).at(-1);
  await bob.engine.receive({ position: 40, epoch: 'before' });
  await bob.engine.receive({ events: before.map((event) => ({ ...event, id: 50 })) });
  // Another connection to the same server: what it repeats is known.
  await bob.engine.receive({ position: 41, epoch: 'before' });
  expect(asked()).toMatch(/changes\?from=40$/);
  await bob.engine.receive({ position: 3, epoch: 'after' });
  expect(asked()).toMatch(/changes\?from=0$/);
  await bob.engine.receive({ events: after.map((event) => ({ ...event, id: 1 })) });
  for (const message of messages) expect(await bob.text(message)).toBe('hello');
  await bob.engine.receive({ position: 4, epoch: 'after' });
  expect(asked()).toMatch(/changes\?from=3$/);
});
