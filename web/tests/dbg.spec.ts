import { test, expect } from './support/test';
test('tip', async ({ people, browserOf }) => {
  const ada = await people.register('ada'); const g = await ada.general(await ada.community());
  const w = await ada.webhook(g); for (let i = 0; i < 6; i++) await w.post('hello\n\n- a\n- b\n\n```\nx\ny\n```'); await w.post('x', {username:'Other'});
  const page = await browserOf(ada, `/c/${g.id}`);
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const [reducedMotion, ms] of [['no-preference', 0], ['reduce', 0], ['no-preference', 800], ['reduce', 800]] as const) {
  await page.emulateMedia({reducedMotion}); console.log('##', reducedMotion, ms);
  const third = page.getByRole('article').nth(2);
  await third.hover();
  await third.getByRole('button', { name: 'Message actions' }).click();
  await page.getByRole('menu').waitFor();
  await page.waitForTimeout(ms);
  await page.keyboard.press('Escape');
  await page.getByRole('log').getByRole('note').last().hover();
  await page.waitForTimeout(1500);
  console.log('tip', await page.getByText('It is not end-to-end').count(), await page.locator('.tooltip').allInnerTexts());
  await page.screenshot({ path: `/tmp/h5/dbg-${reducedMotion}-${ms}.png` });
  await page.mouse.move(3,3);
  }
});
