import { screen, waitFor, within } from '@testing-library/svelte';
import { expect, test } from 'vitest';

import { openScreen } from '../testing/open_screen';
import Switcher from './Switcher.svelte';

const CHANNELS = {
  general: '00000000-0000-7000-8000-000000000001',
  alerts: '00000000-0000-7000-8000-000000000002',
};

async function openSwitcher() {
  const opened = await openScreen(Switcher, {}, (server) => {
    server.addChannel(CHANNELS.general, 1, { name: 'general' });
    server.addChannel(CHANNELS.alerts, 9, { name: 'alerts', read_seq: 2 });
  });
  opened.client.ui.openSwitcher();
  const field = await screen.findByRole('combobox', { name: 'Channel or community' });
  return { ...opened, field };
}

const options = () =>
  within(screen.getByRole('listbox'))
    .getAllByRole('option')
    .map((option) => option.querySelector('bdi')?.textContent);

test('what is unread is offered first, then the rest, then communities', async () => {
  await openSwitcher();
  await waitFor(() => expect(options()).toEqual(['alerts', 'general', 'Ops']));
});

test('some letters and Enter lead to a channel, and close the switcher', async () => {
  const { user, field, client } = await openSwitcher();
  await user.type(field, 'gen');
  await waitFor(() => expect(options()).toEqual(['general']));
  await user.keyboard('{Enter}');
  expect(client.router.place).toEqual({ kind: 'channel', channelId: CHANNELS.general });
  expect(client.ui.switcher).toBe(false);
});

test('the arrows choose another one', async () => {
  const { user, field, client } = await openSwitcher();
  await waitFor(() => expect(options()).toHaveLength(3));
  await user.click(field);
  await user.keyboard('{ArrowDown}{Enter}');
  expect(client.router.place).toEqual({ kind: 'channel', channelId: CHANNELS.general });
});

test('what nothing is called like is said', async () => {
  const { user, field } = await openSwitcher();
  await user.type(field, 'zzz');
  await screen.findByText('No channel or community is called like that.');
});

test('Escape closes it, and it opens empty again', async () => {
  const { user, field, client } = await openSwitcher();
  await user.type(field, 'gen{Escape}');
  await waitFor(() => expect(client.ui.switcher).toBe(false));
  client.ui.openSwitcher();
  const again = await screen.findByRole('combobox', { name: 'Channel or community' });
  expect(again).toHaveProperty('value', '');
});
