import { screen, waitFor, within } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';

import { mention as mentionIn } from '../../state/testing/messages';
import { openScreen, Refusal, type Answers } from '../testing/open_screen';
import NotificationsPanel from './NotificationsPanel.svelte';
import Toasts from './Toasts.svelte';

const CHANNEL = '00000000-0000-7000-8000-000000000001';

const mention = (seq: number, fields = {}) => mentionIn(seq, { channel_id: CHANNEL, ...fields });

async function openPanel(answers: Answers = {}) {
  const opened = await openScreen(NotificationsPanel, answers);
  opened.client.ui.toggleNotifications();
  await screen.findByRole('heading', { name: 'Notifications' });
  return opened;
}

const inbox = (...notifications: unknown[]) => ({
  notifications,
  unread: notifications.length,
  has_more: false,
});

test('an empty inbox says what will be in it', async () => {
  await openPanel();
  await screen.findByText('You are all caught up');
  expect(screen.queryByRole('button', { name: 'Mark all as read' })).toBeNull();
});

test('a notification is a link to its message, and opening it does not make it read', async () => {
  const { user, client, server } = await openPanel({
    'GET /api/notifications': () => inbox(mention(7, { preview: '**Build** failed' })),
  });
  const link = await screen.findByRole('link', { name: /Build failed/ });
  expect(link.getAttribute('href')).toBe(`/c/${CHANNEL}/7`);
  await user.click(link);
  expect(server.called('POST', /notifications\/read/)).toEqual([]);
  expect(client.notifications.unread).toBe(1);
});

test('all are marked as read by one click', async () => {
  const { user, server } = await openPanel({
    'GET /api/notifications': () => inbox(mention(2), mention(1)),
  });
  await user.click(await screen.findByRole('button', { name: 'Mark all as read' }));
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Mark as read' })).toBeNull());
  expect(server.called('POST', /notifications\/read/)).toEqual([{ all: true }]);
});

test('an inbox that cannot be loaded says why and can be tried again', async () => {
  let broken = true;
  const { user } = await openPanel({
    'GET /api/notifications': () =>
      broken ? new Refusal(500, 'internal', 'The server failed.') : inbox(mention(1)),
  });
  await screen.findByText(/The server failed/);
  broken = false;
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByText('message 1');
});

test('the message of a notification may be gone', async () => {
  await openPanel({ 'GET /api/notifications': () => inbox(mention(1, { preview: '' })) });
  await screen.findByText('The message was deleted.');
});

test('Escape closes the panel and gives the focus back', async () => {
  const before = document.createElement('button');
  document.body.append(before);
  before.focus();
  const { user, client } = await openPanel();
  await waitFor(() => expect(document.activeElement).not.toBe(before));
  await user.keyboard('{Escape}');
  await waitFor(() => expect(client.ui.notifications).toBe(false));
  await waitFor(() => expect(document.activeElement).toBe(before));
  before.remove();
});

/** Opens the place of the toasts and lets mentions arrive over the connection. */
async function openToasts(count: number) {
  const opened = await openScreen(Toasts);
  const socket = await opened.sockets.opened(1);
  socket.greet();
  for (let number = 1; number <= count; number += 1) {
    socket.say({ type: 'mention', notification: mention(number) });
  }
  await screen.findByText(`message ${count}`);
  return opened;
}

test('at most three toasts are shown, the newest', async () => {
  await openToasts(5);
  await waitFor(() => expect(screen.getAllByRole('group', { name: 'Mention' })).toHaveLength(3));
  expect(screen.queryByText('message 2')).toBeNull();
  screen.getByText('message 3');
});

test('a toast can be sent away, and leads to its message', async () => {
  const { user, client } = await openToasts(2);
  const [first] = screen.getAllByRole('group', { name: 'Mention' });
  await user.click(within(first as HTMLElement).getByRole('button', { name: 'Dismiss' }));
  await waitFor(() => expect(screen.queryByText('message 1')).toBeNull());
  await user.click(screen.getByRole('link', { name: /message 2/ }));
  expect(client.router.place).toEqual({ kind: 'channel', channelId: CHANNEL, seq: 2 });
  await waitFor(() => expect(screen.queryByText('message 2')).toBeNull());
});

test('a toast goes by itself, but not while the pointer is on it', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const { user } = await openToasts(1);
  const toast = screen.getByRole('group', { name: 'Mention' });
  await user.hover(toast);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(screen.queryByText('message 1')).not.toBeNull();
  await user.unhover(toast);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(screen.queryByText('message 1')).toBeNull();
  vi.useRealTimers();
});

test('a mention is heard unless the sound is turned off', async () => {
  const { client } = await openToasts(1);
  const starts = vi.fn();
  class Node {
    gain = {
      setValueAtTime() {},
      linearRampToValueAtTime() {},
      exponentialRampToValueAtTime() {},
    };
    connect = (next: unknown) => next;
    start = starts;
    stop() {}
  }
  vi.stubGlobal('OscillatorNode', Node);
  vi.stubGlobal('GainNode', Node);
  vi.stubGlobal(
    'AudioContext',
    class {
      currentTime = 0;
      destination = {};
      resume = () => Promise.resolve();
    },
  );
  Object.defineProperty(navigator, 'userActivation', {
    value: { hasBeenActive: true },
    configurable: true,
  });
  client.preferences.sound = false;
  client.alerts.onSound?.();
  expect(starts).not.toHaveBeenCalled();
  client.preferences.sound = true;
  client.alerts.onSound?.();
  expect(starts).toHaveBeenCalledTimes(2);
  vi.unstubAllGlobals();
});
