import { screen, waitFor, within } from '@testing-library/svelte';
import { expect, test } from 'vitest';

import { openScreen, Refusal, type Answers } from '../testing/open_screen';
import type { ScriptedEngine } from '../testing/scripted_engine';
import UserSettings from './UserSettings.svelte';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';

const session = (id: string, current: boolean, user_agent: string | null) => ({
  id,
  current,
  user_agent,
  created_at: '2026-06-04T13:34:30.789723+00:00',
  last_seen_at: '2026-06-04T13:34:30.789723+00:00',
});

const device = {
  id: 'd1',
  created_at: '2026-06-04T13:34:30.789723+00:00',
  last_success_at: null,
  failing_since: null,
};

async function openPage(
  page: string,
  answers: Answers = {},
  prepare: (engine: ScriptedEngine) => void = () => {},
) {
  const opened = await openScreen(UserSettings, answers, (_, engine) => prepare(engine));
  opened.client.router.go({ kind: 'settings', page });
  await screen.findByRole('heading', { level: 1, name: 'Settings' });
  return opened;
}

test('the session in use is marked, and another one is revoked after a question', async () => {
  let sessions = [session('other', false, 'curl/8.5.0'), session('mine', true, FIREFOX)];
  const { user } = await openPage('sessions', {
    'GET /api/auth/sessions': () => sessions,
    'DELETE /api/auth/sessions/other': () => {
      sessions = sessions.filter(({ id }) => id !== 'other');
      return null;
    },
  });
  const list = await screen.findByRole('list', { name: 'Sessions' });
  const [mine, other] = within(list).getAllByRole('listitem');
  expect(mine?.textContent).toContain('Firefox on Linux');
  expect(mine?.textContent).toContain('this session');
  await user.click(within(other as HTMLElement).getByRole('button', { name: 'Revoke curl' }));
  const question = await screen.findByRole('alertdialog');
  await user.click(within(question).getByRole('button', { name: 'Revoke' }));
  await waitFor(() => expect(within(list).getAllByRole('listitem')).toHaveLength(1));
});

test('sessions that cannot be loaded say why and can be tried again', async () => {
  let broken = true;
  const { user } = await openPage('sessions', {
    'GET /api/auth/sessions': () =>
      broken ? new Refusal(500, 'internal', 'The server failed.') : [session('mine', true, null)],
  });
  await screen.findByText(/The server failed/);
  broken = false;
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByText('Unknown program');
});

test('a theme is chosen and kept', async () => {
  const { user, client } = await openPage('appearance');
  expect(screen.getByRole('radio', { name: 'System' }).getAttribute('aria-checked')).toBe('true');
  await user.click(screen.getByRole('radio', { name: 'Dark' }));
  expect(client.preferences.theme).toBe('dark');
  client.preferences.theme = 'system';
});

test('a browser without Web Push says so, and the switch cannot be turned', async () => {
  await openPage('notifications', { 'GET /api/push/subscriptions': () => [] });
  const toggle = screen.getByRole('switch', { name: 'Notify me on this device' });
  expect(toggle).toHaveProperty('disabled', true);
  screen.getByText(/came by http/);
  await screen.findByText(/No device is notified/);
});

test('a device is tried and removed', async () => {
  let devices = [device];
  const { user } = await openPage('notifications', {
    'GET /api/push/subscriptions': () => devices,
    'POST /api/push/subscriptions/d1/test': () => null,
    'DELETE /api/push/subscriptions/d1': () => {
      devices = [];
      return null;
    },
  });
  await user.click(await screen.findByRole('button', { name: 'Send test notification' }));
  await screen.findByText('Sending…');
  await user.click(screen.getByRole('button', { name: /^Remove Device added/ }));
  const question = await screen.findByRole('alertdialog');
  await user.click(within(question).getByRole('button', { name: 'Remove' }));
  await screen.findByText(/No device is notified/);
});

test('a test notification that the server refuses says why', async () => {
  const { user } = await openPage('notifications', {
    'GET /api/push/subscriptions': () => [{ ...device, failing_since: device.created_at }],
    'POST /api/push/subscriptions/d1/test': () =>
      new Refusal(429, 'rate_limited', 'Wait a moment.'),
  });
  await screen.findByText(/failing since/);
  await user.click(screen.getByRole('button', { name: 'Send test notification' }));
  await screen.findByText(/Wait a moment/);
});

test('the devices that encrypt are listed; unknown ones are verified or revoked', async () => {
  let sessions = [session('mine', true, FIREFOX), session('other', false, 'curl/8.5.0')];
  const encrypting = (id: string, here: boolean, verified: boolean) => ({
    id,
    name: id,
    verified,
    own: true,
    here,
  });
  const { user, engine } = await openPage(
    'encryption',
    {
      'GET /api/auth/sessions': () => sessions,
      'DELETE /api/auth/sessions/other': () => {
        sessions = sessions.filter(({ id }) => id !== 'other');
        engine.deviceList = engine.deviceList.filter(({ id }) => id !== 'other');
        return null;
      },
    },
    (scripted) => {
      scripted.deviceList = [encrypting('other', false, false), encrypting('mine', true, true)];
    },
  );
  const list = await screen.findByRole('list', { name: 'Your devices' });
  const [mine, other] = await within(list).findAllByRole('listitem');
  expect(mine?.textContent).toMatch(/Firefox on Linux.*Verified.*this device/s);
  expect(other?.textContent).toMatch(/curl.*Not verified/s);
  await user.click(within(list).getByRole('button', { name: 'Verify curl' }));
  expect(engine.calls).toEqual(['requestVerification me other']);
  await user.click(within(list).getByRole('button', { name: 'Revoke curl' }));
  const question = await screen.findByRole('alertdialog', { name: 'Revoke curl?' });
  await user.click(within(question).getByRole('button', { name: 'Revoke' }));
  await waitFor(() => expect(within(list).getAllByRole('listitem')).toHaveLength(1));
});

test('what encryption protects, and what it does not, is said', async () => {
  const { user } = await openPage('encryption', { 'GET /api/auth/sessions': () => [] });
  await user.click(screen.getByRole('button', { name: /^What encryption protects/ }));
  await screen.findByText(/a server that hands out another program/);
});

test.each([
  ['full', /takes no more keys into your backup/, 'Begin another backup'],
  ['keyless', /has not got the key of your backup yet/, 'Use the recovery key'],
  ['lost', /another device of yours has begun another one/, 'Back up again'],
] as const)(
  'a backup that is %s is told, with what to do about it',
  async (backup, text, button) => {
    const { user, client, engine } = await openPage('encryption', {}, (engine) => {
      engine.current = { ...engine.current, backup };
    });
    await screen.findByText(text);
    expect(screen.queryByText(/their keys are backed up/)).toBeNull();
    await user.click(screen.getByRole('button', { name: button }));
    expect(client.ui.encryption).toBe(true);
    engine.set({ backup: 'ok' });
    await screen.findByText(/their keys are backed up/);
    expect(screen.queryByText(text)).toBeNull();
  },
);
