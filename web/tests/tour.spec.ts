/** From an empty server to a mention that arrives live. */
import { unique, PASSWORD } from './support/people';
import { channelLink, heading, message, openWebhooks, toast } from './support/screens';
import { expect, test } from './support/test';

test('whoever sets up a server gets from the first account to a live mention', async ({
  emptyServer,
  page,
  context,
  request,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], {
    origin: emptyServer.url,
  });
  await page.goto(emptyServer.url);

  await expect(page.getByRole('heading', { name: 'Create the owner account' })).toBeVisible();
  await page.getByLabel('Username').fill('ada');
  await page.getByLabel('Display name').fill('Ada Lovelace');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();

  await expect(page.getByRole('heading', { name: 'Create your first community' })).toBeVisible();
  await page.getByLabel('Community name').fill('Engines');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(heading(page, 'general')).toBeVisible();

  await page.getByRole('button', { name: 'Create channel' }).click();
  const creating = page.getByRole('dialog', { name: 'Create channel' });
  await creating.getByLabel('Channel name').fill('alerts');
  await creating.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(heading(page, 'alerts')).toBeVisible();
  await expect(page).toHaveURL(/\/c\/[0-9a-f-]{36}$/);

  const card = await openWebhooks(page, 'alerts');
  await card.getByLabel('Webhook name').fill('CI Pipeline');
  await card.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(
    card.getByText('This URL is shown only now. Anyone who has it can post to this channel.'),
  ).toBeVisible();
  await card.getByRole('button', { name: 'Click to copy URL' }).click();
  await expect(card.getByRole('button', { name: 'Copied' })).toBeVisible();
  const url = await page.evaluate(() => navigator.clipboard.readText());
  expect(url).toMatch(`${emptyServer.url}/api/webhooks/execute/`);
  await page.keyboard.press('Escape');
  await expect(card).toBeHidden();

  const post = (content: string) => request.post(url, { data: { content } });
  expect((await post('Build #142 passed on **main**.')).ok()).toBe(true);
  const build = message(page, 'Build #142 passed on main.');
  await expect(build).toBeVisible();
  await expect(build).toHaveAccessibleName(/^CI Pipeline \d\d:\d\d$/);
  await expect(build).toHaveAccessibleDescription('Webhook · not E2EE');
  await expect(build.getByText('main')).toHaveCSS('font-weight', /[67]00/);
  await expect(page.getByRole('log').getByText('Webhook · not E2EE')).toBeVisible();

  await channelLink(page, 'general').click();
  await expect(heading(page, 'general')).toBeVisible();
  await post('@ada the disk of db1 is full');
  await expect(toast(page)).toContainText('the disk of db1 is full');
  await expect(page.getByRole('button', { name: 'Notifications, 1 unread' })).toBeVisible();
  await expect(page).toHaveTitle(/^\(1\) /);
  await expect(channelLink(page, 'alerts')).toHaveAccessibleDescription(/1 unread mention/);

  await toast(page).getByRole('link').click();
  await expect(page).toHaveURL(/\/c\/[0-9a-f-]{36}\/2$/);
  await expect(message(page, 'the disk of db1 is full')).toBeFocused();
  await expect(toast(page)).toBeHidden();
  await expect(page.getByRole('button', { name: 'Notifications', exact: true })).toBeVisible();
  await expect(page).toHaveTitle('#alerts · Chatalot');
});

test('what is wrong with an account is said beside the field', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const page = await browserOf(null);
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByLabel('Username').fill(ada.username);
  await page.getByLabel('Password').fill('short');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByLabel('Password')).toHaveAttribute('aria-invalid', 'true');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByLabel('Username')).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByLabel('Username')).toHaveAccessibleDescription(/taken/);
  await page.getByLabel('Username').fill(unique('bea'));
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('heading', { name: 'Create your first community' })).toBeVisible();
});

test('a wrong password is said, and keeps the username', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  await ada.community();
  const page = await browserOf(null);
  await page.getByLabel('Username').fill(ada.username);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert').filter({ hasText: /password/i })).toBeVisible();
  await expect(page.getByLabel('Username')).toHaveValue(ada.username);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(heading(page, 'general')).toBeVisible();
});
