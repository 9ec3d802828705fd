import '../testing/browser_gaps';

import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, onTestFinished, test } from 'vitest';

import App from '../../App.svelte';
import { Client } from '../../state/client.svelte';
import { ME, ScriptedServer } from '../../state/testing/scripted_server';
import { ScriptedSockets } from '../../state/testing/scripted_socket';

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, '', '/');
});

/** Opens the page of a server that `answers` some calls in its own way. */
async function openPage(
  prepare: (server: ScriptedServer) => void,
  answers: Record<string, () => Response> = {},
) {
  const server = new ScriptedServer();
  server.user = null;
  prepare(server);
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const { pathname } = new URL(String(input), 'http://localhost');
    const answer = answers[`${init?.method ?? 'GET'} ${pathname}`];
    return answer ? answer() : server.fetch(input, init);
  };
  const client = new Client({ fetch, openSocket: new ScriptedSockets().open });
  onTestFinished(() => client.close());
  await client.start();
  render(App, { client });
  return { server, client, user: userEvent.setup() };
}

function refusal(status: number, code: string, fields: object = {}) {
  return () => Response.json({ status, code, title: code, detail: '', ...fields }, { status });
}

test('an empty server greets its owner, then asks for the first community', async () => {
  const { user, server } = await openPage(
    (server) => {
      server.firstRun = true;
      server.communities = [];
    },
    {
      'POST /api/auth/register': () => {
        server.user = ME;
        return Response.json({ user: ME });
      },
    },
  );
  await screen.findByRole('heading', { name: 'Create the owner account' });
  await user.type(screen.getByLabelText('Username'), 'ada');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Create account' }));
  await screen.findByRole('heading', { name: 'Create your first community' });
  expect(screen.getByLabelText('Community name')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Create' })).toBeTruthy();
});

test('what is wrong with a field stands beside it, and nothing typed is lost', async () => {
  const { user } = await openPage((server) => (server.firstRun = true), {
    'POST /api/auth/register': refusal(422, 'invalid_body', {
      errors: [{ pointer: '/password', detail: 'must be 8 to 256 characters long, not 1' }],
    }),
  });
  await user.type(await screen.findByLabelText('Username'), 'ada');
  await user.type(screen.getByLabelText('Password'), 'x{Enter}');
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toBe('Must be 8 to 256 characters long, not 1.');
  const password = screen.getByLabelText('Password');
  expect(password.getAttribute('aria-describedby')).toBe(alert.id);
  expect(password).toHaveProperty('value', 'x');
  expect(screen.getByLabelText('Username')).toHaveProperty('value', 'ada');
});

test('a username that is taken is said beside the username', async () => {
  const { user } = await openPage((server) => (server.firstRun = true), {
    'POST /api/auth/register': refusal(409, 'username_taken', {
      title: 'The username is taken',
      detail: 'Choose another username.',
    }),
  });
  await user.type(await screen.findByLabelText('Username'), 'ada{Enter}');
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toBe('The username is taken. Choose another username.');
  expect(screen.getByLabelText('Username').getAttribute('aria-invalid')).toBe('true');
});

test('somebody signs in and is in', async () => {
  const { user, client } = await openPage((server) => {
    server.addChannel('00000000-0000-7000-8000-000000000001', 0, { name: 'general' });
  });
  await user.type(await screen.findByLabelText('Username'), 'ada');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await screen.findByRole('link', { name: 'general' });
  expect(client.session.status).toBe('signed_in');
});

test('without an invite, the registration says how to get one', async () => {
  const { user } = await openPage(() => {});
  await user.click(await screen.findByRole('button', { name: 'Create an account' }));
  await screen.findByText(/takes new people by invitation/);
  await user.type(screen.getByLabelText('Invite link'), 'not one{Enter}');
  expect((await screen.findByRole('alert')).textContent).toBe('This is not the link of an invite.');
});

test('an invite shows where it leads, and registers for it', async () => {
  history.replaceState(null, '', '/invite/abc');
  const { user, server } = await openPage(() => {}, {
    'GET /api/invites/abc': () => Response.json({ community: { id: 'o1', name: 'Ops' } }),
    'POST /api/auth/register': () => {
      server.user = ME;
      server.addChannel('00000000-0000-7000-8000-000000000001', 0, { name: 'general' });
      return Response.json({ user: ME });
    },
  });
  await screen.findByRole('heading', { name: 'Join Ops' });
  await user.type(screen.getByLabelText('Username'), 'ada');
  await user.type(screen.getByLabelText('Password'), 'correct horse{Enter}');
  await screen.findByRole('link', { name: 'general', current: 'page' });
  expect(location.pathname).toBe('/c/00000000-0000-7000-8000-000000000001');
});

test('an invite that is used up says so', async () => {
  history.replaceState(null, '', '/invite/abc');
  await openPage(() => {}, { 'GET /api/invites/abc': refusal(404, 'not_found') });
  await screen.findByRole('heading', { name: 'This invite does not work any more' });
});
