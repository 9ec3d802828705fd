import { screen, waitFor, within } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';

import { openScreen, Refusal, type Answers } from '../testing/open_screen';
import ChannelSettings from './ChannelSettings.svelte';

const CI = {
  id: 'w1',
  channel_id: 'c1',
  name: 'CI Pipeline',
  avatar_url: null,
  active: true,
  created_by: 'me',
  created_at: '2026-06-04T13:34:30.789723+00:00',
  last_used_at: null,
};
const URL_OF_NEW = 'https://chat.example.com/api/webhooks/execute/secret';

const NEW = { ...CI, id: 'w2', name: 'Releases', token: 'secret', url: URL_OF_NEW };

/** Opens the card of the channel `alerts` with its webhooks unfolded. */
async function openWebhooks(answers: Answers = {}) {
  const opened = await openScreen(
    ChannelSettings,
    {
      'GET /api/channels/c1/webhooks': () => [CI],
      'POST /api/channels/c1/webhooks': ({ name }) => ({ ...NEW, name }),
      ...answers,
    },
    (server) => server.addChannel('c1', 3, { name: 'alerts' }),
  );
  opened.client.ui.openChannelSettings('c1');
  const card = await screen.findByRole('dialog', { name: 'Channel settings' });
  await opened.user.click(within(card).getByRole('button', { name: 'Webhooks' }));
  await screen.findByText('CI Pipeline');
  return { ...opened, card };
}

async function add(user: Awaited<ReturnType<typeof openWebhooks>>['user'], name: string) {
  await user.type(screen.getByLabelText('Webhook name'), name);
  await user.click(screen.getByRole('button', { name: 'Add' }));
}

test('a new webhook shows its URL, to be copied now or never', async () => {
  const { user } = await openWebhooks();
  await add(user, 'Releases');
  await screen.findByText(
    'This URL is shown only now. Anyone who has it can post to this channel.',
  );
  await user.click(screen.getByRole('button', { name: 'Click to copy URL' }));
  await screen.findByRole('button', { name: 'Copied' });
  expect(await navigator.clipboard.readText()).toBe(URL_OF_NEW);
  expect(screen.getByLabelText('Webhook name')).toHaveProperty('value', '');
});

test('the command beside the URL posts with it', async () => {
  const { user } = await openWebhooks();
  await add(user, 'Releases');
  await user.click(await screen.findByRole('button', { name: 'Copy command' }));
  await screen.findByRole('button', { name: 'Copied' });
  expect(await navigator.clipboard.readText()).toMatch(new RegExp(`^curl ${URL_OF_NEW} -d '\\{`));
});

test('where copying is not allowed the URL is in a field, selected', async () => {
  const { user } = await openWebhooks();
  await add(user, 'Releases');
  vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new DOMException('no'));
  await user.click(await screen.findByRole('button', { name: 'Click to copy URL' }));
  const field = await screen.findByDisplayValue<HTMLInputElement>(URL_OF_NEW);
  expect(field.selectionEnd).toBe(URL_OF_NEW.length);
  expect(document.activeElement).toBe(field);
});

test('the card does not close over a URL that nobody has copied without asking', async () => {
  const { user, client } = await openWebhooks();
  await add(user, 'Releases');
  await screen.findByRole('button', { name: 'Click to copy URL' });
  await user.click(screen.getByRole('button', { name: 'Close' }));
  const question = await screen.findByRole('alertdialog');
  await user.click(within(question).getByRole('button', { name: 'Cancel' }));
  expect(client.ui.channelSettings).not.toBeNull();
  await user.click(screen.getByRole('button', { name: 'Click to copy URL' }));
  await screen.findByRole('button', { name: 'Copied' });
  await user.click(screen.getByRole('button', { name: 'Close' }));
  expect(client.ui.channelSettings).toBeNull();
});

test('what the server refuses is said beside the name, which stays', async () => {
  const errors = [{ pointer: '/name', detail: 'must have 1 to 64 characters' }];
  const { user } = await openWebhooks({
    'POST /api/channels/c1/webhooks': () =>
      new Refusal(422, 'invalid_body', '/name must have 1 to 64 characters', errors),
  });
  await add(user, 'x');
  await screen.findByText('Must have 1 to 64 characters.');
  expect(screen.getByLabelText('Webhook name')).toHaveProperty('value', 'x');
});

