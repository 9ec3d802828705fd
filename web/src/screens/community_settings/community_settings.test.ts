import { screen, waitFor, within } from '@testing-library/svelte';
import { expect, test } from 'vitest';

import type { Role } from '../../api/types';
import { ME } from '../../state/testing/scripted_server';
import { openScreen, Refusal, type Answers } from '../testing/open_screen';
import CommunitySettings from './CommunitySettings.svelte';
import CreateChannel from './CreateChannel.svelte';

const CREATED = ME.created_at;
const BOB = { ...ME, id: 'bob', username: 'bob', display_name: 'Bob' };

const MEMBERS = [
  { user: ME, role: 'owner', joined_at: CREATED },
  { user: BOB, role: 'member', joined_at: CREATED },
];

/** Opens the settings of the community `Ops` for somebody with this role in it. */
async function openSettings(role: Role, answers: Answers = {}) {
  const opened = await openScreen(
    CommunitySettings,
    { 'GET /api/communities/o1/members': () => MEMBERS, ...answers },
    (server) => {
      server.communities = server.communities.map((community) => ({ ...community, role }));
    },
  );
  opened.client.ui.openCommunitySettings('o1');
  const dialog = await screen.findByRole('dialog', { name: 'Community settings' });
  const unfold = (name: string) => opened.user.click(within(dialog).getByRole('button', { name }));
  return { ...opened, dialog: within(dialog), unfold };
}

/** Opens the menu of what can be done about Bob. Without a layout it stays out of sight. */
async function manageBob(user: Awaited<ReturnType<typeof openSettings>>['user']) {
  (await screen.findByRole('button', { name: 'Manage Bob' })).focus();
  await user.keyboard('{Enter}');
}

test('members read the name, and see neither invites nor what admins do', async () => {
  const { dialog, unfold } = await openSettings('member');
  expect(dialog.queryByLabelText('Community name')).toBeNull();
  expect(dialog.queryByRole('button', { name: 'Invites' })).toBeNull();
  await unfold('Members');
  await dialog.findByText('Bob');
  expect(dialog.queryByRole('button', { name: 'Manage Bob' })).toBeNull();
});

test('the owner hands the community over only after a question', async () => {
  const roles: unknown[] = [];
  const { user, unfold } = await openSettings('owner', {
    'PATCH /api/communities/o1/members/bob': ({ role }) => {
      roles.push(role);
      return { user: BOB, role, joined_at: CREATED };
    },
  });
  await unfold('Members');
  await manageBob(user);
  await user.click(await screen.findByText('Hand the community over…'));
  const question = await screen.findByRole('alertdialog', { name: 'Hand Ops over to Bob?' });
  expect(roles).toEqual([]);
  await user.click(within(question).getByRole('button', { name: 'Hand over' }));
  await waitFor(() => expect(roles).toEqual(['owner']));
});

test('a role that cannot be changed says why', async () => {
  const { user, unfold } = await openSettings('owner', {
    'PATCH /api/communities/o1/members/bob': () =>
      new Refusal(503, 'unavailable', 'The database does not answer.'),
  });
  await unfold('Members');
  await manageBob(user);
  await user.click(await screen.findByText('Make an admin'));
  await screen.findByText(/The database does not answer/);
});

test('admins remove members, and change no roles', async () => {
  const { user, unfold } = await openSettings('admin');
  await unfold('Members');
  await manageBob(user);
  await screen.findByText('Remove from community…');
  expect(screen.getAllByRole('menuitem', { hidden: true })).toHaveLength(1);
});

test('an invite is made with the chosen terms, and revoked after a question', async () => {
  const terms: unknown[] = [];
  const { user, unfold } = await openSettings('owner', {
    'GET /api/communities/o1/invites': () => [],
    'POST /api/communities/o1/invites': (body) => {
      terms.push(body);
      const url = 'https://chat.example.com/invite/code';
      return { code: 'code', url, max_uses: 5, uses: 0, expires_at: null, created_at: CREATED };
    },
    'DELETE /api/invites/code': () => null,
  });
  await unfold('Invites');
  await screen.findByText('No invite works at present.');
  await user.selectOptions(screen.getByLabelText('Can be used'), '5 uses');
  await user.selectOptions(screen.getByLabelText('Ends after'), 'Never');
  await user.click(screen.getByRole('button', { name: 'Create invite' }));
  await screen.findByText(/used 0 of 5 times · never ends/);
  expect(terms).toEqual([{ max_uses: 5 }]);
  await user.click(screen.getByRole('button', { name: 'Copy link' }));
  expect(await navigator.clipboard.readText()).toBe('https://chat.example.com/invite/code');
  await user.click(screen.getByRole('button', { name: 'Revoke invite code' }));
  const question = await screen.findByRole('alertdialog');
  await user.click(within(question).getByRole('button', { name: 'Revoke' }));
  await screen.findByText('No invite works at present.');
});

test('a community is deleted only after its name was typed', async () => {
  const { user, client, unfold } = await openSettings('owner', {
    'DELETE /api/communities/o1': () => null,
  });
  await unfold('Leave or delete');
  await user.click(screen.getByRole('button', { name: 'Delete community' }));
  const question = within(await screen.findByRole('dialog', { name: 'Delete community' }));
  const button = question.getByRole('button', { name: 'Delete community' });
  expect(button).toHaveProperty('disabled', true);
  await user.type(question.getByLabelText("Type the community's name to confirm"), 'Ops');
  await user.click(button);
  await waitFor(() => expect(client.communities.list).toEqual([]));
  expect(client.ui.communitySettings).toBeNull();
});

test('a channel is made private and opened; what was refused keeps what was typed', async () => {
  const id = '00000000-0000-7000-8000-000000000001';
  let full = true;
  const { user, client } = await openScreen(CreateChannel, {
    'POST /api/communities/o1/channels': (body) =>
      full
        ? new Refusal(409, 'too_many_channels', 'Delete one first; at most 1000 are possible.')
        : {
            ...body,
            id,
            community_id: 'o1',
            joined: true,
            last_seq: 0,
            read_seq: 0,
            unread_mentions: 0,
            created_at: CREATED,
          },
  });
  client.ui.openCreateChannel('o1');
  const name = await screen.findByLabelText('Channel name');
  await waitFor(() => expect(document.activeElement).toBe(name));
  await user.type(name, 'deploys');
  await user.click(screen.getByRole('switch', { name: 'Private' }));
  await user.click(screen.getByRole('button', { name: 'Create' }));
  await screen.findByText(/at most 1000/);
  expect(name).toHaveProperty('value', 'deploys');
  full = false;
  await user.click(screen.getByRole('button', { name: 'Create' }));
  await waitFor(() => expect(client.router.place).toEqual({ kind: 'channel', channelId: id }));
  expect(client.channels.get(id)?.private).toBe(true);
  expect(client.ui.createChannel).toBeNull();
});
