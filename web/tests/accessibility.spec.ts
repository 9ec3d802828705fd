/** What a checker of accessibility finds on every screen, in both colour schemes and two widths. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import type { Channel, Community } from '../src/api/types';
import { PATIENCE, say, signIn, startOver, twoMembers } from './support/encryption';
import { People, type Person } from './support/people';
import { channelLink } from './support/screens';
import { expect, test } from './support/test';

/** Something of everything that a message may hold. */
const VARIED = [
  'Build #142 passed on **main**, _finally_, after ~~two~~ three tries.',
  '# Release notes\n\n- a list\n  - in a list\n\n1. first\n2. second\n\n> quoted\n\n---',
  '```rust\nfn main() {\n    println!("{}", 1 + 1); // adds\n}\n```\n\nand `inline`',
  '```diff\n- old\n+ new\n```',
  '| service | state |\n| --- | ---: |\n| db1 | down |\n| db2 | up |',
  '[the build](https://example.com/142) and ![a chart](https://example.com/chart.png)',
];

interface Scene {
  ada: Person;
  bob: Person;
  community: Community;
  general: Channel;
  quiet: Channel;
}

async function scene(people: People): Promise<Scene> {
  const ada = await people.register('ada');
  const bob = await people.register('bob');
  const community = await ada.community();
  await ada.invite(community, bob);
  const general = await ada.general(community);
  const quiet = await ada.channel(community, 'quiet');
  const webhook = await ada.webhook(general);
  await ada.webhook(general, 'Backups');
  for (const content of VARIED) await webhook.post(content);
  await webhook.post(`@${ada.username} the disk of db1 is full`, { username: 'Monitoring' });
  const doomed = await webhook.post('A secret that slipped out').then(() => newest(ada, general));
  await ada.api.delete('/api/channels/{channel_id}/messages/{message_id}', {
    path: { channel_id: general.id, message_id: doomed },
  });
  return { ada, bob, community, general, quiet };
}

async function newest(person: Person, channel: Channel): Promise<string> {
  const { messages } = await person.api.get('/api/channels/{channel_id}/messages', {
    path: { channel_id: channel.id },
  });
  return messages.at(-1)?.id ?? '';
}

