/** What somebody sets for themselves: where they are signed in, and how the page looks. */
import { heading } from './support/screens';
import { expect, test } from './support/test';

/** How soon a browser whose session was revoked is signed out. */
const AT_ONCE_MS = 2_000;

test('revoking a session signs the other browser out at once', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  const other = await browserOf(ada, `/c/${general.id}`, {
    userAgent: 'Mozilla/5.0 Firefox/140.0',
  });
  await expect(heading(other, 'general')).toBeVisible();
  const page = await browserOf(ada, '/settings/sessions');
  const sessions = page.getByRole('list', { name: 'Sessions' }).getByRole('listitem');
  await expect(sessions.first()).toContainText('this session');
  await page.getByRole('button', { name: 'Revoke Firefox' }).click();
  await page
    .getByRole('alertdialog', { name: 'Revoke the session of Firefox?' })
    .getByRole('button', { name: 'Revoke' })
    .click();
  await expect(sessions.filter({ hasText: 'Firefox' })).toHaveCount(0);
  await expect(other.getByRole('heading', { name: 'Sign in' })).toBeVisible({
    timeout: AT_ONCE_MS,
  });
  await expect(page.getByRole('heading', { name: 'Sessions' })).toBeVisible();
});

test('signing out leaves nothing behind, in any tab', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const general = await ada.general(await ada.community());
  await (await ada.webhook(general)).post('For members only');
  const page = await browserOf(ada, `/c/${general.id}`);
  const tab = await page.context().newPage();
  await tab.goto(`/c/${general.id}`);
  await expect(tab.getByText('For members only')).toBeVisible();
  await page.getByRole('button', { name: 'User settings' }).click();
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  for (const one of [page, tab]) {
    await expect(one.getByRole('heading', { name: 'Sign in' })).toBeVisible();
    await expect(one.getByText('For members only')).toHaveCount(0);
  }
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
});

test('the page is light or dark as the system is, or as one chooses', async ({
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  await ada.community();
  const page = await browserOf(ada, '/settings/appearance', { colorScheme: 'dark' });
  const background = page.locator('html');
  const [light, dark] = ['rgb(255, 255, 255)', 'rgb(21, 24, 28)'];
  await expect(page.getByRole('radio', { name: 'System' })).toBeChecked();
  await expect(background).toHaveCSS('background-color', dark);
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(background).toHaveCSS('background-color', light);
  await page.getByRole('radio', { name: 'Dark' }).click();
  await expect(background).toHaveCSS('background-color', dark);
  const tab = await page.context().newPage();
  await tab.goto('/');
  await expect(tab.locator('html')).toHaveCSS('background-color', dark);
  await page.getByRole('radio', { name: 'Light' }).click();
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect(background).toHaveCSS('background-color', light);
  await expect(tab.locator('html')).toHaveCSS('background-color', light);
});
