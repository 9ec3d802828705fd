import '../../testing/browser_gaps';

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';

import type { Message } from '../../../api/types';
import { ME } from '../../../state/testing/scripted_server';
import Frame from '../../frame/Frame.svelte';
import { openScreen, Refusal, type Answers } from '../../testing/open_screen';
import type { ScriptedEngine } from '../../testing/scripted_engine';
import { BOB, CHANNEL, written, ZOE } from '../../testing/written_messages';

const MESSAGES = `/api/channels/${CHANNEL}/messages`;

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, '', `/c/${CHANNEL}`);
});

interface Scene {
  messages?: Message[];
  answers?: Answers;
  prepare?: (engine: ScriptedEngine) => void;
}

/** Opens a channel with three members, and finds the field in which one writes. */
async function openComposer({ messages = [], answers = {}, prepare }: Scene = {}) {
  /** What was posted: a call that is answered at any path of the channel. */
  const posted: Record<string, unknown>[] = [];
  const opened = await openScreen(
    Frame,
    {
      [`GET /api/channels/${CHANNEL}/members`]: () => [ME, BOB, ZOE],
      [`PUT ${MESSAGES}/*`]: (body) => {
        posted.push(body);
        const seq = messages.length + posted.length;
        return { message_id: `p${seq}`, channel_id: CHANNEL, seq, created_at: ME.created_at };
      },
      ...answers,
    },
    (server, engine) => {
      prepare?.(engine);
      server.addChannel(CHANNEL, messages.length, { name: 'general', members_version: 1 });
      server.stored.set(CHANNEL, messages);
    },
  );
  const field = await screen.findByRole<HTMLTextAreaElement>('textbox', {
    name: 'Message #general',
  });
  await screen.findByRole('log');
  return { ...opened, field, posted };
}

/** What the field says is chosen of what it offers. */
function chosen(field: HTMLElement): string | undefined {
  const id = field.getAttribute('aria-activedescendant');
  return (id && document.getElementById(id)?.textContent?.trim()) || undefined;
}

/** What was encrypted in a body that was posted. */
function plaintextOf(body: Record<string, unknown> | undefined) {
  const { ciphertext } = body?.['envelope'] as { ciphertext: string };
  return JSON.parse(ciphertext) as Record<string, unknown>;
}

test('Enter sends, and Shift+Enter breaks the line', async () => {
  const { user, field, posted, engine } = await openComposer();
  await user.click(field);
  await user.keyboard('one{Shift>}{Enter}{/Shift}two{Enter}');
  await waitFor(() => expect(posted).toHaveLength(1));
  const { txn_id: txnId, ...plaintext } = plaintextOf(posted[0]);
  expect(plaintext).toMatchObject({ body: 'one\ntwo', channel_id: CHANNEL });
  await waitFor(() =>
    expect(engine.sent).toEqual([{ id: 'p1', channelId: CHANNEL, seq: 1, txnId }]),
  );
  expect(field.value).toBe('');
});

test('what is blank is not sent', async () => {
  const { user, field, posted } = await openComposer();
  await user.click(field);
  await user.keyboard('   {Enter}');
  expect(field.value).toBe('   ');
  expect(posted).toHaveLength(0);
  expect(screen.getByRole('button', { name: 'Send message' })).toHaveProperty('disabled', true);
});

test('a member is completed with the keyboard, and mentioned inside the encrypted message', async () => {
  const { user, field, posted } = await openComposer();
  await user.click(field);
  await user.keyboard('hi @');
  await waitFor(() => expect(chosen(field)).toContain('bob'));
  await user.keyboard('{ArrowDown}');
  expect(chosen(field)).toContain('zoe');
  await user.keyboard('{ArrowDown}{Enter}');
  expect(field.value).toBe('hi @bob ');
  expect(screen.queryByRole('listbox')).toBeNull();
  await user.keyboard('look{Enter}');
  await waitFor(() => expect(posted).toHaveLength(1));
  expect(plaintextOf(posted[0])).toMatchObject({ body: 'hi @bob look', mentions: ['bob'] });
  expect(JSON.stringify(posted[0]?.['mentions'] ?? null)).toBe('null');
});

