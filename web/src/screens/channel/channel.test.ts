import '../testing/browser_gaps';

import { screen, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';

import type { Message } from '../../api/types';
import Frame from '../frame/Frame.svelte';
import { openScreen } from '../testing/open_screen';

const ALERTS = '00000000-0000-7000-8000-000000000002';

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, '', `/c/${ALERTS}`);
});

/** Opens a channel whose messages are the usual ones with these changes. */
function openChannel(
  changes: Partial<Message>[],
  role: 'owner' | 'member' = 'owner',
  read = changes.length,
) {
  return openScreen(Frame, { [`GET /api/channels/${ALERTS}/members`]: () => [] }, (server) => {
    server.communities = server.communities.map((community) => ({ ...community, role }));
    server.addChannel(ALERTS, changes.length, { name: 'alerts', read_seq: read });
    const usual = server.stored.get(ALERTS) ?? [];
    const changed = usual.map((message, at) => ({ ...message, ...changes[at] }) as Message);
    server.stored.set(ALERTS, changed);
  });
}

/** Nothing has a place on the page of a test, so a menu beside its button counts as hidden. */
const menuItem = (name: string) => screen.findByText(name);

const author = (name: string, avatar_url: string | null = null) => ({ name, avatar_url });

test('a message is an article labelled by its sender and time, below the badge', async () => {
  await openChannel([{ author: author('CI Pipeline'), content: 'Build **passed**' }]);
  const article = await screen.findByRole('article', { name: /^CI Pipeline .*\d/ });
  expect(article.querySelector('strong')?.textContent).toBe('passed');
  const badge = document.getElementById(article.getAttribute('aria-describedby') ?? '');
  expect(badge?.textContent).toBe('Webhook · not E2EE');
});

test('each sender has the badge, whatever it is called', async () => {
  const names = ['CI', 'A'.repeat(64), '\u202eadmin', '<b>Ada</b>', '\u200b'];
  await openChannel(names.map((name) => ({ author: author(name) })));
  await screen.findAllByRole('article');
  expect(screen.getAllByText('Webhook · not E2EE')).toHaveLength(names.length);
  const shown = [...document.querySelectorAll('bdi.name[id]')].map((name) => name.textContent);
  expect(shown).toEqual(['CI', 'A'.repeat(64), 'admin', '<b>Ada</b>', 'Webhook']);
});

test('content cannot make a badge, an image or a style', async () => {
  await openChannel([
    { content: '<span class="badge">E2EE</span><img src=x onerror=alert(1)><style>*{}</style>' },
  ]);
  const article = await screen.findByRole('article');
  expect(article.querySelector('.badge, img, style')).toBeNull();
});

test('only an avatar behind https is fetched, and tells nobody where it is shown', async () => {
  await openChannel([
    { author: author('Insecure', 'http://example.com/a.png') },
    { author: author('Script', 'javascript:alert(1)') },
    { author: author('Good', 'https://example.com/a.png') },
  ]);
  await screen.findAllByRole('article');
  const images = [...document.querySelectorAll('img')];
  expect(images.map((image) => image.src)).toEqual(['https://example.com/a.png']);
  expect(images[0]?.getAttribute('referrerpolicy')).toBe('no-referrer');
});

test('an avatar that does not load gives way to initials', async () => {
  await openChannel([{ author: author('CI Pipeline', 'https://example.com/none.png') }]);
  await screen.findByRole('article');
  document.querySelector('img')?.dispatchEvent(new Event('error'));
  await expect.poll(() => document.querySelector('img')).toBeNull();
  expect(document.querySelector('.group .avatar')?.textContent?.trim()).toBe('CP');
});

test('a message that mentions the reader is marked as a whole', async () => {
  await openChannel([{ content: '@ada look', mentions: ['me'] }, { content: '@ada look' }]);
  const [mine, other] = await screen.findAllByRole('article');
  expect(mine?.className).toContain('mine');
  expect(mine?.querySelector('.mention')?.textContent).toBe('@ada');
  expect(other?.className).not.toContain('mine');
  expect(other?.querySelector('.mention')).toBeNull();
});

test('a deleted message keeps its place and says that it was deleted', async () => {
  await openChannel([{ content: null, deleted: true }, { content: 'after it' }]);
  const [deleted] = await screen.findAllByRole('article');
  expect(deleted?.textContent).toContain('Message deleted');
});

test('what is new stands below a line', async () => {
  await openChannel([{}, {}], 'owner', 1);
  const line = await screen.findByRole('separator', { name: 'New messages' });
  const [read, unread] = screen.getAllByRole('article');
  expect(read && line.compareDocumentPosition(read)).toBe(Node.DOCUMENT_POSITION_PRECEDING);
  expect(unread && line.compareDocumentPosition(unread)).toBe(Node.DOCUMENT_POSITION_FOLLOWING);
});

test('an admin deletes a message after being asked', async () => {
  const { user, server } = await openChannel([{ content: 'secret' }]);
  server.calls.length = 0;
  await user.hover(await screen.findByRole('article'));
  await user.click(await screen.findByRole('button', { name: 'Message actions' }));
  await user.click(await menuItem('Delete message'));
  const dialog = await screen.findByRole('alertdialog', { name: 'Delete this message?' });
  expect(server.called('DELETE', /messages/)).toHaveLength(0);
  await user.click(within(dialog).getByRole('button', { name: 'Delete' }));
  await expect.poll(() => server.called('DELETE', /messages/)).toHaveLength(1);
});

test('a member is not offered to delete', async () => {
  const { user } = await openChannel([{}], 'member');
  await user.hover(await screen.findByRole('article'));
  await user.click(await screen.findByRole('button', { name: 'Message actions' }));
  await menuItem('Copy text');
  expect(screen.queryByText('Delete message')).toBeNull();
});
