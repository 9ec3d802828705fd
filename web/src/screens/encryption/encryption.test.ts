import '../testing/browser_gaps';

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';

import type { Message } from '../../api/types';
import { messages as posts } from '../../state/testing/messages';
import { ME } from '../../state/testing/scripted_server';
import Frame from '../frame/Frame.svelte';
import { openScreen } from '../testing/open_screen';
import type { ScriptedEngine } from '../testing/scripted_engine';
import { BOB, CHANNEL, written, ZOE } from '../testing/written_messages';

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, '', `/c/${CHANNEL}`);
});

/** Opens a channel with these messages, after the engine was told how things stand. */
async function openChannel(
  messages: Message[],
  prepare: (engine: ScriptedEngine) => void = () => {},
) {
  const opened = await openScreen(
    Frame,
    { [`GET /api/channels/${CHANNEL}/members`]: () => [ME, BOB, ZOE] },
    (server, engine) => {
      prepare(engine);
      server.addChannel(CHANNEL, messages.length, { name: 'general', members_version: 1 });
      server.stored.set(CHANNEL, messages);
    },
  );
  await screen.findByRole('log');
  return opened;
}

const said = (article: HTMLElement) => article.textContent?.replace(/\s+/g, ' ').trim() ?? '';

test('what a member wrote is shown with a lock, and with no badge of a webhook', async () => {
  await openChannel([written(1, 'Hello **all**', BOB)]);
  const article = await screen.findByRole('article', { name: /^Bob Miller/ });
  await waitFor(() => expect(article.querySelector('strong')?.textContent).toBe('all'));
  screen.getByRole('img', { name: 'End-to-end encrypted' });
  expect(screen.queryByText('Webhook · not E2EE')).toBeNull();
});

test('what a member wrote cannot be HTML', async () => {
  await openChannel([written(1, '<img src=x onerror=alert(1)>hi', BOB)]);
  await screen.findByText(/hi$/);
  expect(document.querySelector('article img')).toBeNull();
});

test('a mention of oneself is marked once the message is decrypted', async () => {
  await openChannel([written(1, '@ada look', BOB, ['me']), written(2, '@ada look', BOB)]);
  await waitFor(() => expect(document.querySelector('.mention')?.textContent).toBe('@ada'));
  const [mine, other] = screen.getAllByRole('article');
  expect(mine?.className).toContain('mine');
  expect(other?.className).not.toContain('mine');
});

test('a message whose key is missing says so, and appears when the key comes', async () => {
  const { engine } = await openChannel([written(1, 'late', BOB)], (engine) =>
    engine.unreadable.set('m1', { state: 'waiting', reason: 'Waiting for the key.' }),
  );
  await screen.findByText('Waiting for the key.');
  engine.unreadable.clear();
  engine.keysCame();
  await screen.findByText('late');
});

test('a message that is not what it says it is is not shown, and says why', async () => {
  await openChannel([written(1, 'forged', BOB)], (engine) =>
    engine.unreadable.set('m1', { state: 'refused', reason: 'Bob’s device did not sign it.' }),
  );
  await screen.findByText(/Bob’s device did not sign it/);
  expect(screen.queryByText('forged')).toBeNull();
});

test('edited, imported and deleted messages are marked', async () => {
  const { user } = await openChannel(
    [
      written(1, 'edited one', BOB, [], { edited_at: '2026-06-04T14:00:00+00:00' }),
      written(2, 'old one', BOB),
      written(3, '', BOB, [], { deleted: true }),
    ],
    (engine) => engine.imported.add('m2'),
  );
  await screen.findByText('old one');
  const [edited, imported, deleted] = screen.getAllByRole('article');
  expect(said(edited as HTMLElement)).toMatch(/edited$/);
  const mark = within(imported as HTMLElement).getByRole('img', { name: 'Author not proven' });
  expect(said(deleted as HTMLElement)).toContain('Message deleted');
  // With the keyboard it is reached from its message.
  expect(mark.tabIndex).toBe(-1);
  imported?.focus();
  await user.tab();
  expect(document.activeElement).toBe(mark);
});

