/** The page as the server hands it out. */
import { expect, test } from './support/test';

test('the page loads without a complaint of the browser', async ({ page }) => {
  const answer = await page.goto('/');
  expect(answer?.status()).toBe(200);
  await expect(page).toHaveTitle(/Chatalot/);
  await expect(page.locator('#app')).not.toBeEmpty();
});

test('the policy of the page refuses what is not its own', async ({ page, complaints }) => {
  complaints.expect(/Content Security Policy/);
  await page.goto('/');
  const ran = await page.evaluate(async () => {
    const refused = new Promise<string>((done) => {
      document.addEventListener('securitypolicyviolation', (event) => {
        done(event.effectiveDirective);
      });
    });
    const script = document.createElement('script');
    script.textContent = 'window.name = "injected"';
    document.body.append(script);
    return { refused: await refused, name: window.name };
  });
  expect(ran).toEqual({ refused: 'script-src-elem', name: '' });
});

test('an unknown address says so', async ({ page }) => {
  const answer = await page.goto('/nothing-here');
  expect(answer?.status()).toBe(404);
  await expect(page).toHaveTitle(/Chatalot/);
});

test('the service worker is a script that this page may register', async ({ page }) => {
  await page.goto('/');
  const scope = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.register('/sw.js');
    await navigator.serviceWorker.ready;
    return registration.scope;
  });
  expect(new URL(scope).pathname).toBe('/');
});

test('what people left is there after the server restarts', async ({
  server,
  people,
  browserOf,
}) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const webhook = await ada.webhook(await ada.general(community));
  await webhook.post('Backup of **db1** failed');
  await server.restart();
  const page = await browserOf(ada);
  const again = await page.request.get(`/api/communities/${community.id}`);
  expect(await again.json()).toMatchObject({ id: community.id, name: community.name });
});

test('what opens over the page keeps to its policy', async ({ people, browserOf, complaints }) => {
  const ada = await people.register('ada');
  const community = await ada.community();
  const general = await ada.general(community);
  const page = await browserOf(ada, `/c/${general.id}`);
  await expect(page.getByRole('heading', { name: 'general' })).toBeVisible();
  await page.keyboard.press('Control+k');
  const switcher = page.getByRole('dialog');
  await expect(switcher.getByText('general')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(switcher).toBeHidden();
  await page.getByRole('link', { name: 'general' }).click({ button: 'right' });
  await expect(page.getByRole('dialog', { name: 'Channel settings' })).toBeVisible();
  expect(complaints.heard).toEqual([]);
});
