/** Where people write: what the keyboard does there, and that nothing that was typed is lost. */
import { field, PATIENCE, say, shown, signInAt, twoMembers, write } from './support/encryption';
import { PASSWORD } from './support/people';
import { channelLink, message, messages } from './support/screens';
import { expect, test } from './support/test';

test.setTimeout(90_000);

test('a message is edited with the arrow key and deleted, here and elsewhere', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  // Two tabs of one browser: what one does, the other is told by the server.
  const other = await page.context().newPage();
  await other.goto(path);
  await say(page, 'the first');
  await say(page, 'a tpyo');
  await field(page).press('ArrowUp');
  await expect(field(page)).toHaveValue('a tpyo');
  await expect(page.getByText('Editing your message')).toBeVisible();
  await field(page).fill('a typo');
  await field(page).press('Enter');
  await expect(shown(page, 'a typo')).toBeVisible(PATIENCE);
  await expect(shown(other, 'a typo')).toBeVisible(PATIENCE);
  await expect(message(other, 'a typo').getByText('edited')).toBeVisible();
  await expect(shown(other, 'a tpyo')).toBeHidden();
  await expect(field(page)).toHaveValue('');

  // Escape leaves everything as it was; a message that is emptied is deleted, after a question.
  await field(page).press('ArrowUp');
  await field(page).fill('never mind');
  await field(page).press('Escape');
  await expect(page.getByText('Editing your message')).toBeHidden();
  await expect(shown(page, 'a typo')).toBeVisible();
  await field(page).press('ArrowUp');
  await field(page).fill('');
  await field(page).press('Enter');
  const asked = page.getByRole('alertdialog', { name: 'Delete this message?' });
  await asked.getByRole('button', { name: /^Delete/ }).click();
  await expect(messages(page).getByText('Message deleted')).toBeVisible(PATIENCE);
  await expect(messages(other).getByText('Message deleted')).toBeVisible(PATIENCE);
  await expect(shown(other, 'a typo')).toBeHidden();
});

test('emoji have names, and members are found by the beginning of theirs', async ({
  people,
  browserOf,
}) => {
  const { alice, bob, path } = await twoMembers(people);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  await field(page).pressSequentially('well done :tada');
  await expect(page.getByRole('option', { name: /tada/ }).first()).toBeVisible();
  await field(page).press('Enter');
  await expect(field(page)).toHaveValue(/^well done 🎉\s?$/u);
  await field(page).pressSequentially('@bo');
  const bobs = page.getByRole('listbox', { name: 'Members' }).getByRole('option');
  await expect(bobs).toHaveCount(1);
  await field(page).press('Tab');
  await expect(field(page)).toHaveValue(new RegExp(`@${bob.username} $`));
  await field(page).pressSequentially('look :+1:');
  await field(page).press('Enter');
  await expect(message(page, 'well done')).toContainText('look 👍', PATIENCE);
  await expect(message(page, 'well done').getByText('@bob')).toBeVisible();
});

test('several lines are written with Shift and Enter, and Markdown is shown', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  await field(page).pressSequentially('**important**');
  await field(page).press('Shift+Enter');
  await field(page).pressSequentially('- one');
  await field(page).press('Shift+Enter');
  await field(page).pressSequentially('- two');
  await page.getByRole('button', { name: 'Preview' }).click();
  await expect(page.getByRole('region', { name: 'Preview' }).getByRole('listitem')).toHaveCount(2);
  await page.getByRole('button', { name: 'Send message' }).click();
  const written = message(page, 'important');
  await expect(written.getByRole('listitem')).toHaveText(['one', 'two'], PATIENCE);
  await expect(written.getByText('important')).toHaveCSS('font-weight', /[67]00/);
});

test('each channel keeps its draft, also over a reload', async ({ people, browserOf }) => {
  const { alice, community, path } = await twoMembers(people);
  await alice.channel(community, 'elsewhere');
  const page = await browserOf(alice, path);
  await field(page).fill('half a sen');
  await channelLink(page, 'elsewhere').click();
  await expect(field(page)).toHaveAccessibleName('Message #elsewhere');
  await expect(field(page)).toHaveValue('');
  await field(page).fill('something else');
  await page.reload();
  await expect(field(page)).toHaveValue('something else');
  await channelLink(page, 'general').click();
  await expect(field(page)).toHaveValue('half a sen');
});

test('what is written before encryption is set up is sent once it is', async ({
  people,
  browserOf,
}) => {
  const { alice, path } = await twoMembers(people);
  // Signed in without typing the password here, as when the session is older than the page.
  const page = await browserOf(alice, path);
  await write(page, 'too early');
  const dialog = page.getByRole('dialog', { name: 'Set up encryption' });
  await dialog.getByLabel('Password').fill('not the password', PATIENCE);
  await dialog.getByRole('button', { name: 'Set up' }).click();
  await expect(dialog.getByLabel('Password')).toHaveAttribute('aria-invalid', 'true', PATIENCE);
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Set up' }).click();
  await expect(page.getByRole('dialog', { name: 'Your recovery key' })).toBeVisible(PATIENCE);
  await page.getByLabel('I have saved it').check();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(shown(page, 'too early')).toBeVisible(PATIENCE);
});
