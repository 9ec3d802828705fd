/** Whether everything fits beside one another. */
import { expect, type BrowserContextOptions, type Page } from '@playwright/test';

/** A phone held upright. */
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
};

/** Nothing has to be scrolled sideways but code and tables, which scroll for themselves. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const wide = await page.evaluate(() =>
    [document.documentElement, ...document.body.querySelectorAll('*')]
      .filter((element) => element.scrollWidth > element.clientWidth)
      .filter((element) => {
        const scrolls = ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
        const page = element === document.documentElement;
        const itself = element.closest('pre, code') ?? element.querySelector(':scope > table');
        return page || (scrolls && !itself);
      })
      .map((element) => `${element.tagName} ${element.className}`),
  );
  expect(wide, 'what is wider than its place').toEqual([]);
}