test('Escape closes what is offered and keeps what is typed', async () => {
  const { user, field } = await openComposer();
  await user.click(field);
  await user.keyboard('@bo');
  await screen.findByRole('listbox', { name: 'Members' });
  await user.keyboard('{Escape}');
  expect(screen.queryByRole('listbox')).toBeNull();
  await user.keyboard('b');
  expect(screen.queryByRole('listbox')).toBeNull();
  expect(field.value).toBe('@bob');
});

test('an emoji is completed by its name, and by closing its name', async () => {
  const { user, field } = await openComposer();
  await user.click(field);
  await user.keyboard(':thumbsu');
  await screen.findByRole('listbox', { name: 'Emoji' });
  await user.keyboard('{Tab}');
  expect(field.value).toBe('👍 ');
  await user.keyboard(':tada:');
  expect(field.value).toBe('👍 🎉');
});

test('a draft is there again after a reload, and gone once it is sent', async () => {
  const { user, field, client, posted } = await openComposer();
  await user.click(field);
  await user.keyboard('half a sen');
  client.drafts.flush();
  expect(Object.values({ ...localStorage }).join()).toContain('half a sen');
  await user.keyboard('tence{Enter}');
  await waitFor(() => expect(posted).toHaveLength(1));
  client.drafts.flush();
  expect(Object.values({ ...localStorage }).join()).not.toContain('half a sen');
});

test('arrow-up in an empty field edits the last own message, and Escape leaves it as it was', async () => {
  const { user, field } = await openComposer({
    messages: [written(1, 'mine'), written(2, 'not mine', BOB)],
  });
  await user.click(field);
  await screen.findByText('mine');
  await user.keyboard('{ArrowUp}');
  await screen.findByText('Editing your message');
  expect(field.value).toBe('mine');
  await user.keyboard(' too{Escape}');
  expect(field.value).toBe('');
  expect(screen.queryByText('Editing your message')).toBeNull();
  screen.getByText('mine');
});

test('an edit that the server refuses says why, and keeps the new text', async () => {
  const { user, field } = await openComposer({
    messages: [written(1, 'mine')],
    answers: {
      [`PATCH ${MESSAGES}/m1`]: () => new Refusal(422, 'invalid_body', 'It is too old to edit.'),
    },
  });
  await screen.findByText('mine');
  await user.click(field);
  await user.keyboard('{ArrowUp}');
  await screen.findByText('Editing your message');
  await user.keyboard('!{Enter}');
  await screen.findByText(/It is too old to edit/);
  expect(field.value).toBe('mine!');
  screen.getByText('mine');
});

test('an edit is shown once the server has it', async () => {
  const { user, field } = await openComposer({
    messages: [written(1, 'mine')],
    answers: {
      [`PATCH ${MESSAGES}/m1`]: (body) => ({
        ...written(1, ''),
        envelope: body['envelope'],
        edited_at: '2026-06-04T14:00:00+00:00',
      }),
    },
  });
  await screen.findByText('mine');
  await user.click(field);
  await user.keyboard('{ArrowUp}');
  await screen.findByText('Editing your message');
  await user.keyboard('!{Enter}');
  await screen.findByText('mine!');
  screen.getByText('edited');
  expect(screen.queryByText('Editing your message')).toBeNull();
  expect(field.value).toBe('');
});

test('an own message emptied in an edit is deleted after being asked', async () => {
  const { user, field } = await openComposer({
    messages: [written(1, 'mine')],
    answers: { [`DELETE ${MESSAGES}/m1`]: () => null },
  });
  await screen.findByText('mine');
  await user.click(field);
  await user.keyboard('{ArrowUp}');
  await screen.findByText('Editing your message');
  await user.clear(field);
  await user.keyboard('{Enter}');
  const question = await screen.findByRole('alertdialog', { name: 'Delete this message?' });
  await user.click(within(question).getByRole('button', { name: 'Delete' }));
  await screen.findByText('Message deleted');
});

test('a message that is too long says so before it is sent, and stays', async () => {
  const { user, field, posted } = await openComposer();
  await user.click(field);
  await user.paste('x'.repeat(60_000));
  await screen.findByText(/KB too long/);
  await user.keyboard('{Enter}');
  expect(posted).toHaveLength(0);
  expect(field.value).toHaveLength(60_000);
});