test('one’s own message can be edited and deleted from its menu, another’s by admins alone', async () => {
  const { user, client } = await openChannel([written(1, 'mine'), written(2, 'yours', BOB)]);
  client.channels.mayAdminister = () => false;
  await screen.findByText('yours');
  await user.hover(screen.getAllByRole('article')[0] as HTMLElement);
  await user.click(await screen.findByRole('button', { name: 'Message actions' }));
  await screen.findByText('Delete message');
  await user.click(await screen.findByText('Edit message'));
  await screen.findByText('Editing your message');
  await user.hover(screen.getAllByRole('article')[1] as HTMLElement);
  const buttons = await screen.findAllByRole('button', { name: 'Message actions' });
  await user.click(buttons.at(-1) as HTMLElement);
  await screen.findByText('Copy text');
  expect(screen.queryByText('Edit message')).toBeNull();
  expect(screen.queryByText('Delete message')).toBeNull();
});

test('those who only read webhooks are asked nothing', async () => {
  const { client } = await openChannel(posts(1, 3, CHANNEL), (engine) => {
    engine.current = { ...engine.current, recovery: 'none' };
  });
  await client.encryption.open();
  expect(client.encryption.recovery.state).toBe('none');
  expect(screen.queryByRole('button', { name: 'Set up encryption' })).toBeNull();
});