test('a channel that is full of webhooks says what to do', async () => {
  const { user } = await openWebhooks({
    'POST /api/channels/c1/webhooks': () =>
      new Refusal(409, 'too_many_webhooks', 'Delete one first; at most 50 are possible.'),
  });
  await add(user, 'One more');
  await screen.findByText(/Delete one first; at most 50 are possible/);
});

test('the switch turns at once, and back with the reason when the server refuses', async () => {
  let refuse = () => {};
  const { user } = await openWebhooks({
    'PATCH /api/webhooks/w1': () =>
      new Promise((resolve) => {
        refuse = () => resolve(new Refusal(503, 'unavailable', 'The database does not answer.'));
      }),
  });
  const active = screen.getByRole('switch', { name: 'Active: CI Pipeline' });
  expect(active.textContent).toContain('ON');
  await user.click(active);
  await waitFor(() => expect(active.textContent).toContain('OFF'));
  refuse();
  await screen.findByText(/The database does not answer/);
  expect(active.textContent).toContain('ON');
});

test('clicks that come while the server is being told end with the last one', async () => {
  const told: unknown[] = [];
  const { user } = await openWebhooks({
    'PATCH /api/webhooks/w1': ({ active }) => {
      told.push(active);
      return { ...CI, active };
    },
  });
  const active = screen.getByRole('switch', { name: 'Active: CI Pipeline' });
  await user.tripleClick(active);
  await waitFor(() => expect(told.at(-1)).toBe(false));
  await waitFor(() => expect(active.getAttribute('aria-checked')).toBe('false'));
});

test('deleting names the webhook and what stays, and asks first', async () => {
  const { user, server } = await openWebhooks({ 'DELETE /api/webhooks/w1': () => null });
  await user.click(screen.getByRole('button', { name: 'Delete webhook CI Pipeline' }));
  const question = await screen.findByRole('alertdialog', { name: 'Delete webhook CI Pipeline?' });
  within(question).getByText(/stops working at once/);
  within(question).getByText(/messages it has posted stay/);
  expect(server.called('DELETE', /webhooks/)).toEqual([]);
  await user.click(within(question).getByRole('button', { name: 'Delete' }));
  await screen.findByText('No webhooks yet.');
});

test('Escape puts an edit away and leaves the card open', async () => {
  const { user, client } = await openWebhooks();
  await user.click(screen.getByRole('button', { name: 'Edit webhook CI Pipeline' }));
  await user.type(await screen.findByLabelText('Avatar URL'), 'https://example.com/a.png');
  await user.keyboard('{Escape}');
  await waitFor(() => expect(screen.queryByLabelText('Avatar URL')).toBeNull());
  expect(client.ui.channelSettings).not.toBeNull();
});

test('an edit sends name and picture, and none when the address is emptied', async () => {
  const sent: unknown[] = [];
  const { user } = await openWebhooks({
    'PATCH /api/webhooks/w1': (body) => {
      sent.push(body);
      return { ...CI, ...body };
    },
  });
  await user.click(screen.getByRole('button', { name: 'Edit webhook CI Pipeline' }));
  const name = await screen.findByLabelText('Name');
  await user.clear(name);
  await user.type(name, 'Builds{Enter}');
  await screen.findByText('Builds');
  expect(sent).toEqual([{ name: 'Builds', avatar_url: null }]);
});

test('members see no webhooks, and read what admins may change', async () => {
  const opened = await openScreen(ChannelSettings, {}, (server) => {
    server.communities = server.communities.map((one) => ({ ...one, role: 'member' }));
    server.addChannel('c1', 3, { name: 'alerts', topic: 'Deploys' });
  });
  opened.client.ui.openChannelSettings('c1');
  const card = within(await screen.findByRole('dialog', { name: 'Channel settings' }));
  expect(card.queryByRole('button', { name: 'Webhooks' })).toBeNull();
  expect(card.queryByRole('textbox')).toBeNull();
  expect(card.queryByRole('button', { name: 'Delete channel' })).toBeNull();
  card.getByText('Deploys');
  card.getByRole('button', { name: 'Leave channel' });
});