test('a message that could not be sent says why, and is sent again or given up', async () => {
  let refuse = true;
  const { user, field } = await openComposer({
    answers: {
      [`PUT ${MESSAGES}/*`]: () =>
        refuse
          ? new Refusal(403, 'forbidden', 'You cannot write here now.')
          : { message_id: 'p1', channel_id: CHANNEL, seq: 1, created_at: ME.created_at },
    },
  });
  await user.click(field);
  await user.keyboard('hello{Enter}');
  await screen.findByText(/You cannot write here now/);
  // It is kept: nothing is lost when the page is closed.
  const closing = new Event('beforeunload', { cancelable: true });
  window.dispatchEvent(closing);
  expect(closing.defaultPrevented).toBe(false);
  const pending = screen.getByRole('article', { name: 'Your message, not sent' });
  expect(pending.textContent).toContain('hello');
  refuse = false;
  await user.click(within(pending).getByRole('button', { name: 'Retry' }));
  await waitFor(() => expect(screen.queryByRole('article', { name: /^Your message/ })).toBeNull());
  screen.getByText('hello');
  refuse = true;
  await user.click(field);
  await user.keyboard('again{Enter}');
  await user.click(await screen.findByRole('button', { name: 'Discard' }));
  expect(screen.queryByText('again')).toBeNull();
});

test('what cannot be encrypted yet is sent as soon as encryption is set up', async () => {
  const { user, field, engine, posted } = await openComposer({
    prepare: (engine) => engine.set({ recovery: 'none' }),
  });
  await user.click(field);
  await user.keyboard('first words{Enter}');
  const dialog = await screen.findByRole('dialog', { name: 'Set up encryption' });
  await user.type(within(dialog).getByLabelText('Password'), engine.password);
  await user.click(within(dialog).getByRole('button', { name: 'Set up' }));
  const key = await screen.findByRole('dialog', { name: 'Your recovery key' });
  expect(key.textContent).toContain(engine.recoveryKey);
  await waitFor(() => expect(posted).toHaveLength(1));
  expect(plaintextOf(posted[0])).toMatchObject({ body: 'first words' });
});

test('what waits for a changed identity goes on, also when that of somebody elsewhere has changed', async () => {
  const answers = { [`GET /api/channels/${CHANNEL}/members`]: () => [ME, BOB] };
  const { user, field, posted, engine, client } = await openComposer({ answers });
  await client.encryption.open();
  const at = ME.created_at;
  engine.set({ identityChanges: ['bob', 'zoe'].map((userId) => ({ userId, at })) });
  await user.click(field);
  await user.keyboard('secret{Enter}');
  await screen.findByText(/An identity has changed/);
  expect(posted).toEqual([]);
  await client.encryption.acknowledgeIdentity('bob');
  await waitFor(() => expect(posted).toHaveLength(1));
});

test('who came is named with the username, also who is gone again, and dismissing leads to the field', async () => {
  const { client, user, field } = await openComposer({ messages: [written(1, 'hello')] });
  await waitFor(() => expect(client.channels.members(CHANNEL).list).toHaveLength(3));
  const here = [ME, BOB, ZOE];
  const come = (name: string) => ({ ...BOB, id: name, username: name, display_name: 'Bob Miller' });
  client.newcomers.observe(CHANNEL, [...here, come('mallory')]);
  client.newcomers.observe(CHANNEL, [...here, come('carl'), come('dora')]);
  const notice = (await screen.findByText(/from now on/)).closest<HTMLElement>('[role=status]');
  expect(notice?.textContent?.replace(/\s+/g, ' ').trim()).toBe(
    'Bob Miller (@carl) and Bob Miller (@dora) joined, and can read what is written here from now on. ' +
      'Bob Miller (@mallory) joined and left again, and could read what was written here in between.',
  );
  await user.click(screen.getByRole('button', { name: 'Dismiss: somebody joined' }));
  expect(screen.queryByText(/from now on/)).toBeNull();
  expect(document.activeElement).toBe(field);
  expect(client.newcomers.of(CHANNEL)).toEqual([]);
});
