import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';

import type { Notification } from '../../api/types';
import { mention } from '../../state/testing/messages';
import { openScreen } from '../testing/open_screen';
import Frame from './Frame.svelte';

const GENERAL = '00000000-0000-7000-8000-000000000001';
const ALERTS = '00000000-0000-7000-8000-000000000002';
const HIDDEN = '00000000-0000-7000-8000-000000000003';

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, '', '/');
});

function openFrame(role: 'owner' | 'member' = 'owner', notifications: Notification[] = []) {
  return openScreen(Frame, {}, (server) => {
    server.communities = server.communities.map((community) => ({ ...community, role }));
    server.notifications = notifications;
    server.addChannel(GENERAL, 0, { name: 'general' });
    server.addChannel(ALERTS, 9, { name: 'alerts', read_seq: 7, unread_mentions: 1 });
    server.addChannel(HIDDEN, 3, { name: 'releases', joined: false });
  });
}

const channels = () => screen.getByRole('navigation', { name: 'Channels' });

test('whoever comes without an address is brought into the first channel', async () => {
  const { client } = await openFrame();
  const link = await within(channels()).findByRole('link', { name: 'general', current: 'page' });
  expect(link.getAttribute('href')).toBe(`/c/${GENERAL}`);
  expect(client.router.place).toEqual({ kind: 'channel', channelId: GENERAL });
});

test('a channel is named by its name alone; what is new in it describes it', async () => {
  await openFrame();
  const link = await within(channels()).findByRole('link', { name: 'alerts' });
  const description = document.getElementById(link.getAttribute('aria-describedby') ?? '');
  expect(description?.textContent).toBe('1 unread mention, 2 unread messages');
});

test('a right-click on a channel and its button open its settings', async () => {
  const { client, user } = await openFrame();
  await fireEvent.contextMenu(await screen.findByRole('link', { name: 'alerts' }));
  expect(client.ui.channelSettings?.channelId).toBe(ALERTS);
  client.ui.closeDialogs();
  await user.click(screen.getByRole('button', { name: 'Channel settings: general' }));
  expect(client.ui.channelSettings?.channelId).toBe(GENERAL);
});

test('Alt and the arrows go from channel to channel, round the ends', async () => {
  const { client, user } = await openFrame();
  await screen.findByRole('link', { name: 'general', current: 'page' });
  await user.keyboard('{Alt>}{ArrowDown}{/Alt}');
  expect(client.router.place).toEqual({ kind: 'channel', channelId: ALERTS });
  await user.keyboard('{Alt>}{ArrowDown}{/Alt}');
  expect(client.router.place).toEqual({ kind: 'channel', channelId: GENERAL });
  await user.keyboard('{Alt>}{ArrowUp}{/Alt}');
  expect(client.router.place).toEqual({ kind: 'channel', channelId: ALERTS });
});

test('a question mark lists the shortcuts, and Ctrl with K opens the switcher', async () => {
  const { client, user } = await openFrame();
  await screen.findByRole('link', { name: 'general' });
  await user.keyboard('?');
  await screen.findByRole('dialog', { name: 'Keyboard shortcuts' });
  // A dialog is closed first: it may hold what is not saved.
  await user.keyboard('{Control>}k{/Control}');
  expect(client.ui.switcher).toBe(false);
  await user.keyboard('{Escape}');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await user.keyboard('{Control>}k{/Control}');
  expect(client.ui.switcher).toBe(true);
});

test('what is typed before the switcher is there is not lost', async () => {
  const { client } = await openFrame();
  await screen.findByRole('link', { name: 'general', current: 'page' });
  const press = (key: string, more: KeyboardEventInit = {}) =>
    window.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true, ...more }));
  press('k', { ctrlKey: true });
  for (const key of ['a', 'l', 'x', 'Backspace', 'Shift']) press(key);
  const field = await screen.findByRole('combobox', { name: 'Channel or community' });
  expect((field as HTMLInputElement).value).toBe('al');
  await within(screen.getByRole('listbox')).findByRole('option', { name: /alerts/ });
  client.ui.closeSwitcher();
  expect(client.ui.switcherText).toBe('');
});

test('the number of unread notifications is in the name of their button', async () => {
  await openFrame('owner', [mention(1), mention(2)]);
  await screen.findByRole('button', { name: 'Notifications, 2 unread' });
});

test('a public channel that one is not in can be found and joined', async () => {
  const { user, server } = await openFrame('member');
  await user.click(await screen.findByRole('button', { name: 'Browse channels (1)' }));
  await user.click(screen.getByRole('link', { name: 'releases' }));
  await user.click(await screen.findByRole('button', { name: 'Join #releases' }));
  await screen.findByRole('log', { name: 'Messages in releases' });
  expect(server.called('PUT', /members/)).toHaveLength(1);
});

test('an empty channel shows its admins how to make a webhook', async () => {
  const { user, client } = await openFrame();
  await user.click(await screen.findByRole('button', { name: 'Create a webhook' }));
  expect(client.ui.channelSettings).toEqual({ channelId: GENERAL, section: 'webhooks' });
});

test('members see neither webhooks nor the button that creates channels', async () => {
  await openFrame('member');
  await screen.findByText('Nothing has been posted to #general yet');
  expect(screen.queryByRole('button', { name: 'Create a webhook' })).toBeNull();
  expect(screen.queryByRole('button', { name: 'Create channel' })).toBeNull();
});

test('a lost connection is said, and said no more when it is back', async () => {
  const { sockets } = await openFrame();
  sockets.all[0]?.greet();
  sockets.all[0]?.end();
  await screen.findByText('Reconnecting…');
  await waitFor(() => expect(sockets.all.length).toBeGreaterThan(1), { timeout: 5000 });
  sockets.all.at(-1)?.greet();
  await waitFor(() => expect(screen.queryByText('Reconnecting…')).toBeNull());
});

test('an address that leads nowhere says so', async () => {
  history.replaceState(null, '', '/c/00000000-0000-7000-8000-00000000dead');
  await openFrame();
  await screen.findByRole('heading', { name: 'There is no such channel for you' });
});
