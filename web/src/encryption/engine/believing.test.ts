// @vitest-environment node
import 'fake-indexeddb/auto';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Cast, type Person } from '../testing/people';
import { RogueDevice } from '../testing/rogue_device';
import { PASSWORD, type ScriptedKeyServer } from '../testing/scripted_key_server';

let cast: Cast;
let server: ScriptedKeyServer;
const arrive = () => cast.arrive();
const signIn = (userId: string) => cast.signIn(userId);

beforeEach(() => {
  cast = new Cast();
  ({ server } = cast);
});

afterEach(() => cast.leave());

describe('a device that its owner does not vouch for', () => {
  async function writeFromGhost() {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    alice.connected = false;
    const ghost = await RogueDevice.signIn(server, bob.userId);
    cast.leaveAtTheEnd(ghost);
    const message = await ghost.write(channel, alice.plaintext(channel, 'it is me, bob'));
    return { alice, ghost, message };
  }

  test('is not believed', async () => {
    const { alice, message } = await writeFromGhost();
    await alice.deliver();
    expect(await alice.read(message)).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('does not vouch for') as string,
    });
  });

  test('is not believed either when the server does not list it', async () => {
    const { alice, ghost, message } = await writeFromGhost();
    server.device(ghost.deviceId).keys = null;
    await alice.deliver();
    expect(await alice.read(message)).toMatchObject({ state: 'refused' });
  });
});

describe('an identity that took the place of one’s own', () => {
  /** Somebody with the password replaces Alice's identity, and has it vouch for her device. */
  async function replace(alice: Person): Promise<RogueDevice> {
    const rogue = await RogueDevice.signIn(server, alice.userId);
    cast.leaveAtTheEnd(rogue);
    await rogue.vouch();
    await rogue.vouchFor(alice.deviceId);
    return rogue;
  }

  test('is noticed also when it vouches for the device', async () => {
    const alice = await arrive();
    const channel = server.openChannel(alice.userId);
    await alice.write(channel, 'before');
    await replace(alice);
    await alice.until(() => alice.state.recovery === 'locked');
    expect(alice.state.identityReplaced).toBe(true);
    const written = alice.write(channel, 'a secret');
    await expect(written).rejects.toMatchObject({ code: 'locked' });
    const again = await alice.reload();
    cast.leaveAtTheEnd(again.engine);
    expect(again.state).toMatchObject({ recovery: 'locked', identityReplaced: true });
    await expect(again.engine.bootstrap(PASSWORD, false)).rejects.toMatchObject({ code: 'locked' });
  });

  test('is not believed by a device that was new when it vouched for it', async () => {
    const alice = await arrive();
    const second = await signIn(alice.userId);
    await replace(second);
    const again = await second.reload();
    cast.leaveAtTheEnd(again.engine);
    expect(again.state.recovery).toBe('locked');
  });
});

test('a message is refused that its author encrypted for another channel than it names', async () => {
  const alice = await arrive();
  const rogue = await RogueDevice.signIn(server, server.register());
  cast.leaveAtTheEnd(rogue);
  await rogue.vouch();
  const { userId } = server.device(rogue.deviceId);
  const [here, elsewhere] = [1, 2].map(() => server.openChannel(alice.userId, userId));
  if (here === undefined || elsewhere === undefined) throw new Error('there are two');
  const true_ = await rogue.write(here, alice.plaintext(here, 'hello'));
  const false_ = await rogue.write(here, alice.plaintext(elsewhere, 'hello'));
  await alice.deliver();
  expect(await alice.text(true_)).toBe('hello');
  expect(await alice.read(false_)).toMatchObject({
    state: 'refused',
    reason: 'It was written for another channel.',
  });
});

test('a repeat is refused also when it is read before what it repeats', async () => {
  const [alice, bob] = [await arrive(), await arrive()];
  const channel = server.openChannel(alice.userId, bob.userId);
  const [message, early] = [await alice.write(channel, 'pay 10'), await alice.write(channel, 'ok')];
  await bob.deliver();
  const repeatOf = (original: typeof message) => ({
    ...original,
    id: crypto.randomUUID(),
    seq: original.seq + 10,
  });
  const states = (await bob.engine.decrypt([repeatOf(message), message])).map(({ state }) => state);
  expect(states).toEqual(['refused', 'clear']);
  // What it repeats is read later, as somebody scrolls up to it.
  const repeat = repeatOf(early);
  expect(await bob.text(repeat)).toBe('ok');
  expect(await bob.text(early)).toBe('ok');
  expect(bob.events).toContainEqual({ type: 'repeat', messageId: repeat.id });
  expect(await bob.read(repeat)).toMatchObject({ state: 'refused' });
});

describe('a key from the backup', () => {
  /** Bob writes to Alice, one of whose two devices is not reached by the key. */
  async function unreached() {
    const [alice, bob] = [await arrive(), await arrive()];
    const second = await signIn(alice.userId);
    await second.engine.unlock(await alice.engine.makeRecoveryKey());
    const channel = server.openChannel(alice.userId, bob.userId);
    second.connected = false;
    const message = await bob.write(channel, 'hello');
    await alice.deliver();
    expect(await alice.text(message)).toBe('hello');
    const backups = server.users.get(alice.userId)?.backups ?? [];
    await alice.until(() => (backups.at(-1)?.keys.size ?? 0) > 0);
    return { bob, second, channel, message };
  }

  test('opens nothing that comes just now, whose key its author sends', async () => {
    const { second, message } = await unreached();
    const fetched = () => server.calls.filter((call) => /GET .*room_keys\/keys/.test(call));
    expect(await second.read({ ...message, live: true })).toMatchObject({ state: 'waiting' });
    expect(fetched()).toEqual([]);
    expect(await second.read(message)).toMatchObject({ state: 'waiting' });
    await second.until(() => second.told(message.envelope.session_id));
    expect(await second.read({ ...message, live: true })).toMatchObject({ state: 'waiting' });
    expect(await second.read(message)).toMatchObject({ state: 'clear', imported: true });
  });

  test('opens what it opened before also after its author’s device has changed', async () => {
    const [alice, bob] = [await arrive(), await arrive()];
    const channel = server.openChannel(alice.userId, bob.userId);
    const message = await bob.write(channel, 'hello');
    await alice.deliver();
    const backups = server.users.get(alice.userId)?.backups ?? [];
    const second = await signIn(alice.userId);
    await second.engine.unlock(await alice.engine.makeRecoveryKey());
    expect(await alice.text(message)).toBe('hello');
    await alice.until(() => (backups.at(-1)?.keys.size ?? 0) > 0);
    expect(await second.read(message)).toMatchObject({ state: 'waiting' });
    await second.until(() => second.told(message.envelope.session_id));
    expect(await second.read(message)).toMatchObject({ state: 'clear', imported: true });
    await bob.engine.bootstrap(PASSWORD, true);
    await second.until(() => second.state.identityChanges.length > 0);
    for (let times = 0; times < 2; times += 1) {
      expect(await second.read(message)).toMatchObject({ state: 'clear', imported: true });
    }
  });

  test('does not taint what its author sends the key of as well', async () => {
    const { bob, second, channel, message } = await unreached();
    await second.read(message);
    await second.until(() => second.told(message.envelope.session_id));
    expect(await second.read(message)).toMatchObject({ state: 'clear', imported: true });
    await second.deliver();
    const later = await bob.write(channel, 'and on');
    await second.deliver();
    expect(later.envelope.session_id).toBe(message.envelope.session_id);
    const live = { ...later, live: true };
    expect(await second.read(live)).toMatchObject({ state: 'clear', imported: false });
  });
});
