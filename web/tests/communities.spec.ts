/** Communities: making, renaming, leaving and deleting them, and going from one to the other. */
import { unique } from './support/people';
import { channelLink, heading, openCommunitySettings } from './support/screens';
import { expect, test } from './support/test';

test('a second community stands in the rail, and each is left where one was', async ({
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const ops = await ada.community();
  const alerts = await ada.channel(ops, 'alerts');
  const page = await browserOf(ada, `/c/${alerts.id}`);
  await expect(heading(page, 'alerts')).toBeVisible();
  const name = unique('Garden');
  await page.getByRole('button', { name: 'Create community' }).click();
  const creating = page.getByRole('dialog', { name: 'Create community' });
  await expect(creating.getByLabel('Community name')).toBeFocused();
  await creating.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(creating.getByLabel('Community name')).toHaveAttribute('aria-invalid', 'true');
  await creating.getByLabel('Community name').fill(name);
  await creating.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page.getByRole('button', { name })).toBeVisible();
  await expect(heading(page, 'general')).toBeVisible();

  const rail = page.getByRole('navigation', { name: 'Communities' });
  await rail.getByRole('link', { name: ops.name }).click();
  await expect(heading(page, 'alerts')).toBeVisible();
  await rail.getByRole('link', { name }).click();
  await expect(heading(page, 'general')).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name })).toBeVisible();
  await page.goBack();
  await expect(heading(page, 'alerts')).toBeVisible();
});

test('a community is renamed, and deleted only by its name', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const page = await browserOf(ada);
  const settings = await openCommunitySettings(page, community.name, 'Leave or delete');
  const name = unique('Renamed');
  await settings.getByLabel('Community name').fill(name);
  await settings.getByRole('button', { name: 'Save' }).click();
  await expect(settings.getByText('Saved')).toBeVisible();

  await settings.getByRole('button', { name: 'Delete community' }).click();
  const asking = page.getByRole('dialog', { name: 'Delete community' });
  const remove = asking.getByRole('button', { name: 'Delete community' });
  await expect(remove).toBeDisabled();
  await asking.getByLabel("Type the community's name to confirm").fill(community.name);
  await expect(remove).toBeDisabled();
  await asking.getByLabel("Type the community's name to confirm").fill(name);
  await remove.click();
  await expect(page.getByRole('heading', { name: 'Create your first community' })).toBeVisible();
});

test('a member leaves, and is out', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const bob = await people.register('bob');
  const community = await ada.community();
  await ada.invite(community, bob);
  const page = await browserOf(bob);
  const settings = await openCommunitySettings(page, community.name, 'Leave');
  await expect(settings.getByRole('button', { name: 'Invites' })).toHaveCount(0);
  await settings.getByRole('button', { name: 'Leave community' }).click();
  await page
    .getByRole('alertdialog', { name: `Leave ${community.name}?` })
    .getByRole('button', { name: 'Leave' })
    .click();
  await expect(page.getByRole('heading', { name: 'Create your first community' })).toBeVisible();
});

test('a private channel is seen by those alone who were added', async ({ people, browserOf }) => {
  const ada = await people.register('ada');
  const bob = await people.register('bob');
  const community = await ada.community();
  await ada.invite(community, bob);
  const page = await browserOf(ada);
  await page.getByRole('button', { name: 'Create channel' }).click();
  const creating = page.getByRole('dialog', { name: 'Create channel' });
  await creating.getByLabel('Channel name').fill('secret');
  await creating.getByRole('switch', { name: 'Private' }).click();
  await creating.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(heading(page, 'secret')).toBeVisible();
  await expect(channelLink(page, 'secret')).toHaveAccessibleDescription('private');

  const his = await browserOf(bob, new URL(page.url()).pathname);
  await expect(
    his.getByRole('heading', { name: 'There is no such channel for you' }),
  ).toBeVisible();
  await expect(channelLink(his, 'secret')).toHaveCount(0);
  await his.getByRole('button', { name: 'Go to your channels' }).click();
  await expect(heading(his, 'general')).toBeVisible();
});