test('who opens an encrypted message sets encryption up, and saves the key that is shown once', async () => {
  const { user, engine } = await openChannel([written(1, 'hello', BOB)], (engine) => {
    engine.current = { ...engine.current, recovery: 'none' };
  });
  await user.click(await screen.findByRole('button', { name: 'Set up encryption' }));
  const dialog = await screen.findByRole('dialog', { name: 'Set up encryption' });
  await user.type(within(dialog).getByLabelText('Password'), 'wrong');
  await user.click(within(dialog).getByRole('button', { name: 'Set up' }));
  await within(dialog).findByText(/The password is wrong/);
  await user.clear(within(dialog).getByLabelText('Password'));
  await user.type(within(dialog).getByLabelText('Password'), engine.password);
  await user.click(within(dialog).getByRole('button', { name: 'Set up' }));
  const shown = await screen.findByRole('dialog', { name: 'Your recovery key' });
  expect(within(shown).getByLabelText('Recovery key').textContent).toContain(engine.recoveryKey);
  within(shown).getByRole('button', { name: 'Copy' });
  within(shown).getByRole('button', { name: 'Download' });
  await user.keyboard('{Escape}');
  await within(shown).findByText(/Save the key first/);
  await user.click(within(shown).getByRole('checkbox', { name: 'I have saved it' }));
  await user.click(within(shown).getByRole('button', { name: 'Done' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(document.body.textContent).not.toContain(engine.recoveryKey);
});

test('set-up can be put off, and is not asked for again on this page', async () => {
  const { user } = await openChannel([written(1, 'hello', BOB)], (engine) => {
    engine.current = { ...engine.current, recovery: 'none' };
  });
  await user.click(await screen.findByRole('button', { name: 'Set up encryption' }));
  const dialog = await screen.findByRole('dialog', { name: 'Set up encryption' });
  within(dialog).getByText(/Until this is set up, you cannot write/);
  await user.click(within(dialog).getByRole('button', { name: 'Not now' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(screen.queryByRole('button', { name: 'Set up encryption' })).toBeNull();
});

test('a new device is unlocked with the recovery key, and a wrong one says so', async () => {
  const { user, engine } = await openChannel([written(1, 'secret', BOB)], (engine) => {
    engine.current = { ...engine.current, recovery: 'locked' };
    engine.unreadable.set('m1', { state: 'locked' });
  });
  const buttons = await screen.findAllByRole('button', { name: 'Unlock this device' });
  await user.click(buttons.at(-1) as HTMLElement);
  const dialog = await screen.findByRole('dialog', { name: 'Unlock this device' });
  await user.type(within(dialog).getByLabelText('Recovery key'), 'nonsense');
  await user.click(within(dialog).getByRole('button', { name: 'Unlock' }));
  await within(dialog).findByText(/not the recovery key of this account/);
  await user.clear(within(dialog).getByLabelText('Recovery key'));
  await user.type(within(dialog).getByLabelText('Recovery key'), engine.recoveryKey);
  engine.unreadable.clear();
  await user.click(within(dialog).getByRole('button', { name: 'Unlock' }));
  await screen.findByText('secret');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
});

test('a new device is verified with another one by comparing emoji', async () => {
  const { user, engine } = await openChannel([written(1, 'secret', BOB)], (engine) => {
    engine.current = { ...engine.current, recovery: 'locked' };
  });
  await user.click(await screen.findByRole('button', { name: 'Unlock this device' }));
  await user.click(await screen.findByRole('button', { name: 'Verify with another device' }));
  await screen.findByText(/Waiting for your other device/);
  engine.verify({ stage: 'emoji', emoji: [{ symbol: '🐶', name: 'Dog' }] });
  const list = await screen.findByRole('list', { name: 'Emoji to compare' });
  expect(list.textContent).toContain('Dog');
  await user.click(screen.getByRole('button', { name: 'They match' }));
  await screen.findByText(/Both devices trust each other/);
  await user.click(screen.getByRole('button', { name: 'Done' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(engine.calls).toContain('requestVerification me any');
});

test('emoji that differ end the verification, and say what that means', async () => {
  const { user, engine, client } = await openChannel([]);
  await client.encryption.open();
  engine.verify({ withUserId: 'bob', stage: 'emoji', emoji: [{ symbol: '🐶', name: 'Dog' }] });
  await screen.findByRole('dialog', { name: 'Verify Bob Miller' });
  await user.click(screen.getByRole('button', { name: 'They do not match' }));
  await screen.findByText('The emoji did not match.');
  expect(engine.calls).toEqual(['mismatch']);
});

test('somebody who asks to be verified interrupts nobody', async () => {
  const { user, engine, client } = await openChannel([]);
  await client.encryption.open();
  const regions = [...document.querySelectorAll('[aria-live="polite"]')];
  engine.verify({ withUserId: 'bob', stage: 'asked' });
  const asked = await screen.findByText(/wants to verify you/);
  // Only what appears in a region that was there before is read out.
  expect(regions.some((region) => region.contains(asked))).toBe(true);
  expect(screen.queryByRole('dialog')).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Compare emoji' }));
  await screen.findByText(/Waiting for/);
  expect(engine.calls).toEqual(['accept']);
});

test('a member is verified from the list of members', async () => {
  const { user, engine } = await openChannel([]);
  await user.click(screen.getByRole('button', { name: 'Members' }));
  await user.click(await screen.findByRole('button', { name: 'Actions for Bob Miller' }));
  await user.click(await screen.findByText('Verify'));
  await screen.findByRole('dialog', { name: 'Verify Bob Miller' });
  expect(engine.calls).toEqual(['requestVerification bob any']);
});

test('a changed identity is shown in the channel, with what to do', async () => {
  const { user, engine } = await openChannel([written(1, 'hello', BOB)]);
  await screen.findByText('hello');
  engine.set({ identityChanges: [{ userId: 'bob', at: ME.created_at }] });
  const note = await screen.findByText(/identity changed/);
  expect(note.textContent).toContain('Bob Miller');
  await user.click(screen.getByRole('button', { name: 'Go on without' }));
  await waitFor(() => expect(screen.queryByText(/identity changed/)).toBeNull());
  expect(engine.calls).toContain('acknowledge bob');
});

test('a backup that is full is hinted at, until that is put off or another one is begun', async () => {
  const { user, engine } = await openChannel([written(1, 'hello', BOB)], (engine) => {
    engine.current = { ...engine.current, backup: 'full' };
  });
  await screen.findByText(/backup of your keys is full/);
  await user.click(screen.getByRole('button', { name: 'Begin another backup' }));
  const dialog = await screen.findByRole('dialog', { name: 'Make a recovery key' });
  within(dialog).getByText(/What only the old backup had keys to stays unreadable/);
  await user.click(within(dialog).getByRole('button', { name: 'Cancel' }));
  await user.click(await screen.findByRole('button', { name: 'Begin another backup' }));
  await user.click(await screen.findByRole('button', { name: 'Make a recovery key' }));
  await screen.findByRole('dialog', { name: 'Your recovery key' });
  await user.click(screen.getByRole('checkbox', { name: 'I have saved it' }));
  await user.click(screen.getByRole('button', { name: 'Done' }));
  await waitFor(() => expect(screen.queryByText(/backup of your keys/)).toBeNull());
  engine.set({ backup: 'full' });
  await user.click(await screen.findByRole('button', { name: 'Not now' }));
  await waitFor(() => expect(screen.queryByText(/backup of your keys/)).toBeNull());
});

test('a backup that is gone is hinted at, and the newer recovery key puts it right', async () => {
  const { user, engine } = await openChannel([written(1, 'hello', BOB)], (engine) => {
    engine.current = { ...engine.current, backup: 'lost' };
  });
  await screen.findByText(/backup of your keys is gone/);
  await user.click(screen.getByRole('button', { name: 'Back up again' }));
  const dialog = await screen.findByRole('dialog', { name: 'Back up your keys again' });
  await user.type(within(dialog).getByLabelText('Recovery key'), engine.recoveryKey);
  await user.click(within(dialog).getByRole('button', { name: 'Back up again' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(screen.queryByText(/backup of your keys/)).toBeNull();
});

test('a backup whose key nobody has gives way to another, after it was said what is lost', async () => {
  const { user, engine } = await openChannel([written(1, 'hello', BOB)], (engine) => {
    engine.current = { ...engine.current, backup: 'lost' };
  });
  await user.click(await screen.findByRole('button', { name: 'Back up again' }));
  await user.click(await screen.findByRole('button', { name: /no newer key/ }));
  await screen.findByText(/Another backup is begun/);
  await user.click(screen.getByRole('button', { name: 'Make a recovery key' }));
  await screen.findByRole('dialog', { name: 'Your recovery key' });
  expect(engine.calls).toContain('makeRecoveryKey anew');
});

test('starting over that stops half way says what is missing, and goes on from there', async () => {
  const { user, engine } = await openChannel([written(1, 'hello', BOB)], (engine) => {
    engine.current = { ...engine.current, recovery: 'locked' };
  });
  engine.failures.makeRecoveryKey = new Error('The server failed.');
  await user.click(await screen.findByRole('button', { name: 'Unlock this device' }));
  await user.click(await screen.findByRole('button', { name: 'I have neither' }));
  const dialog = await screen.findByRole('dialog', { name: 'Start over' });
  await user.type(within(dialog).getByLabelText('Password'), engine.password);
  await user.click(within(dialog).getByRole('button', { name: 'Start over' }));
  const rest = await screen.findByRole('dialog', { name: 'Make a recovery key' });
  await within(rest).findByText(/identity is in place. What is missing is its recovery key/);
  within(rest).getByText(/The server failed/);
  engine.failures = {};
  await user.click(within(rest).getByRole('button', { name: 'Make a recovery key' }));
  await screen.findByRole('dialog', { name: 'Your recovery key' });
  expect(engine.calls).toEqual(['replace', 'makeRecoveryKey', 'makeRecoveryKey']);
});

test('one’s own identity that was replaced elsewhere is no new device, and says what to do', async () => {
  const { user, client } = await openChannel([written(1, 'hello', BOB)], (engine) =>
    engine.set({ recovery: 'locked', identityReplaced: true }),
  );
  const said = await screen.findByText('Your own identity changed.');
  const warning = said.closest<HTMLElement>('[role=alert]') ?? document.body;
  expect(screen.queryByText(/^This device is new/)).toBeNull();
  await user.click(within(warning).getByRole('button', { name: 'Unlock this device' }));
  await screen.findByRole('dialog', { name: 'Unlock this device' });
  client.ui.closeEncryption();
  await user.click(await screen.findByText('Look at your sessions'));
  expect(client.router.place).toEqual({ kind: 'settings', page: 'sessions' });
});

test('who joins is shown where one writes, until that is dismissed', async () => {
  let members = [ME, BOB];
  const { user, sockets } = await openScreen(
    Frame,
    { [`GET /api/channels/${CHANNEL}/members`]: () => members },
    (server) => {
      server.addChannel(CHANNEL, 1, { name: 'general', members_version: 1 });
      server.stored.set(CHANNEL, [written(1, 'hello', BOB)]);
    },
  );
  await screen.findByText('hello');
  const joined = () => screen.queryByText(/joined, and can read/)?.textContent;
  await waitFor(() => expect(localStorage.getItem('chatalot.known_members')).toContain('bob'));
  expect(joined()).toBeUndefined();
  members = [ME, BOB, ZOE];
  sockets.last.say({ type: 'members_changed', channel_id: CHANNEL, members_version: 2 });
  await waitFor(() =>
    expect(joined()).toMatch(/^Zoë \(@zoe\) joined, and can read what is written here/),
  );
  const others = ['Carl', 'Dora', 'Eve', 'Finn'].map((display_name) => {
    const username = display_name.toLowerCase();
    return { ...ME, id: username, username, display_name };
  });
  members = [...members, ...others];
  sockets.last.say({ type: 'members_changed', channel_id: CHANNEL, members_version: 6 });
  await waitFor(() =>
    expect(joined()).toMatch(/^Zoë \(@zoe\), Carl \(@carl\), Dora \(@dora\) and 2 others joined/),
  );
  await user.click(screen.getByRole('button', { name: 'Dismiss: somebody joined' }));
  await waitFor(() => expect(joined()).toBeUndefined());
});