async function expectAccessible(page: Page, what: string): Promise<void> {
  // Colours on their way from one to another are nobody's to read.
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map((each) => each.finished.catch(() => undefined))),
  );
  // In legacy mode it opens no page of its own, which would take the pointer away from this one.
  const axe = new AxeBuilder({ page }).setLegacyMode();
  // A tooltip is read with what it describes, and stands in no landmark of its own.
  if ((await page.getByRole('tooltip').count()) > 0) axe.disableRules('region');
  const { violations } = await axe.analyze();
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n${html}\n${failureSummary ?? ''}`),
  );
  expect(found, what).toEqual([]);
}

const SCHEMES = ['light', 'dark'] as const;
const VIEWPORTS = {
  wide: { width: 1280, height: 800 },
  narrow: { width: 390, height: 844 },
} as const;

for (const colorScheme of SCHEMES) {
  for (const [width, viewport] of Object.entries(VIEWPORTS)) {
    test.describe(`${colorScheme} and ${width}`, () => {
      test.setTimeout(90_000);
      test.use({ colorScheme, viewport });

      const open = async (page: Page, path?: string) => {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        if (path !== undefined) await page.goto(path);
      };
      /** On a narrow screen the way around is behind a button. */
      const openSidebar = async (page: Page) => {
        if (width === 'narrow') await page.getByRole('button', { name: 'Show channels' }).click();
      };

      test('the way in', async ({ people, browserOf }) => {
        const { ada, community } = await scene(people);
        const invite = await ada.api.post('/api/communities/{community_id}/invites', {
          path: { community_id: community.id },
          body: {},
        });
        const page = await browserOf(null);
        await open(page);
        await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
        await expectAccessible(page, 'signing in');
        await page.getByLabel('Username').fill('nobody');
        await page.getByLabel('Password').fill('wrong password');
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page.getByRole('alert')).toBeVisible();
        await expectAccessible(page, 'a sign-in that failed');
        await open(page, `/invite/${invite.code}`);
        await expect(page.getByRole('heading')).toContainText(community.name);
        await expectAccessible(page, 'an invite');
        await open(page, '/invite/nothing');
        await expect(page.getByRole('heading')).toBeVisible();
        await expectAccessible(page, 'an invite that does not exist');
      });

      test('the first run', async ({ emptyServer, page }) => {
        await open(page, emptyServer.url);
        await expect(page.getByRole('heading', { name: 'Create the owner account' })).toBeVisible();
        await expectAccessible(page, 'the owner account');
        await page.getByLabel('Username').fill('ada');
        await page.getByLabel('Password').fill('correct horse battery');
        await page.getByRole('button', { name: 'Create account' }).click();
        await expect(page.getByLabel('Community name')).toBeVisible();
        await expectAccessible(page, 'the first community');
      });

      test('channels', async ({ people, browserOf }) => {
        const { ada, general, quiet } = await scene(people);
        const page = await browserOf(ada, '/settings/appearance');
        await open(page, `/c/${quiet.id}`);
        await expect(page.getByRole('heading', { name: 'quiet', exact: true })).toBeVisible();
        await expect(page.getByText('curl')).toBeVisible();
        await expectAccessible(page, 'an empty channel');
        await open(page, `/c/${general.id}`);
        await expect(page.getByText('Message deleted')).toBeVisible();
        await expect(page.locator('.hljs-keyword').first()).toBeAttached();
        await expectAccessible(page, 'a channel with messages');
        const third = page.getByRole('article').nth(2);
        await third.hover();
        await third.getByRole('button', { name: 'Message actions' }).click();
        await expect(page.getByRole('menu')).toBeVisible();
        await expectAccessible(page, 'the actions of a message');
        await page.keyboard.press('Escape');
        await expect(page.getByRole('menu')).toBeHidden();
        // While the menu goes, nothing beneath it is pointed at.
        await expect(async () => {
          await page.mouse.move(0, 0);
          await page.getByRole('log').getByRole('note').last().hover();
          const meaning = page.getByText('It is not end-to-end encrypted');
          await expect(meaning).toBeVisible({ timeout: 1500 });
        }).toPass();
        await expectAccessible(page, 'what the badge means');
        if (width === 'narrow') {
          await openSidebar(page);
          await expect(page.getByRole('navigation', { name: 'Channels' })).toBeVisible();
          await expectAccessible(page, 'the drawer');
        }
      });

      test('what opens over a channel', async ({ people, browserOf }) => {
        const { ada, bob, community, general } = await scene(people);
        const page = await browserOf(ada, `/c/${general.id}`);
        await open(page);
        await expect(page.getByText('Message deleted')).toBeVisible();

        await openSidebar(page);
        await channelLink(page, 'general').click({ button: 'right' });
        const card = page.getByRole('dialog', { name: 'Channel settings' });
        for (const section of ['General', 'Members', 'Webhooks']) {
          const button = card.getByRole('button', { name: section, exact: true });
          if ((await button.getAttribute('aria-expanded')) === 'false') await button.click();
          await expect(button).toHaveAttribute('aria-expanded', 'true');
          if (section === 'Members') await expect(card.getByText('bob').first()).toBeVisible();
          if (section === 'Webhooks') await expect(card.getByRole('switch').first()).toBeVisible();
          await expectAccessible(page, `the card with ${section}`);
        }
        await card.getByLabel('Webhook name').fill('Deployments');
        await card.getByRole('button', { name: 'Add', exact: true }).click();
        await expect(card.getByText('This URL is shown only now')).toBeVisible();
        await expectAccessible(page, 'a new webhook');
        await card.getByRole('button', { name: 'Edit webhook Backups' }).click();
        await expectAccessible(page, 'editing a webhook');
        await card.getByRole('button', { name: 'Delete webhook Backups' }).click();
        await expect(page.getByRole('alertdialog')).toBeVisible();
        await expectAccessible(page, 'the question before deleting');
        await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
        await card.getByRole('button', { name: 'Close', exact: true }).click();
        const question = page.getByRole('alertdialog', { name: 'Close without copying the URL?' });
        await expect(question).toBeVisible();
        await expectAccessible(page, 'the question before a URL is lost');
        await question.getByRole('button', { name: 'Close anyway' }).click();
        await expect(card).toBeHidden();

        await page.keyboard.press('Control+k');
        await expect(page.getByRole('dialog').getByRole('option').first()).toBeVisible();
        await expectAccessible(page, 'the switcher');
        await page.keyboard.press('Escape');
        await page.keyboard.press('?');
        await expect(page.getByRole('dialog')).toBeVisible();
        await expectAccessible(page, 'the shortcuts');
        await page.keyboard.press('Escape');
        await expect(page.getByRole('dialog')).toBeHidden();

        await openSidebar(page);
        await page.getByRole('button', { name: 'Create channel' }).click();
        await expect(page.getByRole('dialog')).toBeVisible();
        await expectAccessible(page, 'creating a channel');
        await page.keyboard.press('Escape');
        await expect(page.getByRole('dialog')).toBeHidden();

        await openSidebar(page);
        await page.getByRole('button', { name: /^Notifications/ }).click();
        await expect(page.getByRole('heading', { name: 'Notifications' })).toBeVisible();
        await expect(page.getByText('Monitoring').last()).toBeVisible();
        await expectAccessible(page, 'the inbox');
        await page.keyboard.press('Escape');

        await openSidebar(page);
        await page
          .getByRole('button', { name: new RegExp(community.name) })
          .first()
          .click();
        await page.getByRole('menuitem', { name: /settings/i }).click();
        const settings = page.getByRole('dialog');
        await expect(settings).toBeVisible();
        for (const section of ['Members', 'Invites', 'Leave or delete']) {
          await settings.getByRole('button', { name: section, exact: true }).click();
        }
        await expect(settings.getByText(bob.user.display_name).first()).toBeVisible();
        await expectAccessible(page, 'the community settings');
      });

      test('what encryption says where one writes', async ({ people, browserOf }) => {
        const { alice, community, path } = await twoMembers(people);
        const page = await browserOf(null);
        await open(page);
        await signIn(page, alice, path);
        await say(page, 'hello');
        for (const name of ['carl', 'dora']) {
          await alice.invite(community, await people.register(name));
        }
        await expect(page.getByText(/and dora \(@dora_\w+\) joined, and can read/)).toBeVisible();
        await expect(page.getByRole('button', { name: 'Make a recovery key' })).toBeVisible();
        await expectAccessible(page, 'newcomers');
        const second = await browserOf(null);
        await signIn(second, alice, path);
        await startOver(second);
        await expect(page.getByText('Your own identity changed.')).toBeVisible(PATIENCE);
        await expectAccessible(page, 'a replaced identity');
      });

      test('a toast', async ({ people, browserOf }) => {
        const { ada, general, quiet } = await scene(people);
        const webhook = await ada.webhook(general, 'Alarms');
        const page = await browserOf(ada, `/c/${quiet.id}`);
        await open(page);
        await expect(page.getByRole('heading', { name: 'quiet', exact: true })).toBeVisible();
        await webhook.post(`@${ada.username} fire in the server room`);
        await expect(page.getByText('fire in the server room')).toBeVisible();
        await expectAccessible(page, 'a toast');
      });

      test('the settings of somebody', async ({ people, browserOf }) => {
        const { ada } = await scene(people);
        const page = await browserOf(ada, '/settings/appearance');
        for (const place of ['appearance', 'notifications', 'sessions']) {
          await open(page, `/settings/${place}`);
          await expect(page.getByRole('heading', { level: 2 }).first()).toBeVisible();
          await expectAccessible(page, `/settings/${place}`);
        }
      });

      test('what is not there', async ({ people, browserOf, server }) => {
        const { ada, general } = await scene(people);
        const stranger = await new People(server.url).register('eve');
        await stranger.community();
        const page = await browserOf(stranger, `/c/${general.id}`);
        await open(page);
        await expect(page.getByRole('heading', { name: 'There is no such channel' })).toBeVisible();
        await expectAccessible(page, 'a channel of others');
        const alone = await people.register('zoe');
        const other = await browserOf(alone);
        await open(other);
        await expect(other.getByLabel('Community name')).toBeVisible();
        await expectAccessible(other, 'somebody without a community');
        expect(ada.user.id).not.toBe(alone.user.id);
      });
    });
  }
}
